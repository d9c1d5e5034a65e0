"""Statements that PostgreSQL has planned before: the same answers, and no session is stuck with an old plan."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DataError, NotSupportedError, ProgrammingError, connection, transaction
from django.utils import timezone

from core import batch
from core.models import Counter
from core.prepared import Prepared

pytestmark = pytest.mark.django_db

VALUE = "SELECT value, key, '100%%' FROM core_counter WHERE key = %(p0)s OR (key = %(p1)s AND key <> %(p0)s) ORDER BY 2"


@pytest.fixture
def rows(db: None) -> list[tuple[Any, ...]]:
    Counter.objects.create(key="a", value=1, expires_at=timezone.now())
    Counter.objects.create(key="b", value=2, expires_at=timezone.now())
    return [(1, "a", "100%"), (2, "b", "100%")]


@pytest.fixture
def fresh_session(transactional_db: None) -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def planned() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE name LIKE 'stitch%'")
        return [text for (text,) in cursor.fetchall() if "100%" in text]


def test_it_answers_what_it_is_asked(rows: list[Any]) -> None:
    question = Prepared(VALUE)

    asked = [question.ask(*keys) for keys in (("a", "b"), ("b", "b"), ("a", "a"), ("' OR 1=1 --%s", "%"))]

    assert asked == [rows, rows[1:], rows[:1], []]


def test_it_is_one_statement_from_the_first_time_on(rows: list[Any], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        Prepared(VALUE).ask("a", "b")


def test_it_sees_what_was_written_before_it(rows: list[Any]) -> None:
    question = Prepared(VALUE)

    with batch.gathered():
        batch.send("UPDATE core_counter SET value = 9 WHERE key = %s", ["a"])
        found = question.ask("a", "a")

    assert found == [(9, "a", "100%")]


@pytest.mark.postgres
def test_a_session_plans_it_once(fresh_session: None) -> None:
    question, other = Prepared(VALUE), Prepared(VALUE + " DESC")
    for _ in range(3):
        question.ask("a", "b")
        other.ask("a", "b")
    before = len(planned())
    connection.close()
    question.ask("a", "b")

    assert (before, len(planned())) == (2, 1)


@pytest.mark.postgres
def test_behind_a_pooler_it_is_sent_as_it_is(rows: list[Any], settings: Any) -> None:
    settings.DATABASE_DIRECT = {"HOST": "elsewhere"}
    before = len(planned())

    found = Prepared(VALUE).ask("a", "b")

    assert (found, len(planned())) == (rows, before)


@pytest.mark.postgres
def test_a_question_that_fails_is_as_good_as_before_the_next_time(fresh_session: None) -> None:
    question = Prepared("SELECT 1 / (%(p0)s::int), '100%%'")
    question.ask(1)

    with pytest.raises(DataError):
        question.ask(0)

    assert (question.ask(1), len(planned())) == ([(1, "100%")], 1)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("happens", "error"),
    [
        ("ALTER TABLE changing ALTER a TYPE text", NotSupportedError),
        ("DEALLOCATE ALL", ProgrammingError),
    ],
)
def test_after_what_a_plan_does_not_survive_one_question_fails(fresh_session: None, happens: str, error: Any) -> None:
    question = Prepared("SELECT a::text, a, '100%%' FROM changing WHERE a = %(p0)s")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE changing (a varchar(5)); INSERT INTO changing VALUES ('x')")
        question.ask("x")
        cursor.execute(happens)

    with pytest.raises(error), transaction.atomic():
        question.ask("x")

    assert question.ask("x") == [("x", "x", "100%")]
