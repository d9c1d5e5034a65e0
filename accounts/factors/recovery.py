"""Recovery codes: ten, each good for one login, for the day on which the device is lost. allauth makes them."""

from datetime import datetime

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import transaction

from accounts.factors import notices, proof, rows
from accounts.models import User
from core import errors


class NoSecondFactor(errors.Conflict):
    code = "no_second_factor"
    title = "Set up an authenticator app or a passkey first"


def renew(user: User, *, password: str, now: datetime) -> list[str]:
    """A new set; of the old one no code is good any more."""
    proof.require_password(user, password)
    with transaction.atomic():
        rows.lock_owner(user)
        if not rows.has_factor(user):
            raise NoSecondFactor()
        rows.of(user, rows.Kind.RECOVERY_CODES).delete()
        codes = make_if_none(user, now=now)
        notices.changed(user, "auth.recovery_codes_renewed", by=user)
    return codes


def make_if_none(user: User, *, now: datetime) -> list[str]:
    """With the owner locked. Nothing where there are codes already: they were shown, once."""
    if rows.of(user, rows.Kind.RECOVERY_CODES).exists():
        return []
    data = {"seed": get_adapter().encrypt(RecoveryCodes.generate_seed()), "used_mask": 0}
    row = Authenticator.objects.create(user=user, type=rows.Kind.RECOVERY_CODES, data=data, created_at=now)
    codes: list[str] = RecoveryCodes(row).generate_codes()
    return codes


@transaction.atomic
def check(user: User, code: str, *, now: datetime) -> bool:
    """Whether it is one of the codes that are left; then it is used up, and its owner is told."""
    for row in rows.locked(user, rows.Kind.RECOVERY_CODES):
        codes = RecoveryCodes(row)
        if codes.validate_code(code):
            Authenticator.objects.filter(pk=row.pk).update(last_used_at=now)
            notices.changed(user, "auth.recovery_code_used", by=user, left=left(user))
            return True
    return False


def left(user: User) -> int:
    row = rows.of(user, rows.Kind.RECOVERY_CODES).first()
    if row is None:
        return 0
    used: int = row.data["used_mask"]
    return int(app_settings.RECOVERY_CODE_COUNT) - used.bit_count()


def drop_if_useless(user: User) -> None:
    """With the owner locked."""
    if not rows.has_factor(user):
        rows.of(user, rows.Kind.RECOVERY_CODES).delete()
