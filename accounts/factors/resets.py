"""Letting somebody in again who has lost every factor."""

from datetime import datetime

from django.db import transaction

from accounts import activation
from accounts.factors import notices, rows
from accounts.models import User
from core import errors

RIGHT = "accounts.change_user"


class CannotResetYourOwnFactors(errors.Conflict):
    """A stolen session of an administrator must not get rid of the second factor."""

    code = "cannot_reset_your_own_factors"
    title = "Remove your own factors one by one, with your password"


@transaction.atomic
def reset_factors(user: User, *, by: User, now: datetime) -> None:
    """Takes authenticator app, passkeys and recovery codes away; the owner is told. Nothing to take is no error."""
    if not activation.may_manage(user, by=by):
        raise errors.Forbidden()
    if user == by:
        raise CannotResetYourOwnFactors()
    rows.lock_owner(user)
    count, _ = rows.of(user).delete()
    if count:
        notices.changed(user, "auth.second_factors_reset", by=by)
