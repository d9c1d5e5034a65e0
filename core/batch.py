"""Writes that nobody reads from at once, sent together: on PostgreSQL each way to the server costs, not each statement.

``send`` executes a statement. Inside ``gathered`` it waits for the next one that is executed in any other way (a query,
a savepoint, an ORM's write) and goes to the server with all that wait, in order and in the same transaction: nobody
ever reads without what was written before. What is wrong with it is raised there, and not where it was sent.
SQLite is no way away: nothing waits there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

Then = Callable[[Any], None]
Waiting = list[tuple[str, Sequence[Any], Then | None]]

_waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def send(sql: str, params: Sequence[Any], then: Then | None = None) -> None:
    """``then`` is called with the cursor, which stands at what this statement has answered."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting.append((sql, params, then))
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        if then is not None:
            then(cursor)


@contextmanager
def gathered() -> Iterator[None]:
    """In a transaction; an error ends it, and with it all that waits. Inside itself it changes nothing."""
    if connection.vendor != "postgresql" or _waiting.get() is not None:
        yield
        return
    token = _waiting.set([])
    try:
        with connection.execute_wrapper(_after_what_waits):
            yield
            flush()
    finally:
        _waiting.reset(token)


def flush() -> None:
    """Sends what waits. PostgreSQL ends it all where one statement fails."""
    waiting = _waiting.get()
    if not waiting:
        return
    sent = waiting[:]
    waiting.clear()
    with connection.cursor() as cursor:
        with connection.wrap_database_errors:  # each is put together by itself: psycopg has read its text before
            together = ";".join(cursor.mogrify(sql, params) for sql, params, _ in sent)
        cursor.execute(together)
        for number, (_, _, then) in enumerate(sent):
            if number:
                cursor.nextset()
            if then is not None:
                then(cursor)


def _after_what_waits(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    flush()
    return execute(sql, params, many, context)
