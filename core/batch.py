"""Writes that nobody reads from at once, sent together: on PostgreSQL each way to the server costs, not each statement.

``send`` executes a statement. Inside ``gathered`` it waits for the next one that is executed in any other way (a query,
a savepoint, a write of the ORM) and goes to the server before that, with all that wait, in their order and in one
message: nobody ever reads without what was written before. What is wrong with it is raised there, not where it was
sent. SQLite is no way away: nothing waits there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection

Then = Callable[[Any], None]
Params = Sequence[Any] | Mapping[str, Any] | None
Statement = tuple[Any, Params, Then | None]
Waiting = list[Statement]

_waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def send(sql: str, params: Params, then: Then | None = None) -> None:
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
    if not _can_join() or _waiting.get() is not None:
        yield
        return
    token = _waiting.set([])
    try:
        with connection.execute_wrapper(_after_what_waits):
            yield
            flush()
    finally:
        _waiting.reset(token)


def _can_join() -> bool:
    """Several statements with values are one message where psycopg writes the values into them, as Django has it do."""
    features: Any = connection.features
    return connection.vendor == "postgresql" and not features.uses_server_side_binding


def flush() -> None:
    """Sends what waits. PostgreSQL ends it all where one statement fails."""
    waiting = _waiting.get() or []
    sent = waiting[:]
    waiting.clear()
    if not sent:
        return
    with connection.cursor() as cursor:
        with connection.wrap_database_errors:
            message = ";\n".join(cursor.mogrify(sql, params) for sql, params, _ in sent)
        cursor.execute(message)
        for number, (_, _, then) in enumerate(sent):
            if number:
                cursor.nextset()
            if then is not None:
                then(cursor)


def _after_what_waits(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    flush()
    return execute(sql, params, many, context)
