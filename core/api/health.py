"""For the machinery that watches us: is the process alive, and may it be sent visitors?

The checks run in threads of their own. In a lane (core.asgi) they would wait behind visitors, and a busy machine would
look like a broken one; a check that hangs holds up the next check and nobody else.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.core.cache import caches
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

from core import errors, rendering
from core.api import problems
from core.api.reading import read_only

logger = logging.getLogger(__name__)

SECONDS = 2.0
OK, AWAY, PENDING, DEGRADED = "ok", "away", "pending", "degraded"

_database_thread = ThreadPoolExecutor(1, thread_name_prefix="health-database")
_cache_thread = ThreadPoolExecutor(1, thread_name_prefix="health-cache")
_seen_clean: set[str] = set()  # databases without pending migrations: building the graph of all migrations costs 0.1 s


class NotReady(errors.Unavailable):
    code = "not_ready"
    title = "The server is not ready for visitors"


@read_only
async def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else: a dead database is no reason to kill us."""
    return _answer({"status": OK})


@read_only
async def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and has our tables. Without the cache we serve on, slower, and say so."""
    (database, migrations), cache = await asyncio.gather(
        _bounded(_database_thread, _ask_database, (AWAY, AWAY)), _bounded(_cache_thread, _ask_cache, AWAY)
    )
    checks = {"database": database, "cache": cache, "migrations": migrations}
    if database == migrations == OK:
        return _answer({"status": OK if cache == OK else DEGRADED, "checks": checks})
    refusal = NotReady("A part that visitors need is away.", retry_after=5)
    response = problems.render(refusal)
    response.content = rendering.dumps({**problems.body(refusal, response.status_code), "checks": checks})
    return response


async def _bounded[T](thread: ThreadPoolExecutor, ask: Callable[[], T], otherwise: T) -> T:
    """The reason goes to the log, never into the answer: a driver's message names hosts and users."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(thread, ask), SECONDS)
    except TimeoutError:
        logger.warning("%s took longer than %s seconds", ask.__name__, SECONDS)
    except _outages() as error:
        logger.warning("%s: %s", ask.__name__, error)
    return otherwise


def _outages() -> tuple[type[Exception], ...]:
    """Redis' driver takes megabytes of each process: it is loaded by the cache that needs it alone."""
    driver = sys.modules.get("redis.exceptions")
    return (DatabaseError, OSError, *([driver.RedisError] if driver else []))


def _ask_database() -> tuple[str, str]:
    """One connection per question, closed again: a watcher that holds connections would need some of its own."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return OK, _migrations()
    finally:
        connection.close()


def _migrations() -> str:
    name = str(connection.settings_dict["NAME"])
    if name not in _seen_clean:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return PENDING
        _seen_clean.add(name)
    return OK


def _ask_cache() -> str:
    caches["default"].get("readyz")
    return OK


def _answer(payload: dict[str, object]) -> HttpResponse:
    response = HttpResponse(rendering.dumps(payload), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response
