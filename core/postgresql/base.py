"""Django's PostgreSQL backend, with a bound on how long a server may be silent.

The server keeps ``statement_timeout``, its kernel TCP's timeouts. A server that hangs while its kernel lives (a disk
that does not answer, a paused pooler) keeps neither, and libpq would wait for ever, and with it a lane (``core.asgi``).
"""

import select
import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.utils import debug_transaction
from psycopg.pq import TransactionStatus

PING_SECONDS = 2.0
FRESH_SECONDS = 0.1  # since the server's last word: so long a connection is taken for alive unless its socket says no


class Connection(psycopg.Connection):
    patience: float | None = None  # seconds; ``answer_timeout`` among the OPTIONS, where 0 is for ever
    usual_patience: float | None = None  # to which ``core.unhurried`` returns
    heard_at = 0.0  # on the monotonic clock
    _begun_in: Any = None  # the last pipeline

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Raises OperationalError when the answer does not come in time, and gives the connection up.

        The answer may still come; whoever asked next would take it for the answer to something else.
        """
        try:
            answer = super().wait(gen, interval, self.patience if timeout is None else timeout)
            self.heard_at = time.monotonic()
            return answer
        except psycopg.OperationalError as error:
            # An error with a code is the server's answer, to one of several that are on their way.
            if error.sqlstate is None and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

    @property
    def is_fresh(self) -> bool:
        """The server has just answered and has not hung up since: nothing is there to be read. Asks nobody."""
        if self.closed or time.monotonic() - self.heard_at > FRESH_SECONDS:
            return False
        socket = select.poll()
        socket.register(self.fileno(), select.POLLIN)
        return not socket.poll(0)

    def _start_query(self) -> Any:
        """As psycopg's, but that in a pipeline nobody waits for the BEGIN, of which there is one."""
        if not self._pipeline:
            yield from super()._start_query()
        elif not self._autocommit and self._begun_in is not self._pipeline:
            self._begun_in = self._pipeline
            if self.pgconn.transaction_status == TransactionStatus.IDLE:
                yield from self._exec_command(self._get_tx_start_command())


class _Driver:
    """psycopg, with our kind of connection."""

    connect = staticmethod(Connection.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = _Driver()  # type: ignore[assignment] # in the place of the module
    connection: Connection | None
    commit_on_its_way: Callable[[], None] | None = None  # by ``core.batch``, for the transaction that now ends

    def _commit(self) -> None:
        commit, self.commit_on_its_way = self.commit_on_its_way, None
        if commit is None:
            super()._commit()  # type: ignore[misc] # known to Django alone
            return
        with debug_transaction(self, "COMMIT"):
            commit()

    def _rollback(self) -> None:
        self.commit_on_its_way = None
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self.commit_on_its_way = None
        super()._close()  # type: ignore[misc]

    def _set_autocommit(self, autocommit: bool) -> None:
        """A connection that was lost behind its COMMIT must not keep the hooks of the commit from running."""
        if not (autocommit and self.connection is not None and self.connection.closed):
            super()._set_autocommit(autocommit)  # type: ignore[misc]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        patience = float(conn_params.pop("answer_timeout", 0))
        connection = super().get_new_connection(conn_params)
        connection.patience = connection.usual_patience = patience or None
        return connection

    def is_usable(self) -> bool:
        """Asked before the first query of a request, so with little patience, and not at all where it is in use."""
        if self.connection is None:
            return False
        if self.connection.is_fresh:
            return True
        patience, self.connection.patience = self.connection.patience, PING_SECONDS
        try:
            return bool(super().is_usable())
        finally:
            self.connection.patience = patience
