"""Tells a CDN, after the commit and until it has heard it, what it must no longer hold.

The change log is the outbox. For each target a row says how far it has been told (``PurgeCursor``); whoever leases the
row reads on from there, sends the keys and moves it on. Nothing is skipped: what failed is sent again, together with
what has come since, so an outage of an hour costs few requests. Purges are told at least once, which is as good as
once. No transaction is open while somebody else is being waited for.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from uuid import uuid4

from django.conf import settings
from django.db.models import Min, Q, QuerySet
from django.utils.module_loading import import_string

from core import background, clock, metrics
from delivery import changes
from delivery.models import PurgeCursor, Reader
from delivery.providers.base import PurgeFailed, Purger

logger = logging.getLogger(__name__)

_succeeded, _failed = (
    metrics.counter("stitch_purge_rounds_total", "Rounds in which a CDN was told what has changed.", outcome=one)
    for one in ("succeeded", "failed")
)

LOOP = "purging"
POLL_SECONDS = 1.0  # a change that another process has committed waits at most so long
HEARING_SECONDS = 0.1  # between two looks whether every process has heard of a change
LEASE = timedelta(seconds=30)  # longer than any one request may take (providers.http)
CHANGES_AT_ONCE = 1_000
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WISH = 1.0, 60.0, 300.0  # seconds; a wish is a Retry-After
REMIND_AFTER = 60  # failures, which come a minute apart by then


class LeaseLost(Exception):
    """Somebody else has taken over, since we took too long. They begin where we began."""


def register() -> None:
    """For ``AppConfig.ready``, after those who are to hear of a change first. Without a CDN there is no loop."""
    if settings.CDN_PURGE:
        background.register(LOOP, work, every=POLL_SECONDS, own_thread=True)
        changes.after_commit(_wake)


def _wake(_: changes.News) -> None:
    background.wake(LOOP)


def targets() -> list[Purger]:
    return [import_string(one["PROVIDER"])(**one["OPTIONS"]) for one in settings.CDN_PURGE]


# --- The loop ------------------------------------------------------------------------------------------------------
def work() -> bool:
    """A round for every target that has something to hear. True asks to be called again at once: there is more."""
    due = _due(targets())
    if not due:
        return False
    end = _heard_everywhere()
    if any([_go_on(target, end) for target in due]):  # noqa: C419 - every target has its turn
        return True
    if end < changes.head():
        time.sleep(HEARING_SECONDS)
        return True
    return False


def _due(among: list[Purger]) -> list[Purger]:
    """Those who lag behind and whom nobody is telling. Costs two queries, however many there are."""
    rests = Q(free_at__gt=clock.Now()) | Q(position__gte=changes.head())
    names = PurgeCursor.objects.filter(rests, target__in=[one.name for one in among])
    resting = set(names.values_list("target", flat=True))
    return [one for one in among if one.name not in resting]


def _heard_everywhere() -> int:
    """The position up to which no process of ours answers from memory what is no longer true.

    A CDN that is purged asks again at once. Were it answered by a process that has not heard of the change, it would
    keep the old answer.
    """
    head = changes.head()
    readers = Reader.objects.filter(expires_at__gt=clock.Now())
    slowest: int | None = readers.aggregate(applied=Min("applied"))["applied"]
    return head if slowest is None else min(head, slowest)


def _go_on(target: Purger, end: int) -> bool:
    cursor = _lease(target.name, end)
    if cursor is None:
        return False
    try:
        position = _tell(target, cursor, end)
    except PurgeFailed as failure:
        _failed.value += 1
        _note_failure(cursor, failure)
        return False
    except LeaseLost:
        logger.warning("Purging %s took so long that it was given to another process", target.name)
        return False
    _succeeded.value += 1
    _note_success(cursor, position)
    return position < end


def _tell(target: Purger, cursor: PurgeCursor, end: int) -> int:
    """Sends what has changed after the cursor, up to ``end``. Returns the position that has been reached."""
    if cursor.position is None:
        return _tell_everything(target, end)
    found = [(change.position, change.key_list) for change in changes.since(cursor.position, CHANGES_AT_ONCE)]
    heard = [(position, keys) for position, keys in found if position is not None and position <= end]
    if not heard or changes.forgotten_up_to() > cursor.position:  # asked after reading: what is missing now, was then
        return _tell_everything(target, end)
    for part in _requests(target, [key for _, keys in heard for key in keys]):
        _renew(cursor)
        part()
    return heard[-1][0]


def _tell_everything(target: Purger, end: int) -> int:
    logger.info("Purging all of %s: the log does not say what has changed there", target.name)
    target.purge_everything()
    return end


def _requests(target: Purger, keys: Iterable[str]) -> Iterator[Callable[[], None]]:
    """As few as it takes, in the order in which the keys came first."""
    distinct = dict.fromkeys(keys)
    if changes.EVERYTHING in distinct:
        yield target.purge_everything
        return
    for part in batched(distinct, target.keys_per_request):
        yield partial(target.purge, list(part))


# --- The cursor ----------------------------------------------------------------------------------------------------
def _lease(name: str, end: int) -> PurgeCursor | None:
    """The cursor, unless somebody else is at it or has just told all there is."""
    now, holder = clock.now(), uuid4()
    PurgeCursor.objects.get_or_create(target=name, defaults={"free_at": now})
    is_due = Q(free_at__lte=now) & (Q(position=None) | Q(position__lt=end))
    PurgeCursor.objects.filter(is_due, target=name).update(holder=holder, free_at=now + LEASE)
    return PurgeCursor.objects.filter(target=name, holder=holder).first()


def _held(cursor: PurgeCursor) -> QuerySet[PurgeCursor]:
    """The row while it is ours: of two holders the later one wins."""
    return PurgeCursor.objects.filter(target=cursor.target, holder=cursor.holder)


def _renew(cursor: PurgeCursor) -> None:
    if not _held(cursor).update(free_at=clock.now() + LEASE):
        raise LeaseLost


def _note_success(cursor: PurgeCursor, position: int) -> None:
    is_ours = _held(cursor).update(
        position=position, holder=None, free_at=clock.now(), failures=0, failing_since=None, error=""
    )
    if is_ours and cursor.failing_since is not None:
        seconds = (clock.now() - cursor.failing_since).total_seconds()
        logger.info("Purging %s works again, after %.0f s and %s failures", cursor.target, seconds, cursor.failures)


def _note_failure(cursor: PurgeCursor, failure: PurgeFailed) -> None:
    """One line for an outage, and one an hour while it lasts."""
    if cursor.failures % REMIND_AFTER == 0:
        logger.error("Purging %s failed and is tried until it succeeds: %s", cursor.target, failure)
    now = clock.now()
    _held(cursor).update(
        holder=None,
        free_at=now + pause(cursor.failures, failure.retry_after),
        failures=cursor.failures + 1,
        failing_since=cursor.failing_since or now,
        error=str(failure)[:300],
    )


def pause(failures: int, wish: float = 0.0) -> timedelta:
    """After so many failures: twice as long each time, and not at the same moment for all targets."""
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 16)) * random.uniform(0.75, 1.0)  # noqa: S311 - no secret
    return timedelta(seconds=max(seconds, min(wish, LONGEST_WISH)))


# --- For operators -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Standing:
    """How one target stands. ``behind``: the changes it has not been told; None before it was told anything."""

    target: str
    behind: int | None
    failures: int = 0
    failing_since: datetime | None = None
    error: str = ""


def standings() -> list[Standing]:
    head = changes.head()
    rows = {row.target: row for row in PurgeCursor.objects.all()}
    return [_standing(target.name, rows.get(target.name), head) for target in targets()]


def _standing(name: str, row: PurgeCursor | None, head: int) -> Standing:
    if row is None:
        return Standing(name, None)
    behind = None if row.position is None else head - row.position
    return Standing(name, behind, row.failures, row.failing_since, row.error)


def purge_now(keys: Iterable[str]) -> Iterator[tuple[str, PurgeFailed | None]]:
    """Beside the loop, at once and without another try: each target, and why it failed. ``*`` stands for everything."""
    wanted = list(keys)
    for target in targets():
        try:
            for part in _requests(target, wanted):
                part()
        except PurgeFailed as failure:
            yield target.name, failure
        else:
            yield target.name, None
