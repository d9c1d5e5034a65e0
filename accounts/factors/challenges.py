"""Challenges: what a client carries from the first step of something to its last.

Signed, for one purpose, for one user where one is known already, good for minutes and for one success. A challenge dies
with the password and with the sessions of the moment in which it was made. It is no token: no other door reads it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.core import signing
from django.core.cache import caches
from django.utils.crypto import constant_time_compare, salted_hmac
from fido2.utils import websafe_decode, websafe_encode

from accounts.models import User
from core import errors

SALT = "accounts.factors.challenges"


class Purpose(StrEnum):
    SECOND_STEP = "second-step"
    PASSKEY_LOGIN = "passkey-login"
    TOTP_SETUP = "totp-setup"
    PASSKEY_SETUP = "passkey-setup"


LIFETIME: dict[Purpose, timedelta] = {
    Purpose.SECOND_STEP: timedelta(minutes=5),
    Purpose.PASSKEY_LOGIN: timedelta(minutes=5),
    Purpose.TOTP_SETUP: timedelta(minutes=15),  # somebody may have to install an app first
    Purpose.PASSKEY_SETUP: timedelta(minutes=5),
}


class ChallengeInvalid(errors.Unauthenticated):
    code = "challenge_invalid"
    title = "This challenge is not valid, or no longer"
    meaning = "It has expired, was used, or belongs to something else. Begin again with the first step."


@dataclass(frozen=True)
class Challenge:
    nonce: bytes  # what a passkey signs
    user: User | None
    extra: str
    expires_at: int


def make(purpose: Purpose, *, now: datetime, user: User | None = None, extra: str = "") -> tuple[str, bytes]:
    """The challenge for the client, and the nonce in it. ``extra`` is signed, not hidden."""
    nonce = secrets.token_bytes(32)
    expires_at = int((now + LIFETIME[purpose]).timestamp())
    owner = [str(user.pk), _fingerprint(user)] if user else ["", ""]
    return _signer(purpose).sign_object([websafe_encode(nonce), *owner, extra, expires_at]), nonce


def read(purpose: Purpose, raw: str, *, now: datetime) -> Challenge:
    """One query, for the user. Raises ``ChallengeInvalid``."""
    try:
        nonce, owner, fingerprint, extra, expires_at = _signer(purpose).unsign_object(raw)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise ChallengeInvalid() from error
    if now.timestamp() >= expires_at:
        raise ChallengeInvalid()
    user = _owner(owner, fingerprint) if owner else None
    return Challenge(websafe_decode(nonce), user, extra, expires_at)


def read_own(purpose: Purpose, raw: str, *, user: User, now: datetime) -> Challenge:
    """For somebody who is logged in: a challenge that was made for them, otherwise 422 and not 401."""
    try:
        found = read(purpose, raw, now=now)
    except ChallengeInvalid as error:
        raise errors.Invalid.field("challenge", "invalid", error.detail) from error
    if found.user != user:
        raise errors.Invalid.field("challenge", "invalid", ChallengeInvalid.title)
    return found


def use_up(challenge: Challenge, *, now: datetime) -> bool:
    """False where it was used up before: of several at once, in whichever worker, one gets True."""
    left = max(1, challenge.expires_at - int(now.timestamp()) + 1)
    return caches["counters"].add(_key(challenge), 1, timeout=left)


def is_used(challenge: Challenge) -> bool:
    """For doing nothing at all with one that was used; ``use_up`` has the last word."""
    return caches["counters"].get(_key(challenge)) is not None


def _key(challenge: Challenge) -> str:
    return f"challenge:{websafe_encode(challenge.nonce)}"


def _owner(owner: str, fingerprint: str) -> User:
    user = User.objects.filter(pk=owner, is_active=True).first()  # signed by us: it is an id
    if user is None or not constant_time_compare(fingerprint, _fingerprint(user)):
        raise ChallengeInvalid()
    return user


def _fingerprint(user: User) -> str:
    state = f"{user.pk}|{user.password}|{user.session_stamp}"
    return salted_hmac(SALT, state, algorithm="sha256").hexdigest()[:32]


def _signer(purpose: Purpose) -> Any:
    return signing.Signer(salt=f"{SALT}.{purpose}")
