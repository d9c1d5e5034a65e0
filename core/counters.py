"""Counting that is right with many workers: a Django cache backend for django-ratelimit's counters.

Django's own ``DatabaseCache.incr`` reads and then writes, so concurrent workers admit too many. Here a step is one
statement, ``INSERT … ON CONFLICT DO UPDATE … RETURNING``, which both databases run atomically. With Redis configured,
Redis counts; while Redis is away the database does, so that a limit is never off.
"""

import logging
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.redis import RedisCache
from django.db import connection
from django.utils import timezone

logger = logging.getLogger(__name__)

SWEEP_CHANCE = 0.01  # of a step: housekeeping costs nobody a wait that could be noticed

_STEP = """
INSERT INTO core_counter (key, value, expires_at) VALUES (%s, %s, %s)
ON CONFLICT (key) DO UPDATE SET
  value = CASE WHEN core_counter.expires_at <= %s THEN excluded.value ELSE core_counter.value + %s END,
  expires_at = CASE WHEN core_counter.expires_at <= %s THEN excluded.expires_at ELSE core_counter.expires_at END
RETURNING value
"""


class DatabaseCounters(BaseCache):
    """``add``, ``incr`` and ``get`` over one table; enough for counting, not a general cache."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """True when this call made the key; with ``value`` 1 a second caller counts on top of it through ``incr``."""
        sweep_now_and_then()
        now = timezone.now()
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM core_counter WHERE key = %s AND expires_at <= %s", [self._name(key, version), _stored(now)]
            )
            cursor.execute(
                "INSERT INTO core_counter (key, value, expires_at) VALUES (%s, %s, %s) ON CONFLICT (key) DO NOTHING",
                [self._name(key, version), int(value), _stored(now + timedelta(seconds=seconds or 0))],
            )
            return bool(cursor.rowcount == 1)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        now = timezone.now()
        stamp, end = _stored(now), _stored(now + timedelta(seconds=self.default_timeout or 300))
        with connection.cursor() as cursor:
            cursor.execute(_STEP, [self._name(key, version), delta, end, stamp, delta, stamp])
            value: int = cursor.fetchone()[0]
        return value

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT value FROM core_counter WHERE key = %s AND expires_at > %s",
                [self._name(key, version), _stored(timezone.now())],
            )
            row = cursor.fetchone()
        return row[0] if row else default

    def delete(self, key: str, version: int | None = None) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM core_counter WHERE key = %s", [self._name(key, version)])
            return bool(cursor.rowcount > 0)

    def clear(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM core_counter")

    def _name(self, key: str, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)


class RedisCountersWithFallback(RedisCache):
    """Redis counts; whenever it does not answer, the database does."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._database = DatabaseCounters("", params)

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._first(super().add, self._database.add, *args, **kwargs))

    def incr(self, *args: Any, **kwargs: Any) -> int:
        return int(self._first(super().incr, self._database.incr, *args, **kwargs))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._first(super().get, self._database.get, *args, **kwargs)

    @staticmethod
    def _first(redis: Callable[..., Any], database: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        from redis.exceptions import ConnectionError, TimeoutError

        try:
            return redis(*args, **kwargs)
        except (ConnectionError, TimeoutError) as away:
            logger.warning("Redis is away, the database counts instead: %s", away)
            return database(*args, **kwargs)


def sweep_now_and_then() -> None:
    if random.random() < SWEEP_CHANCE:  # noqa: S311 - housekeeping, not a secret
        sweep()


def sweep() -> None:
    """Deletes what has ended. Rows that somebody holds are left for another time, so that nobody waits in a circle."""
    skipping = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    ended = f"SELECT key FROM core_counter WHERE expires_at <= %s {skipping}"  # noqa: S608 - two constants
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM core_counter WHERE key IN ({ended})", [_stored(timezone.now())])  # noqa: S608


def _stored(moment: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
