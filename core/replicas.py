"""Editors' lists from a copy of the database, where there is one (DATABASE_REPLICA_URL).

``read`` is the only way there. What visitors see, who somebody is and what they may, every write and whatever a write
looks at, is asked of the primary. The replica answers only if it has replayed all that was committed on the primary
when it was asked for, so nobody misses a change that was answered before; otherwise, or while it is away, the primary
does. docs/scaling.md says what that needs of the servers.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections, transaction

from core import metrics

logger = logging.getLogger(__name__)

REPLICA = "replica"
PAUSE_SECONDS = 10.0  # for which a replica that was away is left alone
LOOKS, BETWEEN_SECONDS = 3, 0.005  # what was written a moment ago is mostly replayed a moment later

_QUERY_CANCELED = "57014"  # SQLSTATE: above all, statement_timeout has passed
# What is flushed holds every commit that was answered, unless sessions do not wait for their commits to be flushed.
_COMMITTED = """
    SELECT CASE current_setting('synchronous_commit')
           WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END,
           system_identifier, clock_timestamp()
    FROM pg_control_system()
"""
# Another cluster's positions mean nothing here. And what is live is judged by the clock (core.clock): one that is slow
# would not see yet what the primary's has just stamped.
_IS_CURRENT = """
    SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn AND system_identifier = %s
           AND clock_timestamp() >= %s
    FROM pg_control_system()
"""

_answered, _behind, _failed, _away = (
    metrics.counter("stitch_replica_reads_total", "Reads that might go to the replica, by what it said.", outcome=one)
    for one in ("answered", "behind", "failed", "away")
)
_is_reading: ContextVar[bool] = ContextVar("reading_from_replica", default=False)


class Router:
    """Of settings.DATABASE_ROUTERS, where there is a replica. Rows from it are read again, and written, elsewhere."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        if _is_reading.get() and not connections[DEFAULT_DB_ALIAS].in_atomic_block:
            return REPLICA
        return DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        """Also asked for reads that lock."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db != REPLICA


def read[**P, T](reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``reader`` returns; its queries go to the replica, or to the primary. Five small round trips more.

    It checks no rights, since those are the primary's to tell. It returns rows, not a queryset, which would ask later.
    It may be called twice: the second time because the replica failed in the midst of the first.
    """
    if not _is_possible():
        return reader(*args, **kwargs)
    committed = _committed()
    try:
        with transaction.atomic(using=REPLICA):  # one session: there may be several replicas behind one address
            _require_current(committed)
            with _reading():
                found = reader(*args, **kwargs)
    except _Behind:
        _behind.value += 1
    except (DatabaseError, InterfaceError) as error:
        if getattr(error.__cause__, "sqlstate", "") == _QUERY_CANCELED:
            raise  # the primary would take as long
        _failed.value += 1
        if isinstance(error, OperationalError | InterfaceError):
            outage.begin(error)
    else:
        _answered.value += 1
        return found
    return reader(*args, **kwargs)


class _Behind(Exception):
    """The replica lacks something that is committed, or it is no replica of this primary."""


class Outage:
    """Whether the replica is away, as far as this process knows. One thread at a time looks whether it is back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next_look = 0.0  # 0: it is not away

    def may_ask(self) -> bool:
        if not self._next_look:
            return True
        with self._lock:
            if time.monotonic() < self._next_look:
                return False
            if self._next_look:
                self._next_look = time.monotonic() + PAUSE_SECONDS
            return True

    def begin(self, error: Exception) -> None:
        """One line for an outage, not one for each try."""
        with self._lock:
            is_first, self._next_look = not self._next_look, time.monotonic() + PAUSE_SECONDS
        if is_first:
            logger.warning("The replica fails, the primary reads in its place: %s", str(error).partition("\n")[0])

    def end(self) -> None:
        if not self._next_look:
            return
        with self._lock:
            was_away, self._next_look = bool(self._next_look), 0.0
        if was_away:
            logger.info("The replica is back")


outage = Outage()


def _is_possible() -> bool:
    if REPLICA not in connections.settings or connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return False
    if outage.may_ask():
        return True
    _away.value += 1
    return False


@contextmanager
def _reading() -> Iterator[None]:
    token = _is_reading.set(True)
    try:
        yield
    finally:
        _is_reading.reset(token)


def _committed() -> tuple[Any, ...]:
    """How far the primary has come, which cluster it is of, and what time it is there."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(_COMMITTED)
        found: tuple[Any, ...] = cursor.fetchone()
    return found


def _require_current(committed: tuple[Any, ...]) -> None:
    """Raises _Behind. Waits some milliseconds, no more: the primary can answer at once."""
    for number in range(LOOKS):
        if number:
            time.sleep(BETWEEN_SECONDS)
        with connections[REPLICA].cursor() as cursor:
            cursor.execute(_IS_CURRENT, committed)
            (is_current,) = cursor.fetchone()
        outage.end()
        if is_current:
            return
    raise _Behind
