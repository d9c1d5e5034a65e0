"""Proving once more that it is oneself, before a factor changes: whoever finds an open session must not be able to."""

from collections.abc import Callable

from accounts import lockout
from accounts.models import User
from core import addresses, errors


class _Wrong(errors.Unauthenticated):
    """Counts as a failed attempt; leaves this module as a field error."""


def require_password(user: User, password: str) -> None:
    """Takes one password hash. Guesses count like those of the login. Not for use inside a transaction."""
    _require(user, lambda: user.check_password(password), field="current_password", kind="password")


def require_code(user: User, check: Callable[[], bool]) -> None:
    _require(user, check, field="code", kind="code")


def _require(user: User, check: Callable[[], bool], *, field: str, kind: str) -> None:
    try:
        with lockout.attempt(email=user.email, address=addresses.client_address_var.get(), kind=kind):
            if not check():
                raise _Wrong()
    except _Wrong as error:
        raise errors.Invalid.field(field, "wrong", "This is not right.") from error
