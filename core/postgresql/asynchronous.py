"""Asynchronous connections to PostgreSQL beside Django's: the same address, user and limits."""

import asyncio
import time
from collections import deque
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.pq import TransactionStatus

WAIT_SECONDS = 5.0  # for a connection
AWAY_SECONDS = 1.0  # before the next try to connect
_DJANGOS_OWN = ("cursor_factory", "context", "answer_timeout", "prepare_threshold")


class Connection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """Gives a silent server up after ``patience`` seconds, as Django's connections do (``core.postgresql``)."""

    patience: float | None = None

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return await super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


async def connect(*, patience: float, direct: bool = False, **options: Any) -> Connection:
    """A connection with autocommit. ``direct`` goes around a pooler (DATABASE_DIRECT_URL), where there is one.

    Raises psycopg.Error.
    """
    given = {**parameters(direct=direct), "connect_timeout": 2, **options}
    connection = await Connection.connect(autocommit=True, **given)
    connection.patience = patience
    return connection


def parameters(*, direct: bool = False) -> dict[str, Any]:
    """What libpq is told."""
    wrapper: Any = connections["default"]
    around: dict[str, Any] | None = getattr(settings, "DATABASE_DIRECT", None)
    if direct and around:
        wrapper = DatabaseWrapper({**wrapper.settings_dict, **around}, alias="direct")
    return {name: value for name, value in wrapper.get_connection_params().items() if name not in _DJANGOS_OWN}


class Away(Exception):
    """There is no connection to be had: PostgreSQL does not answer, or all connections are busy for too long."""


class Pool:
    """A few connections that are shared; each is made when all others are busy, and kept.

    psycopg's own pool cost 40 of 100 µs per question where this was measured (docs/performance.md). This one makes no
    connection while somebody waits for it alone, counts nothing and checks nothing: a connection that turns out to be
    dead is dropped, and its question is the caller's to repeat. Everything runs on one event loop.
    """

    def __init__(self, size: int, *, patience: float) -> None:
        self._size, self._patience = size, patience
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection]] = deque()
        self._count = 0
        self._away_until = 0.0
        self._is_closed = False
        self._opening: set[asyncio.Task[None]] = set()

    async def ask(self, sql: Any, params: Any) -> list[tuple[Any, ...]]:
        """The rows of one statement. Raises ``Away`` or psycopg.Error."""
        connection = self._idle.pop() if self._idle else await self._wait()
        try:
            cursor = await connection.execute(sql, params, binary=True)
            return await cursor.fetchall()
        finally:
            self._give_back(connection)

    async def close(self) -> None:
        self._is_closed = True
        for connection in self._idle:
            await connection.close()
        self._idle.clear()

    async def _wait(self) -> Connection:
        if time.monotonic() < self._away_until or self._is_closed:
            raise Away("PostgreSQL does not answer.")
        loop = asyncio.get_running_loop()
        if self._count < self._size:
            self._count += 1
            opening = loop.create_task(self._open())
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        future: asyncio.Future[Connection] = loop.create_future()
        self._waiting.append(future)
        timer = loop.call_later(WAIT_SECONDS, _give_up, future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(future.result())
            raise
        finally:
            timer.cancel()

    async def _open(self) -> None:
        try:
            connection = await connect(patience=self._patience, prepare_threshold=_prepare_threshold())
        except (psycopg.Error, OSError) as error:
            self._count -= 1
            self._away_until = time.monotonic() + AWAY_SECONDS
            for future in self._waiting:
                _give_up(future, str(error))
            self._waiting.clear()
        else:
            self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        if connection.closed or self._is_closed:
            self._count -= 1
            return
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return
        self._idle.append(connection)


def _give_up(future: "asyncio.Future[Connection]", why: str = "All connections are busy.") -> None:
    if not future.done():
        future.set_exception(Away(why))


def _prepare_threshold() -> int | None:
    """Statements are prepared at once; never behind a pooler, where the next one may come to another server process."""
    return None if getattr(settings, "DATABASE_DIRECT", None) else 0
