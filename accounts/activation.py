"""Letting somebody in and out for good, without deleting what they wrote."""

from datetime import datetime

from django.db import transaction

from accounts import tokens
from accounts.models import User
from core import errors


class CannotDeactivateYourself(errors.Conflict):
    code = "cannot_deactivate_yourself"
    title = "You cannot deactivate yourself"


def may_manage(user: User, *, by: User) -> bool:
    """Superusers are managed by superusers only: whoever sets somebody's password can become them."""
    return by.has_perm("accounts.change_user") and (by.is_superuser or not user.is_superuser)


@transaction.atomic
def activate(user: User, *, by: User) -> None:
    _require(user, by)
    _set(user, is_active=True)


@transaction.atomic
def deactivate(user: User, *, by: User, now: datetime) -> None:
    """Logs the user out everywhere, at once. What was revoked stays so if the user is activated again."""
    _require(user, by)
    if user == by:
        raise CannotDeactivateYourself()
    _set(user, is_active=False)
    tokens.revoke_all(user, now=now)


def _require(user: User, by: User) -> None:
    if not may_manage(user, by=by):
        raise errors.Forbidden()


def _set(user: User, *, is_active: bool) -> None:
    user.is_active = is_active
    user.save(update_fields=["is_active", "updated_at"])
