"""PostgreSQL: a process answers from memory as long as it has a lease, and gives its word to hear of every change.

The lease is a row of ``delivery_reader`` with an end a moment ahead, made anew by a heartbeat. Changes arrive by
NOTIFY, in the order of the log; each is applied and then acknowledged in the row. A writer, after its commit, waits
until every lease that has not ended has acknowledged (``handover``). Who does not hear, because PostgreSQL, the network
or the process itself stands still, cannot renew: its lease ends, and nothing is answered from memory until it has
caught up.

The order of renewing matters: first the row is committed, then the log is read, then the lease is believed. A writer
that saw the row as ended has committed before the log was read; one that comes later sees the row and waits.

Time is measured on this process's monotonic clock from before the row was sent, and on PostgreSQL's from when it
arrived: the process stops believing before the writer stops waiting. Everything runs on the event loop.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import psycopg

from core.ids import uuid7
from core.postgresql.asynchronous import Connection, connect
from delivery.changes import CHANNEL, EVERYTHING

logger = logging.getLogger("stitch.edge")

SECONDS = 2.0
HEARTBEAT = 0.5
TELLING = 0.02  # after the notice of an own writer's commit it has told us by then
SAFETY = 0.1  # clocks of two machines do not run equally fast
PAUSES = (0.05, 0.2, 0.5, 1.0)  # before the first, second, … try to connect anew

_RENEW = """
INSERT INTO delivery_reader (id, applied, expires_at) VALUES (%s, %s, clock_timestamp() + %s * interval '1 second')
ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at
"""
_ACKNOWLEDGE = "UPDATE delivery_reader SET applied = %s WHERE id = %s"
_LEAVE = "DELETE FROM delivery_reader WHERE id = %s"
_SWEEP = "DELETE FROM delivery_reader WHERE expires_at < clock_timestamp() - interval '1 hour'"
_SERVER = "SELECT pg_postmaster_start_time()::text"
_AT_ONCE = 1_000
_SINCE = f"""
SELECT head.position, change.position, change.keys
FROM delivery_head head LEFT JOIN delivery_change change ON change.position > %s
ORDER BY change.position LIMIT {_AT_ONCE}
"""  # noqa: S608 - a constant


class Lease:
    """``end`` is told the surrogate keys that have changed."""

    def __init__(self, end: Callable[[list[str]], None]) -> None:
        self._end = end
        self.id: UUID | None = None
        self.ends_at = 0.0
        self._applied = -1
        self._server = ""
        # Both by the number of PostgreSQL's process that served the writer.
        self._told: dict[int, int] = {}  # how often an own writer has told of a change, less the notices of it
        self._early: Counter[int] = Counter()  # notices of processes of which no own writer had told
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def is_current(self, now: float) -> bool:
        return now < self.ends_at

    def start(self) -> None:
        self.id = uuid7()  # not before: a process may have been forked from one that had imported this
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._go_on(), name="edge-lease")

    async def stop(self) -> None:
        self.ends_at = 0.0
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def end_from_thread(self, keys: list[str], backend: int) -> None:
        """For a writer in this process: its own readers need no message. Takes effect before its answer leaves.

        ``backend``: which of PostgreSQL's processes has written it.
        """
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_own, keys, backend)

    def _end_own(self, keys: list[str], backend: int) -> None:
        self._told.setdefault(backend, 0)
        if self._early[backend]:
            self._early[backend] -= 1
        else:
            self._told[backend] += 1
        self._end(keys)

    async def _go_on(self) -> None:
        tries = 0
        while True:
            try:
                await self._hold()
            except (psycopg.Error, OSError) as error:
                if self.ends_at or tries == 0:
                    logger.warning("Answers are made anew, since changes are not heard of: %s", _first_line(error))
                tries = 1 if self.ends_at else tries + 1
            except Exception:
                logger.exception("Answers are made anew, since a change could not be applied")
                tries += 1
            self.ends_at = 0.0
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES)) - 1])

    async def _hold(self) -> None:
        """Until something raises."""
        async with await connect(patience=SECONDS, direct=True, application_name="stitch-edge") as connection:
            await connection.execute("SET synchronous_commit = off")  # of what is acknowledged; its loss costs a wait
            await connection.execute(f"LISTEN {CHANNEL}")
            await connection.execute(_SWEEP)
            await self._meet(connection)
            try:
                while True:
                    await self._renew(connection)
                    await self._listen(connection)
            except asyncio.CancelledError:
                await connection.execute(_LEAVE, [self.id])
                raise

    async def _meet(self, connection: Connection) -> None:
        """Another server, or one that was started anew, may have another history behind the same positions: a replica
        took over that had not heard of the last changes, or a backup was restored."""
        row = await (await connection.execute(_SERVER)).fetchone()
        server = row[0] if row else ""
        if server != self._server:
            self._server, self._applied = server, -1

    async def _renew(self, connection: Connection) -> None:
        began = time.monotonic()
        async with connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = on")  # a crash must not shorten what was said
            await connection.execute(_RENEW, [self.id, max(self._applied, 0), SECONDS])
        self._early.clear()
        self._told.clear()  # a process of PostgreSQL that has ended leaves its number to others
        await self._catch_up(connection)
        if not self.ends_at:
            logger.info("Answering from memory")
        self.ends_at = began + SECONDS - SAFETY

    async def _listen(self, connection: Connection) -> None:
        """Until the next heartbeat is due. A notice only says that there is something: anybody may send one.

        The log is read at once for those who wait for it. That is nobody where a writer of our own has sent the notice
        and tells us: then it has time until somebody else writes, or until the heartbeat. One that does not tell has
        not heard that its commit came through, and will not.
        """
        due = time.monotonic() + HEARTBEAT
        while (left := due - time.monotonic()) > 0:
            wait = left if self._has_told() else min(left, TELLING)
            notices = [notice async for notice in connection.notifies(timeout=wait, stop_after=1)]
            strange = [notice.pid for notice in notices if notice.pid not in self._told]
            self._early.update(strange)
            for notice in notices:
                if notice.pid in self._told:
                    self._told[notice.pid] -= 1
            if strange or not (notices or self._has_told()):
                self._told = {backend: max(count, 0) for backend, count in self._told.items()}
                await self._catch_up(connection)

    def _has_told(self) -> bool:
        return all(count >= 0 for count in self._told.values())

    async def _catch_up(self, connection: Connection) -> None:
        """Applies what the log has beyond the last change that was applied, and says so."""
        before = self._applied
        while not await self._apply_next(connection):
            pass
        if self._applied != before:
            await connection.execute(_ACKNOWLEDGE, [self._applied, self.id])

    async def _apply_next(self, connection: Connection) -> bool:
        """True at the end of the log. Where a position is missing, or was taken back, everything counts as changed."""
        rows = await (await connection.execute(_SINCE, [self._applied])).fetchall()
        head = rows[0][0] if rows else 0
        changes = [(position, keys) for _, position, keys in rows if position is not None]
        expected = range(self._applied + 1, min(head, self._applied + _AT_ONCE) + 1)
        if self._applied < 0 or head < self._applied or [position for position, _ in changes] != list(expected):
            self._end([EVERYTHING])
            self._applied = head
        elif changes:
            self._end([key for _, keys in changes for key in keys.split()])
            self._applied = changes[-1][0]
        return bool(self._applied == head)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
