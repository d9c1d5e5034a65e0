"""The COMMIT on the same way as what it commits: all of it or nothing, and nobody believes what was not committed."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from psycopg._pipeline_base import BasePipeline
from psycopg.pq import PipelineStatus

from core import batch, rows
from core.models import Counter
from core.prepared import Prepared
from core.transactions import whole

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

INSERT = "INSERT INTO core_counter (key, value, expires_at) VALUES (%s, %s, '2026-01-01 00:00:00+00')"
COUNT = "SELECT COUNT(*) FROM core_counter"


def keys() -> list[str]:
    return list(Counter.objects.order_by("key").values_list("key", flat=True))


def write(*statements: list[Any], then: Callable[[], object] = lambda: None) -> list[str]:
    """What the hooks of the commit have heard, in their order."""
    heard: list[str] = []
    with whole():
        transaction.on_commit(lambda: heard.append("committed"))
        batch.ask_behind_commit(COUNT, None, lambda cursor: heard.append(f"there are {cursor.fetchone()[0]}"))
        for params in statements:
            batch.send(INSERT, params)
        then()
    return heard


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that somebody waits for PostgreSQL, by what it was."""
    made: list[str] = []
    sync, commit = BasePipeline._enqueue_sync, psycopg.Connection.commit

    def count_sync(self: BasePipeline) -> None:
        made.append("pipeline")
        sync(self)

    def count_commit(self: Any) -> None:
        made.append("commit")
        commit(self)

    connection.ensure_connection()
    monkeypatch.setattr(BasePipeline, "_enqueue_sync", count_sync)
    monkeypatch.setattr(psycopg.Connection, "commit", count_commit)
    return made


def is_as_before() -> bool:
    """Nothing of the last transaction is left on the connection."""
    there: Any = connection.connection
    wrapper: Any = connection
    off = there.info.pipeline_status == PipelineStatus.OFF and wrapper.commit_on_its_way is None
    return off and write(["next", 1]) == [f"there are {Counter.objects.count()}", "committed"]


def test_the_commit_and_a_question_behind_it_take_no_way_of_their_own(ways: list[str]) -> None:
    heard = write(["a", 1], ["b", 2])

    assert (ways, heard) == (["pipeline"], ["there are 2", "committed"])
    assert (keys(), is_as_before()) == (["a", "b"], True)


def test_the_begin_takes_no_way_of_its_own_before_a_planned_question(ways: list[str]) -> None:
    with whole():
        found = Prepared(COUNT).ask()
        batch.send(INSERT, ["a", 1])
        more = Prepared(COUNT).ask()

    assert (found, more, keys()) == ([(0,)], [(1,)], ["a"])
    assert ways == ["pipeline", "pipeline", "commit"]


@pytest.mark.parametrize("then", [lambda: None, lambda: time.sleep(0.05)], ids=["at once", "once it is heard"])
def test_what_is_wrong_undoes_it_all_and_nobody_is_told(then: Callable[[], object]) -> None:
    for statements in ([["a", 1], ["a", 2], ["b", 3]], [["a", None]], [["a", 1], ["b", 1], ["c", None]]):
        with pytest.raises(IntegrityError):
            write(*statements, then=then)

        assert keys() == []
        assert is_as_before()
        Counter.objects.all().delete()


def test_what_the_commit_itself_finds_wrong_undoes_it_all() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE checked_late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    heard: list[str] = []

    def twice() -> None:
        with whole():
            transaction.on_commit(lambda: heard.append("committed"))
            batch.send(INSERT, ["a", 1])
            batch.send("INSERT INTO checked_late VALUES (1), (1)", None)

    try:
        with pytest.raises(IntegrityError):
            twice()
        assert (keys(), heard, is_as_before()) == ([], [], True)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE checked_late")


def test_a_question_that_fails_leaves_committed_what_is_committed(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    with whole():
        transaction.on_commit(lambda: heard.append("committed"))
        batch.send(INSERT, ["a", 1])
        batch.ask_behind_commit("SELECT 1 / (SELECT 0)", None, lambda _: heard.append("never"))
        batch.ask_behind_commit(COUNT, None, lambda _: heard.append("not reached"))

    assert (heard, keys(), is_as_before()) == (["committed"], ["a"], True)
    assert "asked together with a commit has failed: division by zero" in caplog.text


def test_a_server_that_goes_away_behind_the_commit_undoes_nothing_and_everybody_is_told() -> None:
    heard: list[str] = []
    with whole():
        transaction.on_commit(lambda: heard.append("committed"))
        batch.send(INSERT, ["a", 1])
        batch.ask_behind_commit("SELECT pg_terminate_backend(pg_backend_pid())", None, lambda _: heard.append("never"))
    connection.close()

    assert (heard, keys(), is_as_before()) == (["committed"], ["a"], True)


def test_what_cannot_use_its_answer_after_the_commit_undoes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    with whole():
        transaction.on_commit(lambda: heard.append("committed"))
        batch.send(INSERT, ["a", 1], lambda cursor: cursor.fetchone()[0])

    assert (heard, keys(), is_as_before()) == (["committed"], ["a"], True)
    assert "could not be used" in caplog.text


def test_a_transaction_that_has_failed_unseen_is_an_error() -> None:
    """PostgreSQL answers its COMMIT with ROLLBACK, which is no error to psycopg."""
    heard: list[str] = []

    def unseen() -> None:
        with transaction.atomic():
            transaction.on_commit(lambda: heard.append("committed"))
            batch.send(INSERT, ["a", 1])
            there: Any = connection.connection
            with suppress(psycopg.Error):
                there.execute("SELECT 1 / (SELECT 0)")
            with batch.gathered(with_commit=True):
                waiting: Any = batch._waiting.get()
                waiting._mode = there.pipeline()
                waiting._mode.__enter__()

    with pytest.raises(DatabaseError, match="nothing is committed"):
        unseen()

    assert (keys(), heard, is_as_before()) == ([], [], True)


def test_an_interruption_before_the_commit_leaves_nothing_for_the_next_transaction() -> None:
    def interrupted() -> None:
        with transaction.atomic():
            with batch.gathered(with_commit=True):
                batch.send(INSERT, ["a", 1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert (keys(), is_as_before()) == ([], True)


def test_who_may_refuse_is_heard_before_the_commit(ways: list[str]) -> None:
    gone = Counter(key="gone", value=1)

    with pytest.raises(DatabaseError, match="did not affect any rows"):
        write(["a", 1], then=lambda: rows.update_one(gone, ["value"]))

    assert (keys(), is_as_before()) == ([], True)
    write(["gone", 1], then=lambda: rows.update_one(gone, ["value"]))
    assert "gone" in keys()


def test_a_crash_takes_with_it_what_is_on_its_way() -> None:
    with pytest.raises(ZeroDivisionError):
        write(["a", 1], then=lambda: 1 / 0)

    assert (keys(), is_as_before()) == ([], True)


def test_what_is_marked_as_failed_is_not_committed() -> None:
    write(["a", 1], then=lambda: transaction.set_rollback(True))

    assert (keys(), is_as_before()) == ([], True)


def test_within_another_transaction_nothing_is_committed_before_its_end() -> None:
    def outer() -> None:
        with transaction.atomic():
            assert write(["a", 1]) == []
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        outer()

    assert (keys(), is_as_before()) == ([], True)


@pytest.mark.parametrize("moment", ["before the first", "among them"])
def test_a_server_that_goes_away_is_an_error_and_no_commit(moment: str) -> None:
    def end_it() -> None:
        there: Any = connection.connection
        with psycopg.connect(there.info.dsn, password=there.info.password, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [there.info.backend_pid])

    def lost() -> None:
        with whole():
            if moment == "among them":
                batch.send(INSERT, ["a", 1])
            end_it()
            batch.send(INSERT, ["b", 1])

    with pytest.raises(OperationalError):
        lost()
    connection.close()

    assert (keys(), is_as_before()) == ([], True)


def test_behind_a_pooler_the_commit_goes_alone_and_the_hooks_ask_themselves(ways: list[str], settings: Any) -> None:
    settings.DATABASE_DIRECT = {"HOST": "elsewhere"}

    heard = write(["a", 1])

    assert (ways, heard, keys()) == (["commit"], ["committed"], ["a"])
