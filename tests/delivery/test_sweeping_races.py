"""Sweeps beside publishers, other sweeps, rebuilds and readers: nothing counts twice, and nobody waits in a circle."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction

from core import batch, clock
from core.ids import uuid7
from delivery import projection, reads, sweeping
from delivery.models import Change, LiveEntry, Publication
from tests.delivery.edge.holding import held
from tests.delivery.entries import asked, publish, wait_until, withdraw
from tests.delivery.test_sweeping import over, recounted, replaced, sweep_all, tallies
from tests.faults import processes

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed")]

SECONDS = 5  # PostgreSQL takes one to see a deadlock


def in_a_thread[T](action: Callable[[], T]) -> Future[T]:
    """With a connection of its own, in a transaction of its own."""

    def run() -> T:
        try:
            return action()
        finally:
            connections.close_all()

    threads = ThreadPoolExecutor(1)
    future = threads.submit(run)
    threads.shutdown(wait=False)
    return future


@contextmanager
def paused(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, after: str = "") -> Iterator[Callable[[], None]]:
    """The first call of a function stops before it, or after it where its text holds ``after``, until this block ends.

    What the block is given waits until somebody has stopped there.
    """
    original, is_there, go, first = getattr(module, name), threading.Event(), threading.Event(), [True]

    def stop(given: Any, *more: Any) -> Any:
        is_mine = after in given if after else True
        if after:
            original(given, *more)
        if is_mine and first:
            first.clear()
            is_there.set()
            assert go.wait(SECONDS * 2)
        return None if after else original(given, *more)

    def reached() -> None:
        assert is_there.wait(SECONDS)

    monkeypatch.setattr(module, name, stop)
    try:
        yield reached
    finally:
        go.set()


def until_somebody_waits_for_a_lock() -> None:
    def is_so() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(cursor.fetchone()[0])

    processes.wait_until(is_so, seconds=SECONDS, what="somebody waits for a lock")


def assert_exact() -> None:
    """What is counted is what is there, and what is there is what is live or to come."""
    kept = tallies()
    assert kept == recounted()
    assert set(LiveEntry.objects.values_list("pk", flat=True)) == set(
        Publication.objects.not_over().values_list("pk", flat=True)
    )


def test_two_sweeps_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    for _ in range(3):
        replaced(tags=["red"], author="Desk")

    with paused(monkeypatch, projection, "remove_rows") as reached:
        first = in_a_thread(sweeping.sweep)
        reached()
        second = sweeping.sweep()
        left = len(over())

    assert (first.result(SECONDS), second, left) == (True, False, 2)
    assert_exact()


def test_a_publisher_waits_for_the_sweep_of_its_entry_and_subtracts_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = replaced(tags=["red"], author="Desk")
    replaced(tags=["red"])

    with paused(monkeypatch, projection, "remove_rows") as reached:
        swept = in_a_thread(sweeping.sweep)
        reached()
        published = in_a_thread(partial(withdraw_whole, entry))
        until_somebody_waits_for_a_lock()

    assert (swept.result(SECONDS), published.result(SECONDS)) == (False, None)
    assert tallies()["post", "tag:red"] == 1
    assert_exact()


def withdraw_whole(entry: Any) -> None:
    with transaction.atomic():
        withdraw(entry)


@pytest.mark.parametrize("is_rolled_back", [False, True])
def test_what_a_publisher_is_at_is_left_to_them(is_rolled_back: bool) -> None:
    entry = replaced(tags=["red"], author="Desk")
    replaced(tags=["red"])

    with transaction.atomic():
        publish(entry, tags=["blue"])
        swept = in_a_thread(sweeping.sweep).result(SECONDS)
        transaction.set_rollback(is_rolled_back)

    left = len(over())
    sweep_all()
    assert (swept, left, len(over())) == (False, 1 if is_rolled_back else 0, 0)
    assert_exact()


def test_a_sweep_does_not_come_between_a_row_and_its_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publisher has removed the tags, and comes to the row: were that the sweep's, each would wait for the other."""
    entry = replaced(tags=["red"], author="Desk")

    with paused(monkeypatch, batch, "send", after="DELETE FROM delivery_livetag") as reached:
        published = in_a_thread(partial(withdraw_whole, entry))
        reached()
        swept = in_a_thread(sweeping.sweep).result(SECONDS)

    assert (swept, published.result(SECONDS)) == (False, None)
    assert_exact()


@pytest.mark.parametrize("who", ["sweep", "publisher"])
def test_a_rebuild_waits_for_whoever_has_begun(monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    entry = replaced(tags=["red"], author="Desk")
    begin = sweeping.sweep if who == "sweep" else partial(withdraw_whole, entry)
    at = {"sweep": (projection, "remove_rows", ""), "publisher": (batch, "send", "DELETE FROM delivery_livetag")}[who]

    with paused(monkeypatch, at[0], at[1], after=at[2]) as reached:
        begun = in_a_thread(begin)
        reached()
        rebuilt = in_a_thread(transaction.atomic(projection.rebuild))
        until_somebody_waits_for_a_lock()

    begun.result(SECONDS)
    assert rebuilt.result(SECONDS) == Publication.objects.not_over().count()
    assert_exact()


def test_who_answers_from_memory_hears_a_line_without_keys() -> None:
    replaced()

    with held() as holder:
        sweeping.sweep()

        assert holder.ended == [[]]
        assert holder.is_current()


def write(seed: int) -> None:
    """Publishes, schedules and withdraws entries of its own, as if it held their locks."""
    dice, ids = random.Random(seed), [uuid7() for _ in range(20)]
    for entry in ids:
        with transaction.atomic():
            publish(entry, tags=["red"], author="Desk")
    begins_at = dict.fromkeys(ids, clock.now())
    for _ in range(60):
        entry, tags = dice.choice(ids), dice.sample(["red", "blue"], dice.randrange(3))
        wait_until(begins_at[entry])
        begins_at[entry] = soon = clock.now() + timedelta(milliseconds=dice.randint(5, 20))
        with transaction.atomic():
            if dice.random() < 0.2:
                withdraw(entry)
            else:
                moment = dice.choice([None, soon, soon, soon + timedelta(hours=1)])
                publish(entry, tags=tags, author="Desk", starts_at=moment)


def look() -> tuple[int, int] | None:
    """A total and what is counted plainly in the same snapshot; None where a schedule has begun in between."""
    with transaction.atomic():
        connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = reads.listing(asked(tag="red"))
        rows = LiveEntry.objects.live().filter(kind="post", tag_rows__tag="red").count()
        after = reads.listing(asked(tag="red"))
    is_settled = before.changes_at is None or after.now < before.changes_at
    return (before.total, rows) if is_settled else None


def test_totals_are_exact_at_every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """While schedules begin, others publish and withdraw, and two sweep."""
    monkeypatch.setattr(sweeping, "MARGIN", timedelta(milliseconds=50))
    monkeypatch.setattr(sweeping, "BATCH", 3)
    is_over, looks = threading.Event(), []

    def again(action: Callable[[], Any], results: list[Any]) -> None:
        while not is_over.is_set():
            results.append(action())

    jobs = [(sweeping.sweep, []), (sweeping.sweep, []), (look, looks)]
    others = [in_a_thread(partial(again, *job)) for job in jobs]
    writers = [in_a_thread(partial(write, seed)) for seed in range(3)]
    wait(writers)
    is_over.set()
    for other in [*writers, *others]:
        other.result(60)
    wait_until(clock.now() + sweeping.MARGIN + timedelta(milliseconds=20))
    sweep_all()

    seen = [one for one in looks if one is not None]
    swept = Change.objects.filter(keys="").count()
    assert [one for one in seen if one[0] != one[1]] == []
    assert (len(seen) > 20, swept > 5) == (True, True)
    assert_exact()
