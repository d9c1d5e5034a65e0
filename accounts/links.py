"""Links in mails: signed, for one purpose, for a time, and good for one use.

A link names what it is about and carries a fingerprint of a state that its use changes. So it works once, and whatever
else moves that state ends it as well. Nothing is stored for it.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils.crypto import salted_hmac

from accounts.models import User
from core import errors, ids

SALT = "accounts.links"


class Purpose(StrEnum):
    """Each with the path that it leads to below PUBLIC_BASE_URL."""

    VERIFY_EMAIL = "verify-email"
    RESET_PASSWORD = "password-reset"  # noqa: S105 - a path
    INVITATION = "invitation"
    CHANGE_EMAIL = "email-change"


class LinkInvalid(errors.Invalid):
    """Expired, used, meant for something else, or never ours: the holder learns no more than that."""

    code = "link_invalid"
    title = "This link is not valid, or no longer"
    meaning = "A link works once and for a limited time. Ask for a new one."

    def __init__(self) -> None:
        super().__init__(errors=[errors.FieldError("token", "invalid", self.title)])


@dataclass(frozen=True)
class Link:
    subject: str
    fingerprint: str

    @property
    def id(self) -> UUID:
        """The subject, where it is an id."""
        found = ids.parse(self.subject)
        if found is None:
            raise LinkInvalid()
        return found

    def require(self, state: str) -> None:
        """Raises ``LinkInvalid`` if the state has moved since the link was made. Ask it with the row locked."""
        if not secrets.compare_digest(self.fingerprint, _fingerprint(state)):
            raise LinkInvalid()


def make(purpose: Purpose, subject: object, *, state: str) -> str:
    token: str = _signer(purpose).sign_object([str(subject), _fingerprint(state)])
    return token


def read(purpose: Purpose, token: str) -> Link:
    """Raises ``LinkInvalid`` for what was not signed for this purpose or has expired."""
    try:
        subject, fingerprint = _signer(purpose).unsign_object(token, max_age=lifetime(purpose))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid() from error
    return Link(str(subject), str(fingerprint))


def _signer(purpose: Purpose) -> signing.TimestampSigner:
    """Its texts stand in an address as they are: what is copied out of one is the token."""
    return signing.TimestampSigner(salt=f"{SALT}.{purpose}", sep=".")


def url(purpose: Purpose, token: str = "") -> str:
    """Built from configuration, never from the request's Host. Without a token: where a new link can be asked for."""
    query = f"?{urlencode({'token': token})}" if token else ""
    return f"{settings.PUBLIC_BASE_URL}/{purpose}{query}"


def state_of(user: User) -> str:
    """What moves with the e-mail, with a new password and with the end of all sessions."""
    return f"{user.email} {user.session_stamp}"


def lifetime(purpose: Purpose) -> timedelta:
    found: timedelta = {
        Purpose.VERIFY_EMAIL: settings.VERIFICATION_LIFETIME,
        Purpose.RESET_PASSWORD: settings.PASSWORD_RESET_LIFETIME,
        Purpose.INVITATION: settings.INVITATION_LIFETIME,
        Purpose.CHANGE_EMAIL: settings.VERIFICATION_LIFETIME,
    }[purpose]
    return found


def _fingerprint(state: str) -> str:
    return salted_hmac(SALT, state, algorithm="sha256").hexdigest()[:32]
