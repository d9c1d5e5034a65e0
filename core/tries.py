"""Tries that have to wait: a little longer after every failure, never for good.

One row per key in the table of counters: ``value`` is the number of failures, and ``expires_at`` says when they are
forgotten, an hour after the last try. A try counts as failed from its beginning, for all of its keys or for none, while
their rows are held: of many at the same moment as many come through as would one after the other. Whoever succeeds
takes its failures back. A try that has to wait changes nothing, so that nobody makes the time longer for somebody else.

It is always the database that counts, also with Redis: docs/decisions/0015-lockout.md.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db import connection, transaction

from core import counters
from core.models import Counter

FORGOTTEN_AFTER = timedelta(hours=1)
FIRST_DELAY = timedelta(seconds=15)
CLOCK_TOLERANCE = timedelta(minutes=1)  # a try further in the future than this says that a clock was set back

_HOLD = """
INSERT INTO core_counter (key, value, expires_at) VALUES {}
ON CONFLICT (key) DO UPDATE SET value = core_counter.value
"""


@dataclass(frozen=True)
class Patience:
    failures: int  # so many cost no delay but the last one's
    longest: timedelta

    def delay(self, failures: int) -> timedelta:
        """Between a failure and the next try: 15 s, 30 s, 60 s and so on to the longest."""
        beyond = failures - self.failures
        return min(FIRST_DELAY * 2 ** min(beyond, 10), self.longest) if beyond >= 0 else timedelta()


class MustWait(Exception):
    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"{seconds} s")


def begin(keys: Collection[str], patience: Patience, *, now: datetime) -> dict[str, int]:
    """Counts one failure for each key and returns how many there are now; raises ``MustWait``, and counts nothing.

    Not inside a transaction, which could take the count back: that raises RuntimeError.
    """
    counters.sweep_now_and_then()
    with transaction.atomic(durable=True):
        rows = _hold(keys, now)
        wait = max(_wait(row, patience, now) for row in rows)
        if wait > timedelta():
            raise MustWait(ceil(wait.total_seconds()))
        for row in rows:
            row.value += 1
            row.expires_at = now + FORGOTTEN_AFTER
        Counter.objects.bulk_update(rows, ["value", "expires_at"])
    return {row.key: row.value for row in rows}


def settle(own: str, shared: str, patience: Patience, *, now: datetime, also: Iterable[str] = ()) -> None:
    """A try has succeeded: ``own`` and ``also`` are forgotten, ``shared`` forgets as many failures as ``own`` had.

    Nobody waits for what is left in ``shared``: the delay was over when the try began.
    """
    with transaction.atomic():
        rest = _take_back(own, shared, also, now)
        rest.expires_at = now + FORGOTTEN_AFTER - patience.delay(rest.value)
        rest.save(update_fields=["expires_at"], force_update=True)


def forgive(own: str, shared: str, *, now: datetime, also: Iterable[str] = ()) -> None:
    """The same without a try: whoever waits for the failures of others in ``shared`` goes on waiting."""
    with transaction.atomic():
        _take_back(own, shared, also, now)


def _take_back(own: str, shared: str, also: Iterable[str], now: datetime) -> Counter:
    rows = {row.key: row for row in _hold({own, shared, *also}, now)}
    rest = rows.pop(shared)
    rest.value = max(0, rest.value - rows[own].value)
    rest.save(update_fields=["value"], force_update=True)
    Counter.objects.filter(key__in=rows).delete()
    return rest


def note(key: str, *, until: datetime) -> None:
    """Remembers that something is so; see ``is_noted``."""
    Counter.objects.update_or_create(key=key, defaults={"value": 1, "expires_at": until})


def is_noted(key: str, *, now: datetime) -> bool:
    return Counter.objects.filter(key=key, expires_at__gt=now).exists()


def _hold(keys: Collection[str], now: datetime) -> list[Counter]:
    """The rows of the keys, made where they are missing, held until the transaction ends, always in the same order."""
    ordered = sorted(keys)
    end = connection.ops.adapt_datetimefield_value(now + FORGOTTEN_AFTER)
    with connection.cursor() as cursor:
        values = ", ".join(["(%s, 0, %s)"] * len(ordered))
        cursor.execute(_HOLD.format(values), [part for key in ordered for part in (key, end)])
    rows = list(Counter.objects.filter(key__in=ordered).order_by("key"))
    for row in rows:
        row.value = row.value if row.expires_at > now else 0
    return rows


def _wait(row: Counter, patience: Patience, now: datetime) -> timedelta:
    """At most the delay: ``now`` was read before the row was held, and may be older than the try before."""
    tried = row.expires_at - FORGOTTEN_AFTER
    if tried > now + CLOCK_TOLERANCE:
        return timedelta()
    return min(tried, now) + patience.delay(row.value) - now
