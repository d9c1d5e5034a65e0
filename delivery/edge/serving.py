"""The edge as the settings say, started and stopped with the server."""

from django.conf import settings

from core.postgresql.asynchronous import Pool
from delivery.dialects import is_postgresql
from delivery.edge import direct
from delivery.edge.layer import App, Edge
from delivery.edge.memory import MIB, Memory
from delivery.hearing import handover
from delivery.hearing.lease import Lease
from delivery.hearing.log import FileLog


class Server:
    """``application`` in front of ``app``. Until ``start``, and where nobody calls it, every answer is made anew."""

    def __init__(self, app: App, *, prefixes: tuple[str, ...]) -> None:
        self.memory = Memory(settings.EDGE_CACHE_MIB * MIB) if settings.EDGE_CACHE else None
        self._lease: Lease | None = None
        self._log: FileLog | None = None
        if self.memory is not None and is_postgresql():
            self._lease = Lease(self.memory.end)
        elif self.memory is not None:
            self._log = FileLog(settings.DATABASES["default"]["NAME"], self.memory.end)
        self._pool = Pool(settings.DATABASE_READERS, patience=direct.PATIENCE) if is_postgresql() else None
        self.application = Edge(
            app,
            prefixes=prefixes,
            source=self._lease or self._log,
            memory=self.memory,
            direct=direct.Direct(self._pool) if self._pool is not None else None,
        )

    @property
    def weight(self) -> int:
        """Bytes."""
        return self.memory.bytes if self.memory is not None else 0

    @property
    def entries(self) -> int:
        return len(self.memory) if self.memory is not None else 0

    def start(self) -> None:
        if self._lease is not None:
            handover.serve_from(self._lease)
            self._lease.start()

    async def stop(self) -> None:
        """After the last answer."""
        if self._lease is not None:
            handover.serve_from(None)
            await self._lease.stop()
        if self._pool is not None:
            await self._pool.close()
        if self._log is not None:
            self._log.close()
