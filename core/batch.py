"""Writes that nobody reads from at once: on PostgreSQL each way to the server and back costs, not each statement.

``send`` executes a statement. Inside ``gathered`` nobody waits for its answer: it is on its way while the next one is
being made, and the answers are taken before the next statement that is executed in any other way (a query, a savepoint,
a write of the ORM), so nobody ever reads without what was written before. What is wrong with it is raised there, not
where it was sent. What is still on its way at the end takes the COMMIT along. Behind a pooler such statements wait, and
go as one message. SQLite is no way away: there is nothing to save.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol

import psycopg
from django.db import Error as DatabaseError
from django.db import connection
from django.db.transaction import TransactionManagementError

from core.postgresql import planned

logger = logging.getLogger("stitch.database")

Then = Callable[[Any], None]
Params = Sequence[Any] | Mapping[str, Any] | None


class Waiting(Protocol):
    def put(self, sql: str, params: Params, then: Then | None, may_refuse: bool) -> None: ...

    def put_behind_commit(self, sql: str, params: Params, then: Then) -> None: ...

    def flush(self) -> None:
        """All of it is done, and each ``then`` has been called. PostgreSQL ends it all where one statement fails."""

    def end(self) -> None:
        """As flush, or ready to go with the COMMIT, which comes next unless the transaction is part of another one."""

    def drop(self) -> None:
        """Something else has gone wrong: nobody wants the answers any more."""


_waiting: ContextVar[Waiting | None] = ContextVar("waiting", default=None)


def send(sql: str, params: Params, then: Then | None = None, *, may_refuse: bool = False) -> None:
    """``then`` is called with the cursor, which stands at what this statement has answered. One that ``may_refuse`` it,
    by raising, is called before the COMMIT is sent; any other maybe after it, when it is too late to raise."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting.put(sql, params, then, may_refuse)
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        if then is not None:
            then(cursor)


def is_gathering() -> bool:
    return _waiting.get() is not None


def ask(sql: str, params: Params) -> list[tuple[Any, ...]]:
    """All rows of one statement, on the same way as what waits."""
    rows: list[tuple[Any, ...]] = []
    send(sql, params, lambda cursor: rows.extend(cursor.fetchall()))
    flush()
    return rows


def ask_behind_commit(sql: str, params: Params, then: Then) -> None:
    """A question about what will then be committed, on the same way as the COMMIT; ``then`` is called before the hooks
    of ``on_commit``. Where there is no such way, or no answer, it never is: they have to ask themselves."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting.put_behind_commit(sql, params, then)


@contextmanager
def gathered(*, with_commit: bool = False) -> Iterator[None]:
    """In a transaction; an error ends it, and all that waits with it. Inside itself it changes nothing.

    ``with_commit``: nothing comes between its end and that of the transaction's block.
    """
    if _waiting.get() is not None or not _can_wait():
        yield
        return
    waiting: Waiting = _Pipeline() if planned.is_possible() else _Message()
    token = _waiting.set(waiting)
    try:
        with connection.execute_wrapper(_after_what_waits):
            yield
            if with_commit:
                waiting.end()
            else:
                waiting.flush()
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


type _Sent = tuple[str, psycopg.Cursor[Any], Then | None]


class _Pipeline:
    """psycopg's pipeline mode, entered with the first statement, with statements that PostgreSQL has planned before."""

    def __init__(self) -> None:
        self._mode: Any = None
        self._sent: list[_Sent] = []
        self._may_refuse = False
        self._behind_commit: list[tuple[str, Params, Then]] = []

    def put(self, sql: str, params: Params, then: Then | None, may_refuse: bool) -> None:
        if self._mode is None:
            there: Any = connection.connection
            mode = there.pipeline()
            with connection.wrap_database_errors:
                mode.__enter__()
            self._mode = mode
        self._sent.append((sql, planned.send(sql, params), then))
        self._may_refuse |= may_refuse

    def put_behind_commit(self, sql: str, params: Params, then: Then) -> None:
        self._behind_commit.append((sql, params, then))

    def flush(self) -> None:
        mode, self._mode = self._mode, None
        if mode is None:
            return
        sent, self._sent, self._may_refuse = self._sent, [], False
        _note(sent)
        with connection.wrap_database_errors:
            mode.__exit__(None, None, None)
            _hear(sent)

    def end(self) -> None:
        wrapper: Any = connection
        is_outermost = wrapper.in_atomic_block and not wrapper.savepoint_ids and not wrapper.needs_rollback
        if self._mode is None or self._may_refuse or not is_outermost:
            self.flush()
        else:
            wrapper.commit_on_its_way = self._commit

    def _commit(self) -> None:
        """In the place of Django's. An error ends the transaction, unless it is one of a question behind the COMMIT."""
        commit = psycopg.Cursor(connection.connection)
        behind: list[_Sent] = []
        try:
            with connection.wrap_database_errors:
                commit.execute("COMMIT")
                behind += [(sql, planned.send(sql, params), then) for sql, params, then in self._behind_commit]
                mode, self._mode = self._mode, None
                mode.__exit__(None, None, None)
        except BaseException as error:
            self.drop()
            if commit.statusmessage != "COMMIT" or not isinstance(error, DatabaseError):
                raise
            logger.warning("What was asked together with a commit has failed: %s", error)
        if commit.statusmessage != "COMMIT":
            raise TransactionManagementError("The transaction has failed before its end: nothing is committed.")
        _note(self._sent + behind)
        try:
            _hear(self._sent + [one for one in behind if one[1].statusmessage])
        except Exception:
            logger.exception("What a committed statement has answered could not be used")

    def drop(self) -> None:
        mode, self._mode = self._mode, None
        if mode is not None:
            with suppress(psycopg.Error):
                mode.__exit__(None, None, None)


def _note(sent: list[_Sent]) -> None:
    planned.note(";\n".join(sql for sql, _, _ in sent))


def _hear(sent: list[_Sent]) -> None:
    for _, cursor, then in sent:
        if then is not None:
            then(cursor)


class _Message:
    """One message of all statements, with the values written into them."""

    def __init__(self) -> None:
        self._statements: list[tuple[str, Params, Then | None]] = []

    def put(self, sql: str, params: Params, then: Then | None, may_refuse: bool) -> None:
        self._statements.append((sql, params, then))

    def put_behind_commit(self, sql: str, params: Params, then: Then) -> None:
        """Django sends the COMMIT alone."""

    def end(self) -> None:
        self.flush()

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
