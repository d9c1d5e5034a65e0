"""Every mail about an account, each a job. A link is made when its mail is, so that no token is ever stored.

What strangers can have sent to somebody is limited for each address; beyond that nothing is sent, and nobody is told.
Such mail repeats nothing that a stranger has written: it would be our name over their words.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import caches
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit, links
from accounts.links import Purpose
from accounts.models import LowercaseEmailField, PendingRegistration, User
from core import jobs, mail

logger = logging.getLogger("stitch.auth")

PER_HOUR = 3  # mails of one kind to one address; an exhausted kind leaves the owner the others
HOUR = 3600


# --- What strangers can ask for ------------------------------------------------------------------------------------


@jobs.job(queue="mail")
def answer_registration(registration_id: str) -> None:
    """The link, or to the owner of an account the news that somebody wanted to register with their e-mail."""
    pending = PendingRegistration.objects.filter(pk=registration_id).first()
    if pending is not None:
        _answer_registration(pending.email, pending)


@jobs.job(queue="mail")
def repeat_verification(email: str) -> None:
    waiting = PendingRegistration.objects.filter(email=email, expires_at__gt=timezone.now())
    _answer_registration(LowercaseEmailField().to_python(email), waiting.order_by("-created_at", "-pk").first())


def _answer_registration(email: str, pending: PendingRegistration | None) -> None:
    if User.objects.filter(email=email).exists():
        _send_sparingly("already_registered", to=email, context={"url": links.url(Purpose.RESET_PASSWORD)})
    elif pending is not None:
        pending.expires_at = timezone.now() + links.lifetime(Purpose.VERIFY_EMAIL)  # from now, as the mail says
        pending.save(update_fields=["expires_at"])
        _send_sparingly("verify_email", to=email, context=_link(Purpose.VERIFY_EMAIL, pending.pk, pending.email))


@jobs.job(queue="mail")
def send_password_reset(email: str, address: str, request_id: str) -> None:
    """For the request that asked for it. Whoever has no password but an identity provider gets none here."""
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None or not (user.has_usable_password() or not user.external_identities.exists()):
        return
    context = {"name": user.name, **_link(Purpose.RESET_PASSWORD, user.pk, links.state_of(user))}
    if _send_sparingly("password_reset", to=user.email, context=context):
        with audit.on_behalf_of(address=address, request_id=request_id):
            audit.record("auth.password_reset_requested", by=None, on=user)


@jobs.job(queue="mail")
def send_email_change(user_id: str, email: str) -> None:
    """To the new address, which may be a stranger's. If somebody has it, they learn that, and nobody else."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if User.objects.filter(email=email).exists():
        _send_sparingly("already_registered", to=email, context={"url": links.url(Purpose.RESET_PASSWORD)})
    elif user is not None:
        link = _link(Purpose.CHANGE_EMAIL, f"{user.pk} {email}", links.state_of(user))
        _send_sparingly("email_change", to=email, context=link)


# --- What the owner or an administrator has done -------------------------------------------------------------------


@jobs.job(queue="mail")
def send_invitation(user_id: str) -> None:
    """For somebody who was given an account, and gives themselves a password for it."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is not None:
        context = {"name": user.name, **_link(Purpose.INVITATION, user.pk, links.state_of(user))}
        mail.send("accounts/mail/invitation", to=user.email, context=context)


@jobs.job(queue="mail")
def tell_password_changed(user_id: str, at: str) -> None:
    user = User.objects.filter(pk=user_id).first()
    if user is not None:
        context = {"name": user.name, "at": datetime.fromisoformat(at), "url": links.url(Purpose.RESET_PASSWORD)}
        mail.send("accounts/mail/password_changed", to=user.email, context=context)


@jobs.job(queue="mail")
def tell_key_created(user_id: str, name: str, at: str) -> None:
    """A key outlives sessions and passwords, so nobody shall have one unawares."""
    user = User.objects.filter(pk=user_id).first()
    if user is not None:
        context = {"name": user.name, "key": name, "at": datetime.fromisoformat(at)}
        mail.send("accounts/mail/key_created", to=user.email, context=context)


@jobs.job(queue="mail")
def tell_email_changed(user_id: str, email: str, at: str) -> None:
    """To the old address."""
    user = User.objects.filter(pk=user_id).first()
    if user is not None:
        context = {"name": user.name, "at": datetime.fromisoformat(at)}
        mail.send("accounts/mail/email_changed", to=email, context=context)


# --- How -----------------------------------------------------------------------------------------------------------


def _link(purpose: Purpose, subject: object, state: str) -> dict[str, str]:
    token = links.make(purpose, subject, state=state)
    return {"url": links.url(purpose, token), "lifetime": _in_words(links.lifetime(purpose))}


def _send_sparingly(name: str, *, to: str, context: Mapping[str, Any]) -> bool:
    """Whether it was sent. A mail that could not be sent is not counted: the job comes again."""
    key = _key(name, to)
    if _count(key) > PER_HOUR:
        logger.warning("No mail %s: this address has had enough of them for now", name)
        return False
    try:
        mail.send(f"accounts/mail/{name}", to=to, context=context)
    except Exception:
        with suppress(ValueError):  # the hour has just ended
            caches["counters"].incr(key, -1)
        raise
    return True


def _key(name: str, to: str) -> str:
    """What stands behind a + leads to the same mailbox, and would make the limit none."""
    local, _, domain = to.rpartition("@")
    mailbox = f"{local.partition('+')[0]}@{domain}"
    return f"mail:{salted_hmac('accounts.mails', f'{name} {mailbox}', algorithm='sha256').hexdigest()}"


def _count(key: str) -> int:
    counters = caches["counters"]
    if counters.add(key, 1, timeout=HOUR):
        return 1
    with suppress(ValueError):
        return int(counters.incr(key))
    return 1


def _in_words(span: timedelta) -> str:
    hours, rest = divmod(int(span.total_seconds()), HOUR)
    if rest:
        return f"{hours * 60 + rest // 60} minutes"
    if hours > 24 and hours % 24 == 0:
        return f"{hours // 24} days"
    return "1 hour" if hours == 1 else f"{hours} hours"
