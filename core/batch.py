"""Writes that nobody reads from at once: on PostgreSQL each way to the server and back costs, not each statement.

``send`` executes a statement. Inside ``gathered`` nobody waits for its answer: it is on its way while the next one is
being made, and the answers are taken before the next statement that is executed in any other way (a query, a savepoint,
a write of the ORM), so nobody ever reads without what was written before. What is wrong with it is raised there, not
where it was sent. Behind a pooler such statements wait, and go as one message. SQLite is no way away: there is nothing
to save.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol

import psycopg
from django.db import connection

from core.postgresql import planned

Then = Callable[[Any], None]
Params = Sequence[Any] | Mapping[str, Any] | None


class Waiting(Protocol):
    def put(self, sql: str, params: Params, then: Then | None) -> None: ...

    def flush(self) -> None:
        """All of it is done, and each ``then`` has been called. PostgreSQL ends it all where one statement fails."""

    def drop(self) -> None:
        """Something else has gone wrong: nobody wants the answers any more."""


_waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def send(sql: str, params: Params, then: Then | None = None) -> None:
    """``then`` is called with the cursor, which stands at what this statement has answered."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting.put(sql, params, then)
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        if then is not None:
            then(cursor)


@contextmanager
def gathered() -> Iterator[None]:
    """In a transaction; an error ends it, and with it all that waits. Inside itself it changes nothing."""
    if _waiting.get() is not None or not _can_wait():
        yield
        return
    waiting: Waiting = _Pipeline() if planned.is_possible() else _Message()
    token = _waiting.set(waiting)
    try:
        with connection.execute_wrapper(_after_what_waits):
            yield
            flush()
    except BaseException:
        waiting.drop()
        raise
    finally:
        _waiting.reset(token)


def _can_wait() -> bool:
    """Several statements with values are one message where psycopg writes the values into them, as Django has it do."""
    features: Any = connection.features
    return connection.vendor == "postgresql" and not features.uses_server_side_binding


def flush() -> None:
    waiting = _waiting.get()
    if waiting is not None:
        waiting.flush()


def _after_what_waits(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    flush()
    return execute(sql, params, many, context)


class _Pipeline:
    """psycopg's pipeline mode, entered with the first statement, with statements that PostgreSQL has planned before."""

    def __init__(self) -> None:
        self._mode: Any = None
        self._sent: list[tuple[str, psycopg.Cursor[Any], Then | None]] = []

    def put(self, sql: str, params: Params, then: Then | None) -> None:
        if self._mode is None:
            there: Any = connection.connection
            mode = there.pipeline()
            with connection.wrap_database_errors:
                mode.__enter__()
            self._mode = mode
        self._sent.append((sql, planned.send(sql, params), then))

    def flush(self) -> None:
        mode, self._mode = self._mode, None
        if mode is None:
            return
        sent, self._sent = self._sent, []
        planned.note(";\n".join(sql for sql, _, _ in sent))
        with connection.wrap_database_errors:
            mode.__exit__(None, None, None)
            for _, cursor, then in sent:
                if then is not None:
                    then(cursor)

    def drop(self) -> None:
        mode, self._mode = self._mode, None
        if mode is not None:
            with suppress(psycopg.Error):
                mode.__exit__(None, None, None)


class _Message:
    """One message of all statements, with the values written into them."""

    def __init__(self) -> None:
        self._statements: list[tuple[str, Params, Then | None]] = []

    def put(self, sql: str, params: Params, then: Then | None) -> None:
        self._statements.append((sql, params, then))

    def flush(self) -> None:
        sent, self._statements = self._statements, []
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

    def drop(self) -> None:
        self._statements.clear()
