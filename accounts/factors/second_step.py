"""The second step of a login: asked for after the right password alone, and passed with a code or a passkey."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings

from accounts import audit, lockout
from accounts.factors import challenges, passkeys, recovery, rows, totp, webauthn
from accounts.factors.challenges import Challenge, Purpose
from accounts.models import User
from core import addresses, errors

logger = logging.getLogger("stitch.auth")

METHODS = {rows.Kind.TOTP: "totp", rows.Kind.RECOVERY_CODES: "recovery_code", rows.Kind.WEBAUTHN: "passkey"}


class SecondFactorRequired(errors.Unauthenticated):
    code = "second_factor_required"
    title = "The password is right; this account asks for a second factor as well"
    meaning = "Send the `challenge` of this answer, with a code or a passkey, to `/auth/login/second-factor`."

    def __init__(self, challenge: str, methods: list[str], passkey_options: dict[str, Any] | None) -> None:
        super().__init__()
        self.challenge, self.methods, self.passkey_options = challenge, methods, passkey_options
        self.members = {"challenge": challenge, "methods": methods, "passkey_options": passkey_options}


class SecondFactorInvalid(errors.Unauthenticated):
    code = "second_factor_invalid"
    title = "This code is wrong, or was used already"
    meaning = "Send another code with the same challenge. A code of the app is good once: wait for the next one."


def demand(user: User, *, now: datetime) -> None:
    """For somebody whose password was right. Raises ``SecondFactorRequired``, or returns where there is no factor."""
    kinds = {row.type for row in rows.of(user)}
    if not kinds - {rows.Kind.RECOVERY_CODES}:
        return
    challenge, nonce = challenges.make(Purpose.SECOND_STEP, user=user, now=now)
    methods = [METHODS[kind] for kind in METHODS if kind in kinds]
    options = webauthn.request_options(nonce, passkeys.keys_of(user)) if rows.Kind.WEBAUTHN in kinds else None
    raise SecondFactorRequired(challenge, methods, options)


def complete(challenge: str, *, code: str = "", credential: Mapping[str, Any] | None = None, now: datetime) -> User:
    """The user who may be logged in now. A wrong code counts against the account and the address, and may be mended."""
    found = challenges.read(Purpose.SECOND_STEP, challenge, now=now)
    user = found.user
    if user is None or challenges.is_used(found):  # a recovery code sent with a used one is not spent
        raise challenges.ChallengeInvalid()
    try:
        with lockout.attempt(email=user.email, address=addresses.client_address_var.get(), kind="code"):
            _check(user, found, code, credential, now)
    except (SecondFactorInvalid, passkeys.PasskeyInvalid) as refusal:
        logger.warning("Second factor refused for %s", user.pk)
        audit.record("auth.login_failed", by=None, on=user, facts={"step": "second factor", "reason": refusal.code})
        raise
    if not challenges.use_up(found, now=now):
        raise challenges.ChallengeInvalid()
    return user


def _check(user: User, found: Challenge, code: str, credential: Mapping[str, Any] | None, now: datetime) -> None:
    if credential is not None:
        passkeys.check(user, credential, found.nonce, must_verify_user=False, now=now)
        return
    # Told apart by their length, so that one guess is never checked against both.
    is_of_app = len(normalize_user_code(code)) == app_settings.TOTP_DIGITS
    if not (totp.check if is_of_app else recovery.check)(user, code, now=now):
        raise SecondFactorInvalid()
