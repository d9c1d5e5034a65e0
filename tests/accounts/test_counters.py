"""The counter behind the limits: right with many workers at once (core.counters)."""

import pytest
from django.core.cache import caches
from django.test import RequestFactory

from accounts import limits
from core.counters import DatabaseCounters, RedisCountersWithFallback
from core.models import Counter
from tests.accounts.at_once import at_once


@pytest.fixture
def counters(time_machine) -> DatabaseCounters:
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    return DatabaseCounters("", {})


def test_the_limits_count_in_the_database_unless_there_is_redis():
    assert isinstance(caches["counters"], DatabaseCounters | RedisCountersWithFallback)


@pytest.mark.django_db
def test_a_counter_counts_from_the_first_value(counters):
    steps = [counters.add("k", 1, 60), counters.incr("k"), counters.incr("k", 3), counters.get("k")]

    assert steps == [True, 2, 5, 5]


@pytest.mark.django_db
def test_a_counter_that_is_there_is_not_made_again(counters):
    counters.add("k", 1, 60)

    assert (counters.add("k", 7, 60), counters.get("k")) == (False, 1)


@pytest.mark.django_db
def test_a_counter_ends_with_its_time_and_begins_anew(counters, time_machine):
    counters.add("k", 5, 60)

    time_machine.shift(59)
    before = counters.get("k")
    time_machine.shift(1)
    after = counters.get("k", "gone")

    assert (before, after, counters.add("k", 1, 60), counters.get("k")) == (5, "gone", True, 1)


@pytest.mark.django_db
def test_a_step_after_the_end_begins_anew(counters, time_machine):
    counters.add("k", 5, 60)
    time_machine.shift(60)

    assert counters.incr("k") == 1


@pytest.mark.django_db
def test_counters_do_not_mix(counters):
    counters.add("a", 1, 60)
    counters.add("b", 1, 60)
    counters.incr("a")

    assert (counters.get("a"), counters.get("b"), counters.get("c")) == (2, 1, None)


@pytest.mark.django_db
def test_a_deleted_counter_is_gone(counters):
    counters.add("k", 1, 60)

    assert (counters.delete("k"), counters.delete("k"), counters.get("k")) == (True, False, None)


@pytest.mark.django_db
def test_a_counted_attempt_costs_few_and_bounded_queries(counters, settings, django_assert_max_num_queries):
    settings.RATELIMIT_ENABLE = True
    request = RequestFactory().post("/")

    with django_assert_max_num_queries(4):
        limits.count(request)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twenty_steps_at_once_are_twenty():
    counters = DatabaseCounters("", {})

    values = at_once(20, lambda: counters.incr("k"))

    assert (sorted(values), counters.get("k")) == (list(range(1, 21)), 20)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_twenty_that_make_a_counter_at_once_one_does():
    counters = DatabaseCounters("", {})

    assert sorted(at_once(20, lambda: counters.add("k", 1, 60))) == [False] * 19 + [True]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_twenty_attempts_at_once_exactly_five_are_admitted(settings):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/d"

    def attempt() -> bool:
        try:
            limits.count(RequestFactory().post("/", REMOTE_ADDR="192.0.2.1"))
        except limits.TooManyAttempts:
            return False
        return True

    assert sum(at_once(20, attempt)) == 5


@pytest.mark.django_db
def test_ended_counters_are_swept_away_in_passing(counters, time_machine, monkeypatch):
    counters.add("old", 1, 60)
    time_machine.shift(61)
    monkeypatch.setattr("core.counters.SWEEP_CHANCE", 1)

    counters.add("new", 1, 60)

    assert Counter.objects.count() == 1
