"""Codes of an authenticator app (RFC 6238): set up, checked, taken away. The arithmetic is allauth's."""

import base64
from dataclasses import dataclass
from datetime import datetime

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.db import transaction

from accounts.factors import challenges, notices, proof, recovery, rows
from accounts.factors.challenges import Purpose
from accounts.models import User
from core import errors

DRIFT = 1  # steps of 30 seconds by which a clock may be wrong, either way


class TotpAlreadySetUp(errors.Conflict):
    code = "totp_already_set_up"
    title = "There is an authenticator app already; remove it first"


@dataclass(frozen=True)
class Setup:
    challenge: str
    secret: str  # base32
    url: str  # otpauth://
    svg: str  # the QR code of the URL


def begin(user: User, *, password: str, now: datetime) -> Setup:
    """Stores nothing: the secret travels, encrypted, in the challenge."""
    proof.require_password(user, password)
    _require_none(user)
    adapter, secret = get_adapter(), generate_totp_secret()
    url = adapter.build_totp_url(user, secret)
    challenge, _ = challenges.make(Purpose.TOTP_SETUP, user=user, extra=adapter.encrypt(secret), now=now)
    return Setup(challenge, secret, url, adapter.build_totp_svg(url))


@transaction.atomic
def confirm(user: User, challenge: str, code: str, *, now: datetime) -> list[str]:
    """From now on a login asks for it. Returns the recovery codes, if these are the first."""
    found = challenges.read_own(Purpose.TOTP_SETUP, challenge, user=user, now=now)
    step = _matching_step(get_adapter().decrypt(found.extra), code, now)
    if step is None:
        raise errors.Invalid.field("code", "wrong", "This is not what the app shows for this secret.")
    rows.lock_owner(user)
    _require_none(user)
    if not challenges.use_up(found, now=now):
        raise errors.Invalid.field("challenge", "invalid", challenges.ChallengeInvalid.title)
    data = {"secret": found.extra, "last_step": step}
    Authenticator.objects.create(user=user, type=rows.Kind.TOTP, data=data, created_at=now)
    codes = recovery.make_if_none(user, now=now)
    notices.changed(user, "auth.second_factor_enabled", by=user, method="totp")
    return codes


@transaction.atomic
def check(user: User, code: str, *, now: datetime) -> bool:
    """Whether it is the code of this moment. A step is good once, and none before it ever again (RFC 6238, 5.2)."""
    for row in rows.locked(user, rows.Kind.TOTP):
        step = _matching_step(get_adapter().decrypt(row.data["secret"]), code, now)
        if step is not None and step > row.data["last_step"]:
            row.data["last_step"], row.last_used_at = step, now
            row.save(update_fields=["data", "last_used_at"])
            return True
    return False


def remove(user: User, *, password: str = "", code: str = "", now: datetime) -> None:
    """Proof is the password, or a code of the app. The last factor takes the recovery codes along."""
    if not rows.of(user, rows.Kind.TOTP).exists():
        raise errors.NotFound()
    if password or not code:
        proof.require_password(user, password)
    else:
        proof.require_code(user, lambda: check(user, code, now=now))
    with transaction.atomic():
        rows.lock_owner(user)
        if not rows.of(user, rows.Kind.TOTP).delete()[0]:
            raise errors.NotFound()
        recovery.drop_if_useless(user)
        notices.changed(user, "auth.second_factor_disabled", by=user, method="totp")


def _require_none(user: User) -> None:
    if rows.of(user, rows.Kind.TOTP).exists():
        raise TotpAlreadySetUp()


def _matching_step(secret: str, code: str, now: datetime) -> int | None:
    present = int(now.timestamp()) // int(app_settings.TOTP_PERIOD)
    for step in range(present - DRIFT, present + DRIFT + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None


def svg_data_url(svg: str) -> str:
    """The QR code as an address for ``<img src>``."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
