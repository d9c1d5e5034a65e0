"""Letting somebody in and out for good, without deleting what they wrote."""

from datetime import datetime

from django.db import transaction

from accounts import administrators, audit, rights, tokens
from accounts.models import TokenFamily, User
from core import errors

REVOKE = "accounts.revoke_tokenfamily"


class CannotDeactivateYourself(errors.Conflict):
    code = "cannot_deactivate_yourself"
    title = "You cannot deactivate yourself"


def may_manage(user: User, *, by: User) -> bool:
    return rights.may_manage(user, by=by)


@transaction.atomic
def activate(user: User, *, by: User) -> None:
    with administrators.managed(user, by=by):
        if not user.is_active:
            _set(user, is_active=True)
            audit.record("user.activated", by=by, on=user, changes={"is_active": (False, True)})


@transaction.atomic
def deactivate(user: User, *, by: User, now: datetime) -> None:
    """Logs the user out everywhere, at once. What was revoked stays so if the user is activated again."""
    with administrators.managed(user, by=by):
        if user.is_active:
            _set(user, is_active=False)
            tokens.revoke_all(user, now=now)
            audit.record("user.deactivated", by=by, on=user, changes={"is_active": (True, False)})
    if user == by:
        raise CannotDeactivateYourself()


@transaction.atomic
def log_out(user: User, *, by: User, now: datetime) -> None:
    """Everywhere, the admin included. The user may log in again."""
    rights.require(by, REVOKE)
    count = tokens.revoke_all(user, now=now)
    audit.record("auth.logout_all", by=by, on=user, facts={"sessions": count})


@transaction.atomic
def end_session(family: TokenFamily, *, by: User, now: datetime) -> bool:
    """One login. Whether it was still alive."""
    rights.require(by, REVOKE)
    if not TokenFamily.objects.filter(pk=family.pk).revoke(now):
        return False
    audit.record("auth.session_revoked", by=by, kind="session", object_id=family.pk, name=family.user.username)
    return True


def _set(user: User, *, is_active: bool) -> None:
    user.is_active = is_active
    user.save(update_fields=["is_active", "updated_at"])
