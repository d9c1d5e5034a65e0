"""Tries that have to wait longer and longer (core.tries)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from core import tries
from core.models import Counter
from core.tries import MustWait, Patience
from tests.accounts.at_once import at_once

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = Patience(failures=2, longest=timedelta(seconds=100))


@pytest.fixture(autouse=True)
def noon(time_machine):
    """What is swept away is judged by the clock."""
    time_machine.move_to(NOON, tick=False)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def wait_for(*keys: str, now: datetime = NOON) -> int:
    """The seconds that a try has to wait; 0: it was counted."""
    try:
        tries.begin(keys, PATIENCE, now=now)
    except MustWait as wait:
        return wait.seconds
    return 0


def counts() -> dict[str, int]:
    return dict(Counter.objects.values_list("key", "value"))


@pytest.mark.parametrize(
    ("failures", "expected"), [(0, 0), (1, 0), (2, 15), (3, 30), (4, 60), (5, 100), (6, 100), (10**9, 100)]
)
def test_the_delay_doubles_to_the_longest(failures, expected):
    assert PATIENCE.delay(failures) == seconds(expected)


def test_a_try_counts_from_its_beginning():
    assert tries.begin(["a", "b"], PATIENCE, now=NOON) == {"a": 1, "b": 1}
    assert tries.begin(["b", "c"], PATIENCE, now=NOON) == {"b": 2, "c": 1}


def test_a_try_that_has_to_wait_for_one_key_counts_for_none():
    tries.begin(["a"], PATIENCE, now=NOON)
    tries.begin(["a"], PATIENCE, now=NOON)

    assert wait_for("a", "b", "c") == 15
    assert counts() == {"a": 2}


def test_the_longest_wait_of_all_keys_counts():
    for _ in range(2):
        tries.begin(["a", "b"], PATIENCE, now=NOON)
    tries.begin(["b"], PATIENCE, now=NOON + seconds(15))

    assert [wait_for(*keys, now=NOON + seconds(15)) for keys in (("a", "b"), ("b",), ("a",))] == [30, 30, 0]


@pytest.mark.parametrize(("after", "expected"), [(0, 15), (0.001, 15), (1, 14), (14, 1), (14.999, 1), (15, 0)])
def test_the_wait_is_told_in_whole_seconds_after_which_the_next_try_counts(after, expected):
    for _ in range(2):
        tries.begin(["a"], PATIENCE, now=NOON)

    assert wait_for("a", now=NOON + seconds(after)) == expected


@pytest.mark.parametrize(("after", "expected"), [(3599.999, 2), (3600, 1)])
def test_failures_are_forgotten_an_hour_after_the_last(after, expected):
    tries.begin(["a"], PATIENCE, now=NOON - seconds(3000))
    tries.begin(["a"], PATIENCE, now=NOON)
    Counter.objects.update(value=1)

    assert tries.begin(["a"], PATIENCE, now=NOON + seconds(after)) == {"a": expected}


@pytest.mark.parametrize(("back", "expected"), [(0.001, 15), (1, 15), (59, 15), (300, 0), (86_400, 0)])
def test_a_clock_that_was_set_back_keeps_nobody_out(back, expected):
    for _ in range(2):
        tries.begin(["a"], PATIENCE, now=NOON)

    assert wait_for("a", now=NOON - seconds(back)) == expected


def test_a_success_takes_its_own_failures_out_of_what_is_shared():
    tries.begin(["mine", "shared"], PATIENCE, now=NOON)
    tries.begin(["theirs", "shared"], Patience(9, seconds(100)), now=NOON)
    tries.begin(["mine", "shared"], Patience(9, seconds(100)), now=NOON)

    tries.settle("mine", "shared", PATIENCE, now=NOON, also=["gone"])

    assert counts() == {"theirs": 1, "shared": 1}


def test_whoever_is_forgiven_without_a_try_leaves_the_failures_of_others_and_their_delay():
    many = Patience(9, seconds(100))
    tries.begin(["mine", "shared"], many, now=NOON)
    for _ in range(2):
        tries.begin(["theirs", "shared"], many, now=NOON)

    tries.forgive("mine", "shared", now=NOON + seconds(1), also=["gone"])

    assert (counts(), wait_for("shared", now=NOON + seconds(1))) == ({"theirs": 2, "shared": 2}, 14)


def test_after_a_success_nobody_waits_for_the_failures_of_others():
    for moment in (0, 0, 15, 45):
        tries.begin(["theirs", "shared"], PATIENCE, now=NOON + seconds(moment))
    later = NOON + seconds(300)
    tries.begin(["mine", "shared"], PATIENCE, now=later)
    waiting = wait_for("other", "shared", now=later)

    tries.settle("mine", "shared", PATIENCE, now=later)

    assert (waiting, wait_for("other", "shared", now=later), counts()["shared"]) == (100, 0, 5)


def test_a_success_without_failures_leaves_none():
    tries.begin(["mine", "shared"], PATIENCE, now=NOON)

    tries.settle("mine", "shared", PATIENCE, now=NOON)

    assert counts() == {"shared": 0}


def test_what_is_noted_ends():
    tries.note("seen", until=NOON)
    tries.note("seen", until=NOON + seconds(10))

    found = [tries.is_noted("seen", now=NOON + seconds(after)) for after in (0, 9, 10)]

    assert (found, tries.is_noted("unseen", now=NOON)) == ([True, True, False], False)


def test_inside_a_transaction_which_could_take_the_count_back_nothing_begins():
    with pytest.raises(RuntimeError), transaction.atomic():
        tries.begin(["a"], PATIENCE, now=NOON)

    assert counts() == {}


def test_what_has_ended_is_swept_away_in_passing(monkeypatch):
    tries.note("old", until=NOON)
    monkeypatch.setattr("core.counters.SWEEP_CHANCE", 1)

    tries.begin(["a"], PATIENCE, now=NOON)

    assert counts() == {"a": 1}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_sixteen_at_once_as_many_come_through_as_would_one_after_the_other():
    patience = Patience(5, seconds(240))

    def one() -> bool:
        try:
            tries.begin(["a", "b", "c"], patience, now=NOON)
        except MustWait:
            return False
        return True

    first, second = at_once(16, one), at_once(16, one)

    assert (sum(first), sum(second), counts()) == (5, 0, {"a": 5, "b": 5, "c": 5})


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_tries_that_share_keys_crosswise_never_wait_for_each_other_in_a_circle(monkeypatch, time_machine):
    time_machine.move_to(NOON + timedelta(days=10))
    monkeypatch.setattr("core.counters.SWEEP_CHANCE", 1)  # everybody sweeps, too
    patience = Patience(10**6, seconds(240))
    turns = iter(range(16))

    def many() -> int:
        own = f"own-{next(turns) % 3}"
        for moment in range(30):
            now = NOON + timedelta(hours=2 * moment)
            tries.begin([own, "x", "y"], patience, now=now)
            tries.settle("x", own, patience, now=now, also=["y"])
        return 30

    assert at_once(16, many) == [30] * 16
