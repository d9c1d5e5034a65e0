"""Guessing at accounts in this process; for the tests of ``accounts.lockout``."""

from accounts import credentials, lockout
from core import errors
from tests.factories import PASSWORD

HERE, ELSEWHERE = "192.0.2.1", "198.51.100.1"
OWNER = "owner@example.com"


def log_in(email: str = OWNER, password: str = PASSWORD, *, address: str = HERE) -> str | int:
    """``in``, ``refused`` after the password was looked at, or the seconds to wait."""
    try:
        credentials.authenticate(email, password, address=address)
    except credentials.InvalidCredentials:
        return "refused"
    except lockout.TooManyFailures as locked:
        return locked.retry_after or 0
    return "in"


def guess(email: str = OWNER, *, address: str = HERE) -> str | int:
    return log_in(email, "not the password", address=address)


def guesses(times: int, email: str = OWNER, *, address: str = HERE) -> list[str | int]:
    return [guess(email, address=address) for _ in range(times)]


class CodeWrong(errors.Invalid):
    pass


def code_refused(address: str = HERE) -> str | int:
    """As ``guess``, for a code."""
    try:
        with lockout.attempt(email=OWNER, address=address, kind="code"):
            raise CodeWrong()
    except CodeWrong:
        return "refused"
    except lockout.TooManyFailures as locked:
        return locked.retry_after or 0


def stranger(number: int) -> str:
    """An address of its own for each of many."""
    return f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}"
