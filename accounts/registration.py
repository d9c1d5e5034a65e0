"""From a stranger to a user: registering, and following the link that shows that the e-mail is one's own.

Who registers gets one and the same answer, in the same time, whoever has the e-mail: nothing is asked about it. One row
is written, and a job looks at it and decides which mail goes out (``accounts.mails``).
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from accounts import audit, links, lockout, mails, passwords
from accounts.links import LinkInvalid, Purpose
from accounts.models import PendingRegistration, Role, User
from core import errors

logger = logging.getLogger("stitch.auth")

TAKEN = errors.FieldError("username", "unique", "This username is taken.")


class RegistrationClosed(errors.Forbidden):
    code = "registration_closed"
    title = "Nobody can register here"
    meaning = "Accounts are made by the administrators of this site."


def require_open() -> None:
    if settings.REGISTRATION != "open":
        raise RegistrationClosed()


# --- Registering ---------------------------------------------------------------------------------------------------


def register(*, email: str, username: str, password: str, display_name: str = "", now: datetime) -> None:
    """Notes who wants to come in, and has a mail sent to the e-mail. Reserves neither the e-mail nor the username."""
    require_open()
    wanted = User(email=email, username=username, display_name=display_name)
    _check(wanted, password)
    hashed = make_password(password)  # slow, so before the transaction
    with transaction.atomic():
        pending = PendingRegistration.objects.create(
            email=wanted.email,
            username=username,
            display_name=display_name,
            password=hashed,
            created_at=now,
            expires_at=now + settings.VERIFICATION_LIFETIME,
        )
        facts = {"email": lockout.masked(wanted.email)}
        audit.record("auth.registered", by=None, kind="registration", object_id=pending.pk, name=username, facts=facts)
        mails.answer_registration.enqueue(registration_id=str(pending.pk))


def ask_again(email: str) -> None:
    """Has the link sent once more, if somebody waits for it. The job looks; whoever asks is told nothing."""
    if settings.REGISTRATION != "open":
        return
    with transaction.atomic():
        mails.repeat_verification.enqueue(email=email)


def is_taken(username: str, *, other_than: User | None = None) -> bool:
    rows = User.objects.annotate(handle=Lower("username")).filter(handle=username.lower())
    return rows.exclude(pk=other_than.pk).exists() if other_than is not None else rows.exists()


def _check(wanted: User, password: str) -> None:
    """Raises ``Invalid`` with everything that is wrong. Never looks whether somebody has the e-mail."""
    found: list[errors.FieldError] = []
    try:
        wanted.clean_fields(exclude=["password"])
    except ValidationError as wrong:
        found += errors.Invalid.from_django(wrong).errors
    if not any(one.field == "username" for one in found) and is_taken(wanted.username):
        found.append(TAKEN)
    found += passwords.weaknesses(password, wanted, field="password")
    if found:
        raise errors.Invalid(errors=found)


# --- Following the link --------------------------------------------------------------------------------------------


def find(token: str, *, now: datetime) -> PendingRegistration:
    """Whose link it is, without using it up. Raises ``LinkInvalid``."""
    link = links.read(Purpose.VERIFY_EMAIL, token)
    found = PendingRegistration.objects.filter(pk=link.id, expires_at__gt=now).first()
    if found is None:
        raise LinkInvalid()
    link.require(found.email)
    return found


def verify(token: str, *, now: datetime) -> User:
    """Makes the user. Of several at once one does; the others find no registration any more.

    Whoever follows a link owns the mailbox, but cannot see whose registration it came from. So where several wait for
    the one mailbox, under different usernames, no password of theirs counts: it may be a stranger's. A link to choose
    one is mailed instead. (Who just registers again, since no mail came, takes the same username.)
    """
    found = find(token, now=now)
    require_open()
    with transaction.atomic():
        # All of the same e-mail, in one order: two links for one mailbox wait for each other and not in a circle.
        held = list(PendingRegistration.objects.select_for_update().filter(email=found.email).order_by("pk"))
        if found not in held:
            raise LinkInvalid()
        if is_contested := len({one.username.lower() for one in held if one.expires_at > now}) > 1:
            found.password = make_password(None)
        user = _make_user(found)
        PendingRegistration.objects.filter(pk__in=[one.pk for one in held]).delete()
        audit.record("auth.email_verified", by=user, on=user, facts={"contested": True} if is_contested else None)
        if is_contested:
            passwords.ask(user.email)
    logger.info("User %s registered", user.pk)
    return user


def _make_user(pending: PendingRegistration) -> User:
    """The unique indexes have the last word; a username that was taken meanwhile gets a number."""
    for username in _usernames(pending.username):
        if User.objects.filter(email=pending.email).exists():
            break
        if is_taken(username):
            continue
        try:
            with transaction.atomic():
                return _insert(pending, username)
        except IntegrityError:  # somebody was faster, with the e-mail or the username
            continue
    raise LinkInvalid()


def _usernames(wanted: str) -> Iterator[str]:
    yield wanted
    yield from (f"{wanted[:145]}-{number}" for number in range(2, 10_000))  # 150 are allowed


def _insert(pending: PendingRegistration, username: str) -> User:
    user = User(email=pending.email, username=username, display_name=pending.display_name, password=pending.password)
    user.save(force_insert=True)
    user.groups.add(*Group.objects.filter(name=Role.MEMBER))
    return user


def prune(*, now: datetime) -> int:
    """Forgets those who never followed their link. Returns how many."""
    count, _ = PendingRegistration.objects.filter(expires_at__lte=now).delete()
    return count
