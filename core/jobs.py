"""Work that leaves the request: written in the transaction of the change, done after it, tried until it is done.

A job is a row of django-tasks-db, so it exists exactly when the change exists that wanted it. What that package lacks
is here: trying again with growing pauses, leases that bring back the jobs of a worker that died, and a wake-up at the
commit (docs/decisions/0012-jobs.md).

**A job may run twice**: its worker may die after the deed and before it is noted. Write handlers so that a second run
does no harm; ``current_id()`` is the same in every run of one job, and different for every other.
Arguments are kept in the clear for days: ids and addresses, never a secret.
"""

import logging
import os
import random
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from traceback import format_exception
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.tasks import Task, TaskResultStatus, task_backends
from django_tasks_db.backend import DatabaseBackend
from django_tasks_db.models import DBTaskResult, get_date_max

from core import addresses, background, clock, observability

logger = logging.getLogger(__name__)

ATTEMPTS = 8
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 5.0, 4, 21_600.0  # seconds: 5, 20, 80 … 6 h
JITTER = 0.25
LEASE = timedelta(seconds=30)  # a job whose worker is silent for so long is somebody else's
RENEW_SECONDS = 10.0
LONGEST_RUN = timedelta(minutes=15)  # after that it counts as hung, and its lease is not renewed
POLL_SECONDS = 1.5
PRUNE_SECONDS = 3600.0
DEAD_KEPT = timedelta(days=30)

_READY, _RUNNING = TaskResultStatus.READY, TaskResultStatus.RUNNING
_DONE, _DEAD = TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED
_current: ContextVar[uuid.UUID | None] = ContextVar("job", default=None)


class Hopeless(Exception):
    """Raised by a handler for what no further try can mend. The job is dead at once, and kept."""


class WorkerLost(Exception):
    """What is noted on a job whose workers died, every one of them, before they could note anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Task):
    """A function that runs later. Make one with ``@job``."""

    attempts: int = ATTEMPTS

    def enqueue(self, **kwargs: Any) -> Any:
        """An INSERT in the running transaction: rolled back with it, run after it. Raises TypeError for what JSON
        does not know."""
        result = Task.enqueue(self, **kwargs)
        transaction.on_commit(partial(background.wake, loop_name(self.queue_name)))
        return result


class Queue(DatabaseBackend):
    """The backend of settings.TASKS: django-tasks-db's, whose tasks are jobs."""

    task_class = Job


def job(*, queue: str = "default", attempts: int = ATTEMPTS) -> Callable[[Callable[..., object]], Job]:
    """``@job(queue="mail")`` over a function of a module, whose keyword arguments are what JSON knows.

    With eight attempts the last comes some seven hours after the first; five of them lie within the first half hour.
    """

    def make(function: Callable[..., object]) -> Job:
        made: Job = Job(func=function, queue_name=queue, attempts=attempts)
        return made

    return make


def current_id() -> uuid.UUID | None:
    """The id of the job that this code runs for: what a receiver can know a repetition by."""
    return _current.get()


# --- Running -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Run:
    """One attempt. ``error`` is what the handler raised."""

    id: uuid.UUID
    error: Exception | None


def register_loops() -> None:
    """A thread for each queue, so that a mail server that hangs holds up mail alone."""
    for queue in sorted(task_backends["default"].queues):
        background.register(loop_name(queue), partial(work, queue), every=POLL_SECONDS, own_thread=True)
    background.register("jobs.leases", look_after_leases, every=RENEW_SECONDS)
    background.register("jobs.prune", prune, every=PRUNE_SECONDS)


def loop_name(queue: str) -> str:
    return f"jobs.{queue}"


def work(queue: str) -> bool:
    """One job of the queue, if one is due; True asks to be called again at once."""
    return run_next(queue) is not None


def run_next(queue: str | None = None) -> Run | None:
    """Runs the job that is due first, of any queue without ``queue``. None when nothing is due."""
    row = _claim(queue)
    return None if row is None else _run(row)


def due(queue: str | None = None) -> Any:
    rows = DBTaskResult.objects.filter(status=_READY).filter(
        Q(run_after=get_date_max()) | Q(run_after__lte=clock.Now())
    )
    return rows if queue is None else rows.filter(queue_name=queue)


def _claim(queue: str | None) -> DBTaskResult | None:
    """Of several workers each takes another row. Asks before it locks: an idle SQLite stays free for writers."""
    if not due(queue).exists():
        return None
    now = clock.now()
    with transaction.atomic():
        row: DBTaskResult | None = due(queue).select_for_update(skip_locked=True).first()
        if row is not None:
            row.status, row.started_at, row.run_after = _RUNNING, now, now + LEASE
            row.worker_ids = [*row.worker_ids, f"{socket.gethostname()}:{os.getpid()}"]
            row.save(update_fields=["status", "started_at", "run_after", "worker_ids"])
    return row


def _run(row: DBTaskResult) -> Run:
    error: Exception | None = None
    with _leased(row), _as_job(row.pk):
        try:
            _call(row)
        except Exception as raised:  # noqa: BLE001 - whatever it is belongs to the job
            error = raised
        _note(row, error)
    return Run(row.pk, error)


def _call(row: DBTaskResult) -> None:
    if len(row.worker_ids) > _attempts(row):
        raise WorkerLost(f"Its workers died {len(row.worker_ids) - 1} times.")
    row.task.call(**row.args_kwargs["kwargs"])


def _note(row: DBTaskResult, error: Exception | None) -> None:
    if error is None:
        _settle(row, status=_DONE, finished_at=clock.now())
        logger.info("Job %s is done", _title(row))
    elif isinstance(error, Hopeless) or len(row.worker_ids) >= _attempts(row):
        _settle(row, status=_DEAD, finished_at=clock.now(), **_traces(error))
        logger.error("Job %s is dead: %s", _title(row), _in_short(error), exc_info=error)
    else:
        wait = pause(len(row.worker_ids))
        _settle(row, status=_READY, run_after=clock.now() + wait, **_traces(error))
        seconds = round(wait.total_seconds())
        logger.warning("Job %s failed and runs again in %s s: %s", _title(row), seconds, _in_short(error))


def _settle(row: DBTaskResult, **fields: Any) -> None:
    """Only while the lease is ours: ``started_at`` tells one claim from the next."""
    if not DBTaskResult.objects.filter(pk=row.pk, status=_RUNNING, started_at=row.started_at).update(**fields):
        logger.warning("Job %s took so long that it was given to another worker", _title(row))


def pause(attempt: int) -> timedelta:
    """Before the next attempt: four times as long each time, give or take a quarter, so that not all come at once."""
    seconds = min(LONGEST_PAUSE, FIRST_PAUSE * GROWTH ** (attempt - 1))
    return timedelta(seconds=seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret


def _attempts(row: DBTaskResult) -> int:
    """Of a job that this version does not know, as many as any: the next version may know it."""
    try:
        return int(getattr(row.task, "attempts", ATTEMPTS))
    except Exception:  # noqa: BLE001 - importing it may raise anything
        return ATTEMPTS


def _traces(error: Exception) -> dict[str, str]:
    kind = type(error)
    return {
        "exception_class_path": f"{kind.__module__}.{kind.__qualname__}",
        "traceback": "".join(format_exception(error)),
    }


def _title(row: DBTaskResult) -> str:
    return f"{row.task_path} {row.pk} (attempt {len(row.worker_ids)} of {_attempts(row)})"


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"


@contextmanager
def _as_job(pk: uuid.UUID) -> Iterator[None]:
    """Log lines and audit rows of a job carry its id in the place of a request's, and no client's address."""
    with (
        _set(_current, pk),
        _set(observability.request_id_var, str(pk)),
        _set(addresses.client_address_var, ""),
    ):
        yield


@contextmanager
def _set[T](variable: ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


# --- Leases ------------------------------------------------------------------------------------------------------
_held: dict[uuid.UUID, datetime] = {}  # what this process runs at the moment, and since when
_holding = threading.Lock()


@contextmanager
def _leased(row: DBTaskResult) -> Iterator[None]:
    assert row.started_at is not None
    with _holding:
        _held[row.pk] = row.started_at
    try:
        yield
    finally:
        with _holding:
            _held.pop(row.pk, None)


def look_after_leases() -> None:
    """Renews ours, and makes those ready again whose worker no longer does."""
    with _holding:
        held = dict(_held)
    now = clock.now()
    for pk, since in held.items():
        if now - since < LONGEST_RUN:
            DBTaskResult.objects.filter(pk=pk, status=_RUNNING, started_at=since).update(run_after=now + LEASE)
    lapsed = DBTaskResult.objects.filter(status=_RUNNING, run_after__lte=now)
    if lapsed.exists():  # on SQLite an UPDATE locks, even one that meets no row
        count = lapsed.update(status=_READY)
        logger.warning("%s job(s) run again: their worker is silent", count)


# --- Afterwards --------------------------------------------------------------------------------------------------
def dead() -> Any:
    """Jobs that nobody tries any more."""
    return DBTaskResult.objects.filter(status=_DEAD).order_by("-finished_at", "id")


def revive(rows: Any) -> int:
    """Dead jobs start over, with all their attempts. Returns how many."""
    with transaction.atomic():
        queues = set(rows.filter(status=_DEAD).order_by().values_list("queue_name", flat=True))
        count: int = rows.filter(status=_DEAD).update(
            status=_READY, run_after=get_date_max(), worker_ids=[], finished_at=None
        )
        for queue in queues:
            transaction.on_commit(partial(background.wake, loop_name(queue)))
    return count


def prune() -> int:
    """Deletes what was done ``JOBS_KEEP_DAYS`` ago, and what died ``DEAD_KEPT`` ago. Returns how many."""
    now, kept = clock.now(), timedelta(days=settings.JOBS_KEEP_DAYS)
    is_old = Q(status=_DONE, finished_at__lt=now - kept) | Q(status=_DEAD, finished_at__lt=now - max(kept, DEAD_KEPT))
    count, _ = DBTaskResult.objects.filter(is_old).delete()
    return count
