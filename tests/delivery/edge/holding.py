"""A lease that a test holds, and changes for it to hear of."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from core import transactions
from delivery import changes
from delivery.hearing import handover
from delivery.hearing.lease import Lease
from tests.faults.processes import wait_until

EDGE = "stitch-edge"  # as its connections are called


class Holder:
    """A lease, held by an event loop in a thread of its own, and all that it has ended."""

    def __init__(self) -> None:
        self.ended: list[list[str]] = []
        self.lease = Lease(self.ended.append)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(5)
        wait_until(self.is_current, seconds=5, what="the lease is held")

    async def _start(self) -> None:
        self.lease.start()

    def is_current(self) -> bool:
        return self.lease.is_current(time.monotonic())

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.lease.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    @property
    def keys(self) -> list[str]:
        return [key for keys in self.ended for key in keys]


@contextmanager
def held(*, own: bool = False) -> Iterator[Holder]:
    holder = Holder()
    holder.start()
    holder.ended.clear()
    if own:
        handover.serve_from(holder.lease)
    try:
        yield holder
    finally:
        handover.serve_from(None)
        holder.stop()


def publish(*keys: str, tallies: dict[str, int] | None = None) -> None:
    with transactions.whole():
        changes.append("post", list(keys), tallies or {})


def seconds(*keys: str) -> float:
    """How long it takes to publish."""
    started = time.monotonic()
    publish(*keys)
    return time.monotonic() - started


def end_backends() -> int:
    """As a restart, a failover or an administrator does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            [EDGE],
        )
        number: int = cursor.fetchone()[0]
    return number
