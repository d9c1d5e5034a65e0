"""PostgreSQL: a write is answered when nobody answers with what was before it any more.

Runs after the commit, in the writer's thread. Whoever may still answer from memory has a row that has not ended
(``lease``); once each of those has acknowledged the change, or their leases have run out, the writer goes on.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import Error as DatabaseError
from django.db import connection

from core import batch
from core.prepared import Prepared
from delivery import changes
from delivery.changes import News
from delivery.hearing import lease
from delivery.hearing.lease import Lease

logger = logging.getLogger("stitch.edge")

FIRST_PAUSE = 0.0005
LONGEST_PAUSE = 0.02
_BEHIND_CHANGE = """
SELECT COUNT(*) FROM delivery_reader
WHERE expires_at > clock_timestamp() AND id IS DISTINCT FROM %(p0)s
  AND applied < {position}
"""
_BEHIND = Prepared(_BEHIND_CHANGE.format(position="(SELECT position FROM delivery_change WHERE id = %(p1)s)"))
# The last change of this connection. Undone with a savepoint it has no position: then everybody is behind, and it is
# asked again, by the ids of those that are left.
_LAST_OF_MINE = """COALESCE(
  (SELECT position FROM delivery_change WHERE id = (SELECT currval('delivery_change_id_seq'))), 9223372036854775807
)"""
_BEHIND_MINE = _BEHIND_CHANGE.format(position=_LAST_OF_MINE)

_BEHIND_POSITION = Prepared("""
SELECT COUNT(*) FROM delivery_reader WHERE expires_at > clock_timestamp() AND applied < %(p0)s
""")

_own: Lease | None = None


def serve_from(own: Lease | None) -> None:
    """This process answers from memory itself: it is told at once, and not waited for."""
    global _own  # one server per process
    _own = own


def foresee(news: News) -> None:
    """Asks together with the commit whether anybody is behind; mostly nobody is who had not heard before."""
    own = _own

    def hear(cursor: Any) -> None:
        news.is_known_to_all = not cursor.fetchone()[0]

    batch.ask_behind_commit(_BEHIND_MINE, {"p0": None if own is None else own.id}, hear)


def complete(news: News) -> None:
    """Returns when the change has been handed over. Never raises: the write is committed.

    Without PostgreSQL's answer it waits for as long as any lease can last. On SQLite readers look for themselves.
    """
    if connection.vendor != "postgresql":
        return
    began = time.monotonic()
    own = _own
    if own is not None:
        own.end_from_thread(news.keys, _backend())
    if not news.is_known_to_all:
        _wait(lambda: bool(_BEHIND.ask(None if own is None else own.id, news.change.pk)[0][0]), began)


def settle() -> None:
    """Returns when everybody, this process as well, has heard of all that is committed at this moment."""
    if connection.vendor != "postgresql":
        return
    began = time.monotonic()
    head = changes.head()
    _wait(lambda: bool(_BEHIND_POSITION.ask(head)[0][0]), began)


def _wait(is_anybody_behind: Callable[[], bool], began: float) -> None:
    pause = FIRST_PAUSE
    try:
        while is_anybody_behind() and time.monotonic() < began + lease.SECONDS:
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
    except DatabaseError as error:
        logger.warning("Nobody can be asked who has heard of a change; waiting for the leases' end: %s", error)
        time.sleep(max(0.0, began + lease.SECONDS - time.monotonic()))


def _backend() -> int:
    """Which of PostgreSQL's processes serves this thread; 0 where the connection is gone."""
    try:
        return connection.connection.info.backend_pid if connection.connection else 0
    except psycopg.Error:
        return 0
