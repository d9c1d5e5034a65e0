"""SQLite: before every answer from memory one look at the file, whether anybody has written to it.

``PRAGMA data_version`` moves with every commit of another connection, in whichever process. Only then is the log read.
"""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from delivery.changes import EVERYTHING

logger = logging.getLogger("stitch.edge")

_SINCE = "SELECT position, keys FROM delivery_change WHERE position > ? ORDER BY position LIMIT 1000"
_AT = "SELECT made_at, keys FROM delivery_change WHERE position = ?"
_HEAD = """
SELECT COALESCE(MAX(position), 0) FROM (SELECT position FROM delivery_head UNION SELECT position FROM delivery_change)
"""


class FileLog:
    """A connection of its own, used on the event loop: it never waits for a lock."""

    def __init__(self, path: Path, end: Callable[[list[str]], None]) -> None:
        self._path, self._end = path, end
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._applied = -1
        self._last: tuple[str, str] | None = None  # the change at that position
        self._is_broken = False

    def is_current(self, now: float) -> bool:
        try:
            connection = self._connection or self._open()
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                self._catch_up(connection)
                self._version = version
            self._is_broken = False
            return True
        except sqlite3.Error as error:
            if not self._is_broken:
                logger.warning("The change log cannot be read, answers are made anew: %s", error)
            self._is_broken = True
            self.close()
            return False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._version = -1
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = 1")
        self._connection = connection
        return connection

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """By key, unless changes are missing or the last one is not what it was: pruned, or a backup was restored."""
        if self._applied < 0 or self._at(connection) != self._last:
            self._start_over(connection)
        while rows := connection.execute(_SINCE, [self._applied]).fetchall():
            if rows[-1][0] - self._applied != len(rows):
                self._start_over(connection)
            else:
                self._end([key for _, keys in rows for key in keys.split()])
                self._applied = rows[-1][0]
        self._last = self._at(connection)

    def _start_over(self, connection: sqlite3.Connection) -> None:
        self._applied = connection.execute(_HEAD).fetchone()[0]
        self._end([EVERYTHING])

    def _at(self, connection: sqlite3.Connection) -> tuple[str, str] | None:
        found: tuple[str, str] | None = connection.execute(_AT, [self._applied]).fetchone()
        return found
