"""Writes that wait for the next statement: nobody reads without them, and none of them is lost or done twice."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.pq import PipelineStatus

from core import batch
from core.models import Counter

pytestmark = pytest.mark.django_db

INSERT = "INSERT INTO core_counter (key, value, expires_at) VALUES (%s, %s, '2026-01-01 00:00:00+00')"


@pytest.fixture(autouse=True, params=["direct", "behind a pooler"])
def way(request: pytest.FixtureRequest, settings: Any) -> None:
    """Pipelined, or as one message. SQLite knows neither."""
    if request.param != "direct":
        settings.DATABASE_DIRECT = {"HOST": "elsewhere"}


def keys() -> list[str]:
    return list(Counter.objects.order_by("key").values_list("key", flat=True))


def send_within(*statements: list[Any], then: Callable[[], object] = lambda: None) -> None:
    with transaction.atomic(), batch.gathered():
        for params in statements:
            batch.send(INSERT, params)
        then()


def crash() -> None:
    raise ZeroDivisionError


def send_in_savepoint(*statements: list[Any], then: Callable[[], object] = lambda: None) -> None:
    with transaction.atomic():
        for params in statements:
            batch.send(INSERT, params)
        then()


def test_without_a_gathering_a_statement_is_executed_at_once(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        batch.send(INSERT, ["a", 1])

    assert keys() == ["a"]


@pytest.mark.postgres
def test_several_writes_are_one_message_before_the_question(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2), batch.gathered():
        batch.send(INSERT, ["a", 1])
        batch.send(INSERT, ["b %s; %", 2])
        found = keys()

    assert found == ["a", "b %s; %"]


@pytest.mark.postgres
def test_the_rest_is_sent_at_the_end(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1), batch.gathered():
        batch.send(INSERT, ["a", 1])
        batch.send(INSERT, ["b", 2])

    assert keys() == ["a", "b"]


def test_the_order_is_that_of_the_calls_also_among_writes_of_the_orm() -> None:
    with batch.gathered():
        batch.send(INSERT, ["a", 1])
        changed = Counter.objects.filter(key="a").update(value=5)
        batch.send("UPDATE core_counter SET value = value * 2 WHERE key = %s", ["a"])
        deleted = Counter.objects.filter(value=10).delete()[0]
        batch.send(INSERT, ["a", 3])

    assert (changed, deleted, Counter.objects.get().value) == (1, 1, 3)


def test_each_learns_its_own_answer() -> None:
    learned: list[Any] = []

    def learn(cursor: Any) -> None:
        learned.append(cursor.fetchone()[0])

    with batch.gathered():
        batch.send(INSERT, ["a", 1])
        batch.send(f"{INSERT} RETURNING value", ["b", 2], learn)
        batch.send("UPDATE core_counter SET value = 7 WHERE key = 'a' RETURNING value", None, learn)
        found = keys()
        batch.send("UPDATE core_counter SET value = 8", [], lambda cursor: learned.append(cursor.rowcount))

    assert (found, learned) == (["a", "b"], [2, 7, 2])


def test_a_flush_makes_the_answers_known() -> None:
    learned: list[Any] = []

    with batch.gathered():
        batch.flush()
        batch.send(f"{INSERT} RETURNING value", ["a", 1], lambda cursor: learned.extend(cursor.fetchone()))
        batch.flush()
        known = list(learned)

    assert (known, learned) == ([1], [1])


def test_what_is_wrong_is_raised_by_the_next_question_at_the_latest() -> None:
    with pytest.raises(IntegrityError):
        send_within(["a", 1], ["a", 2], then=keys)

    assert keys() == []


def test_what_is_wrong_is_raised_at_the_end() -> None:
    with pytest.raises(IntegrityError):
        send_within(["a", None])

    assert keys() == []


def test_an_error_takes_with_it_what_waits() -> None:
    with pytest.raises(ZeroDivisionError):
        send_within(["a", 1], then=crash)
    batch.send(INSERT, ["b", 1])

    assert keys() == ["b"]


@pytest.mark.postgres
def test_after_an_error_the_connection_is_as_good_as_before() -> None:
    with pytest.raises(IntegrityError):
        send_within(["a", 1], ["a", 2], ["b", 3])
    with pytest.raises(ZeroDivisionError):
        send_within(["a", None], then=crash)

    there: Any = connection.connection
    assert there.info.pipeline_status == PipelineStatus.OFF
    send_within(["c", 1], ["d", 2])
    assert keys() == ["c", "d"]


def test_a_savepoint_parts_what_was_sent_before_it_from_what_was_sent_in_it() -> None:
    with batch.gathered():
        batch.send(INSERT, ["before", 1])
        with pytest.raises(ZeroDivisionError):
            send_in_savepoint(["inside", 1], then=crash)
        batch.send(INSERT, ["after", 1])

    assert keys() == ["after", "before"]


def test_a_failure_within_a_savepoint_can_be_gone_on_from() -> None:
    with batch.gathered():
        batch.send(INSERT, ["a", 1])
        with pytest.raises(IntegrityError):
            send_in_savepoint(["a", 2])
        batch.send(INSERT, ["b", 1])

    assert keys() == ["a", "b"]


def test_one_gathering_inside_another_changes_nothing() -> None:
    with batch.gathered():
        with batch.gathered():
            batch.send(INSERT, ["a", 1])
        found = keys()

    assert found == ["a"]


def test_a_question_in_pieces_and_many_at_once_come_after_what_waits() -> None:
    with batch.gathered():
        batch.send(INSERT, ["a", 1])
        in_pieces = [one.key for one in Counter.objects.iterator(chunk_size=1)]
        batch.send(INSERT, ["b", 1])
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE core_counter SET value = %s WHERE key = %s", [(5, "a"), (6, "b")])

    assert (in_pieces, sorted(Counter.objects.values_list("value", flat=True))) == (["a"], [5, 6])
