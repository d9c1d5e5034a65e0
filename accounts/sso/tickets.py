"""The one-time code with which whoever began a login gets its outcome. It travels in an address, and is no token.

It is good for a minute and for one use, and only together with the verifier whose SHA-256 was given at the beginning:
whoever finds it in a history, a log or a Referer can do nothing with it. Nothing is stored but that it was used.
"""

import base64
import hashlib
import re
import secrets
from datetime import timedelta

from django.core import signing
from django.utils.crypto import salted_hmac

from accounts.models import User
from core import errors
from core.counters import DatabaseCounters

LIFETIME = timedelta(seconds=60)
SALT = "accounts.sso.tickets"
CHALLENGE = r"[A-Za-z0-9_-]{43}"  # RFC 7636: BASE64URL(SHA-256(verifier))
VERIFIER = r"[A-Za-z0-9._~-]{43,128}"
MAX_LENGTH = 400


class CodeInvalid(errors.Unauthenticated):
    """Expired, used, ours no more, or presented by somebody else: the holder learns no more than that."""

    code = "sso_code_invalid"
    title = "The code of this login is not valid, or no longer"
    meaning = "A code is good for one minute, for one use, and for the frontend that began the login. Begin it again."


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def is_challenge(text: str) -> bool:
    return re.fullmatch(CHALLENGE, text) is not None


def issue(user: User, *, challenge: str) -> str:
    """No two are the same, also not two in the same second."""
    return signing.dumps([str(user.pk), challenge, _fingerprint(user), secrets.token_urlsafe(12)], salt=SALT)


def redeem(code: str, *, verifier: str) -> User:
    """The user who logged in, once. The wrong verifier does not use a code up: a thief takes it from nobody."""
    user_id, challenge, fingerprint = _read(code)
    if not re.fullmatch(VERIFIER, verifier) or not secrets.compare_digest(challenge_of(verifier), challenge):
        raise CodeInvalid()
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not secrets.compare_digest(_fingerprint(user), fingerprint):
        raise CodeInvalid()
    if not is_first_use(code, LIFETIME):
        raise CodeInvalid()
    return user


def is_first_use(name: str, within: timedelta) -> bool:
    """True once. The database keeps count, with Redis too: what was used stays used while Redis is away."""
    key = f"sso:{hashlib.sha256(name.encode()).hexdigest()}"
    return DatabaseCounters("", {}).add(key, 1, int(within.total_seconds()) + 1)


def _read(code: str) -> tuple[str, str, str]:
    try:
        user_id, challenge, fingerprint, _ = signing.loads(code, salt=SALT, max_age=LIFETIME)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise CodeInvalid() from error
    return user_id, challenge, fingerprint


def _fingerprint(user: User) -> str:
    """Whatever ends all sessions of somebody ends the login that is under way, too."""
    return salted_hmac(SALT, user.session_stamp, algorithm="sha256").hexdigest()[:32]
