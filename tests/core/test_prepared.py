"""Statements that PostgreSQL has planned before: the same answers, and no session is stuck with an old plan."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import DataError, NotSupportedError, connection, transaction
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
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE name LIKE '\\_pg3%'")
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
@pytest.mark.parametrize("happens", ["ALTER TABLE changing ALTER a TYPE text", "DEALLOCATE ALL"])
def test_what_a_plan_does_not_survive_is_not_noticed(changing: Prepared, happens: str) -> None:
    """A migration ran while this session was open."""
    elsewhere(happens)

    assert changing.ask("x") == [("x", "x", "100%")]


@pytest.mark.postgres
def test_within_a_transaction_it_fails_once(changing: Prepared) -> None:
    elsewhere("ALTER TABLE changing ALTER a TYPE text")

    with pytest.raises(NotSupportedError), transaction.atomic():
        changing.ask("x")

    assert changing.ask("x") == [("x", "x", "100%")]


@pytest.fixture
def changing(fresh_session: None) -> Iterator[Prepared]:
    """A question that this session has asked before, about a table that others can change."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE changing (a varchar(5)); INSERT INTO changing VALUES ('x')")
    question = Prepared("SELECT a::text, a, '100%%' FROM changing WHERE a = %(p0)s")
    question.ask("x")
    yield question
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE changing")


def elsewhere(statement: str) -> None:
    """Not through psycopg's cursors, which would notice; a table is changed by another session."""
    there: Any = connection.connection
    if statement.startswith("DEALLOCATE"):
        there.pgconn.exec_(statement.encode())
        return
    names = ("host", "port", "user", "dbname")
    with psycopg.connect(**{name: connection.get_connection_params()[name] for name in names}) as other:
        other.execute(statement)
