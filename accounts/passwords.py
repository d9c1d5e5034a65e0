"""New passwords: through a mailed link, for those who forgot or never had one, and with the present password.

Whichever way it comes, a new password ends the sessions of its owner (``User.save``) and the links that are out, and
the owner is told by mail.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from accounts import audit, links, lockout, mails
from accounts.factors import proof
from accounts.links import LinkInvalid, Purpose
from accounts.models import User
from core import addresses, clock, errors
from core.observability import request_id_var

logger = logging.getLogger("stitch.auth")


def weaknesses(password: str, user: User, *, field: str) -> list[errors.FieldError]:
    """What the validators of settings.AUTH_PASSWORD_VALIDATORS have against it. ``user`` need not be saved."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as weak:
        return [errors.FieldError(field, one.code or "invalid", " ".join(one.messages)) for one in weak.error_list]
    return []


def _require_strong(password: str, user: User, *, field: str) -> None:
    if found := weaknesses(password, user, field=field):
        raise errors.Invalid(errors=found)


# --- By a mailed link ----------------------------------------------------------------------------------------------


def ask(email: str) -> None:
    """Has a link sent, if an account that may log in has this e-mail. The job looks; whoever asks is told nothing."""
    with transaction.atomic():
        mails.send_password_reset.enqueue(
            email=email, address=addresses.client_address_var.get(), request_id=request_id_var.get()
        )


def find(purpose: Purpose, token: str) -> User:
    """Whose link it is, without using it up. Raises ``LinkInvalid``."""
    return _owner(links.read(purpose, token), User.objects.all())


def set_by_link(purpose: Purpose, token: str, password: str, *, now: datetime) -> User:
    """A link sets one password; of several at once exactly one wins. A weak password leaves the link as it was."""
    link = links.read(purpose, token)
    user = _owner(link, User.objects.all())
    _require_strong(password, user, field="password")
    user.set_password(password)  # slow, so before the transaction
    with transaction.atomic():
        _owner(link, User.objects.select_for_update())
        user.save(update_fields=["password", "updated_at"])
        lockout.forgive(user.email, address=addresses.client_address_var.get())
        _tell("auth.password_reset" if purpose == Purpose.RESET_PASSWORD else "auth.invitation_accepted", user, now)
    return user


def _owner(link: links.Link, users: QuerySet[User]) -> User:
    user = users.filter(pk=link.id, is_active=True).first()
    if user is None:
        raise LinkInvalid()
    link.require(links.state_of(user))
    return user


# --- By whoever is logged in ---------------------------------------------------------------------------------------


def change(user: User, *, current: str, new: str, session: UUID, now: datetime) -> None:
    """Ends every session but the given one. Guesses of the present password count like those of the login.

    Not for use inside a transaction, which would take the count back.
    """
    proof.require_password(user, current)
    if new == current:
        raise errors.Invalid.field("new_password", "unchanged", "This is the password that you have.")
    replace(user, new, session=session, now=now)


def replace(user: User, new: str, *, session: UUID | None, now: datetime) -> None:
    """For somebody who has just proved to be the owner: ``user`` still holds the hash that was checked.

    Refused where that hash, or being active, has changed since. Writes the password alone: whatever else somebody has
    changed about the user meanwhile stays.
    """
    _require_strong(new, user, field="new_password")
    checked = user.password
    user.set_password(new)
    user.kept_session = session
    with transaction.atomic():
        if not User.objects.select_for_update().filter(pk=user.pk, password=checked, is_active=True).exists():
            raise errors.Invalid.field("current_password", "wrong", "This is not right.")
        user.save(update_fields=["password", "updated_at"])
        _tell("auth.password_changed", user, now)


def _tell(action: str, user: User, now: datetime) -> None:
    logger.info("User %s has a new password", user.pk)
    audit.record(action, by=user, on=user)
    if action != "auth.invitation_accepted":
        mails.tell_password_changed.enqueue(user_id=str(user.pk), at=clock.iso(now))
