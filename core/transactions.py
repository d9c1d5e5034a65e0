"""Verbs that are all or nothing wherever they are called, and requests that are as a whole.

Alone a verb is a transaction. Inside another one it is a savepoint, because its caller may catch what it raises and go
on. Where any error ends everything, neither is needed: there a verb joins what goes on, and what it writes may wait for
the next statement that somebody reads from (docs/decisions/0018-fewer-round-trips.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

from django.db import transaction

from core import batch

_is_whole = ContextVar("is_whole", default=False)


@contextmanager
def whole() -> Iterator[None]:
    """One transaction for all that is done in it. The caller lets every exception out, and so ends it.

    Whoever catches what a verb has raised, and goes on, finds that nothing more can be asked or committed.
    """
    with transaction.atomic(), batch.gathered(with_commit=True):
        token = _is_whole.set(True)
        try:
            yield
        finally:
            _is_whole.reset(token)


def verb[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """As ``transaction.atomic``, less the savepoint where the whole request ends with any error."""

    @wraps(function)
    def all_or_nothing(*args: P.args, **kwargs: P.kwargs) -> R:
        if not _is_whole.get():
            with transaction.atomic():
                return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        except BaseException:
            transaction.set_rollback(True)
            raise

    return all_or_nothing
