"""Checking an e-mail and a password: one refusal, after one and the same time, whatever was wrong with them."""

import logging

from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError

from accounts import audit, lockout
from accounts.models import User
from core import errors

logger = logging.getLogger("stitch.auth")

MAX_PASSWORD_LENGTH = 1024  # hashing has its price: nobody makes us pay it for megabytes


class InvalidCredentials(errors.Unauthenticated):
    code = "invalid_credentials"
    title = "E-mail or password is wrong"
    meaning = "No account that may log in has this e-mail and this password. Which of them is wrong is not told."


class MaximumLength:
    """A password validator of Django's: nobody sets a password with which nobody could log in."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) > MAX_PASSWORD_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        return f"Your password may have at most {MAX_PASSWORD_LENGTH} characters."


def authenticate(email: str, password: str, *, address: str) -> User:
    """The active user with this e-mail and this password. A hash made with other settings than today's is renewed.

    Raises ``InvalidCredentials`` after one password hash, whether the password is wrong, nobody has this e-mail, or the
    account is not active. (One difference remains: a hash by another hasher than today's, until its owner logs in.)
    After too many of them, ``lockout.TooManyFailures`` before anything is looked at. Not for use in a transaction.
    """
    if len(password) > MAX_PASSWORD_LENGTH:
        raise errors.Invalid.field("password", "max_length", f"At most {MAX_PASSWORD_LENGTH} characters.")
    with lockout.attempt(email=email, address=address):
        user = User.objects.filter(email=email).first()
        if not _is_right(user, password) or user is None:
            _tell(user, email)
            raise InvalidCredentials()
    return user


def _tell(user: User | None, email: str) -> None:
    logger.warning("Login refused for %s", user.pk if user else "an unknown e-mail")
    name = "" if user else lockout.masked(email)
    audit.record("auth.login_failed", by=None, on=user, kind="user", name=name)


def _is_right(user: User | None, password: str) -> bool:
    if user is None:
        make_password(password)
        return False
    if not user.is_active:
        check_password(password, user.password)
        return False
    return user.check_password(password)
