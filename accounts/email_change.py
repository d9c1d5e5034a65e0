"""Another e-mail for an account: confirmed by whoever reads the new mailbox, and told to the old one."""

import logging
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import audit, links, mails
from accounts.factors import proof
from accounts.links import LinkInvalid, Purpose
from accounts.models import PendingRegistration, User
from core import clock, errors

logger = logging.getLogger("stitch.auth")


def ask(user: User, *, email: str, password: str) -> None:
    """Has a link sent to the new e-mail. Whether somebody has it is not told; their mailbox is.

    Not for use inside a transaction: guesses of the password count like those of the login.
    """
    wanted = _checked(email)
    proof.require_password(user, password)
    if wanted == user.email:
        raise errors.Invalid.field("email", "unchanged", "This is the e-mail that you have.")
    with transaction.atomic():
        audit.record("auth.email_change_requested", by=user, on=user, facts={"email": wanted})
        mails.send_email_change.enqueue(user_id=str(user.pk), email=wanted)


def _checked(email: str) -> str:
    try:
        cleaned: str = User._meta.get_field("email").clean(email, None)
    except ValidationError as wrong:
        raise errors.Invalid.field("email", "invalid", " ".join(wrong.messages)) from wrong
    return cleaned


def find(token: str) -> tuple[User, str]:
    """Whose link it is and the new e-mail, without using it up. Raises ``LinkInvalid``."""
    return _read(links.read(Purpose.CHANGE_EMAIL, token), is_held=False)


def confirm(token: str, *, now: datetime) -> User:
    """Sessions live on: whoever asked was logged in. Links that went to the old e-mail are over."""
    link = links.read(Purpose.CHANGE_EMAIL, token)
    with transaction.atomic():
        user, email = _read(link, is_held=True)
        before, user.email = user.email, email
        _save(user)
        PendingRegistration.objects.filter(email=email).delete()
        audit.record("auth.email_changed", by=user, on=user, changes={"email": (before, email)})
        mails.tell_email_changed.enqueue(user_id=str(user.pk), email=before, at=clock.iso(now))
    logger.info("User %s has a new e-mail", user.pk)
    return user


def _read(link: links.Link, *, is_held: bool) -> tuple[User, str]:
    user_id, _, email = link.subject.partition(" ")
    users = User.objects.select_for_update() if is_held else User.objects.all()
    user = users.filter(pk=user_id, is_active=True).first()
    if user is None or User.objects.filter(email=email).exists():
        raise LinkInvalid()
    link.require(links.state_of(user))
    return user, email


def _save(user: User) -> None:
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "updated_at"])
    except IntegrityError as taken:  # since we looked
        raise LinkInvalid() from taken
