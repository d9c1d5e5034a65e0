"""Which database is asked. What a real replica does is in tests/scale."""

import logging
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connections, transaction
from django.test.utils import CaptureQueriesContext

from core import errors, replicas
from tests.faults.processes import free_port

ROUTER = "core.replicas.Router"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(replicas, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def outage(monkeypatch: pytest.MonkeyPatch) -> replicas.Outage:
    outage = replicas.Outage()
    monkeypatch.setattr(replicas, "outage", outage)
    return outage


@pytest.fixture
def second_session(committed: None, settings: Any, clock: Clock, django_db_blocker: Any) -> Iterator[str]:
    """The same database under the name of the replica, in a session of its own."""
    settings.DATABASE_ROUTERS = [ROUTER]
    connections.settings[replicas.REPLICA] = deepcopy(connections["default"].settings_dict)
    with django_db_blocker.unblock():  # tests may not ask databases that were not there at the beginning
        yield replicas.REPLICA
    connections[replicas.REPLICA].close()
    del connections[replicas.REPLICA]
    del connections.settings[replicas.REPLICA]


@pytest.fixture
def current(second_session: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """It passes for a replica that has replayed everything."""
    monkeypatch.setattr(replicas, "_IS_CURRENT", "SELECT %s::pg_lsn IS NOT NULL AND %s > 0 AND %s IS NOT NULL")
    return second_session


@pytest.fixture
def away(second_session: str) -> str:
    connections.settings[second_session] |= {"HOST": "127.0.0.1", "PORT": str(free_port())}
    return second_session


def aliases(reads: Any) -> str:
    """Which database the rows came from."""
    return "".join(sorted({group._state.db for group in reads}))


def groups() -> list[Group]:
    return list(Group.objects.all())


def counted() -> dict[str, float]:
    named = {"answered": replicas._answered, "behind": replicas._behind}
    named |= {"failed": replicas._failed, "away": replicas._away}
    return {name: counter.value for name, counter in named.items()}


def counted_since(before: dict[str, float]) -> dict[str, float]:
    return {name: value - before[name] for name, value in counted().items() if value != before[name]}


# --- Without one -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_without_a_replica_the_database_is_asked_as_ever() -> None:
    with CaptureQueriesContext(connections["default"]) as queries:
        found = replicas.read(groups)

    assert aliases(found) == "default"
    assert len(queries) == 1


def test_nothing_is_migrated_there() -> None:
    router = replicas.Router()

    assert router.allow_migrate("replica", "content") is False
    assert router.allow_migrate("default", "content") is True


# --- With one --------------------------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_what_is_read_in_it_comes_from_the_replica_and_nothing_else_does(current: str) -> None:
    before = counted()

    inside = replicas.read(groups)

    assert (aliases(inside), aliases(groups())) == ("replica", "default")
    assert counted_since(before) == {"answered": 1}


@pytest.mark.postgres
def test_what_a_row_from_there_leads_to_is_read_from_the_primary(current: str) -> None:
    [group, *_] = replicas.read(groups)

    assert group.permissions.all().db == "default"


@pytest.mark.postgres
def test_reads_that_lock_and_writes_go_to_the_primary(current: str) -> None:
    def work() -> tuple[list[str], str]:
        with transaction.atomic():
            held = list(Group.objects.select_for_update())
        made = Group.objects.create(name="New")
        return [one._state.db for one in held], made._state.db

    held, made = replicas.read(work)

    assert ({*held}, made) == ({"default"}, "default")


@pytest.mark.postgres
def test_inside_a_transaction_the_primary_answers_and_the_replica_is_not_even_looked_at(current: str) -> None:
    before = counted()

    with transaction.atomic():
        Group.objects.create(name="New")
        found = replicas.read(groups)

    assert counted_since(before) == {}
    assert "New" in [group.name for group in found]
    assert aliases(found) == "default"


@pytest.mark.postgres
def test_a_transaction_that_begins_in_the_midst_is_the_primarys(current: str) -> None:
    def work() -> list[Group]:
        with transaction.atomic():
            return groups()

    assert aliases(replicas.read(work)) == "default"


@pytest.mark.postgres
def test_all_is_read_in_one_session_of_one_transaction(current: str) -> None:
    """Behind one address there may be several replicas, and the one that was looked at is the one that is read."""
    with CaptureQueriesContext(connections[current]) as queries:
        replicas.read(groups)

    said = [query["sql"] for query in queries]
    assert (said[0], said[-1], len(said)) == ("BEGIN", "COMMIT", 4)


@pytest.mark.postgres
def test_a_database_that_replays_nothing_is_no_replica(second_session: str) -> None:
    """Such as the primary itself, by mistake, or a replica that was promoted."""
    before = counted()

    found = replicas.read(groups)

    assert aliases(found) == "default"
    assert counted_since(before) == {"behind": 1}


@pytest.mark.postgres
def test_a_clock_that_is_slow_would_not_see_what_was_just_published(
    second_session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_time = replicas._IS_CURRENT.replace("pg_is_in_recovery()", "true").replace("pg_last_wal_replay_lsn()", "%s")
    slow = on_time.replace("clock_timestamp()", "clock_timestamp() - interval '1 minute'")
    position, cluster, moment = replicas._committed()
    with connections[second_session].cursor() as cursor:
        cursor.execute(on_time, [position, position, cluster, moment])
        is_on_time = cursor.fetchone()
        cursor.execute(slow, [position, position, cluster, moment])
        is_slow_used = cursor.fetchone()

    assert (is_on_time, is_slow_used) == ((True,), (False,))


@pytest.mark.postgres
def test_commits_that_are_not_waited_for_count_as_well(second_session: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("INSERT INTO auth_group (name) VALUES ('New')")
        cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
        (inserted,) = cursor.fetchone()
        position, _, _ = replicas._committed()
        cursor.execute("SELECT %s::pg_lsn >= %s::pg_lsn", [position, inserted])
        (is_counted,) = cursor.fetchone()
        cursor.execute("RESET synchronous_commit")

    assert is_counted


# --- With one that fails ---------------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_while_it_is_away_the_primary_answers_and_one_line_says_so(
    away: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted()

    found = [replicas.read(groups) for _ in range(3)]
    clock.now += replicas.PAUSE_SECONDS
    found += [replicas.read(groups) for _ in range(3)]

    assert {aliases(one) for one in found} == {"default"}
    assert counted_since(before) == {"failed": 2, "away": 4}
    lines = [record.message for record in caplog.records if record.name == "core.replicas"]
    assert len(lines) == 1
    assert lines[0].startswith("The replica fails, the primary reads in its place: ")


@pytest.mark.postgres
def test_when_it_is_back_it_answers_again(
    away: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "core.replicas")
    monkeypatch.setattr(replicas, "_IS_CURRENT", "SELECT %s::pg_lsn IS NOT NULL AND %s > 0 AND %s IS NOT NULL")
    replicas.read(groups)
    whole = connections["default"].settings_dict
    connections[away].settings_dict |= {"HOST": whole["HOST"], "PORT": whole["PORT"]}

    during_the_pause = replicas.read(groups)
    clock.now += replicas.PAUSE_SECONDS
    after_it = [replicas.read(groups), replicas.read(groups)]

    assert aliases(during_the_pause) == "default"
    assert [aliases(one) for one in after_it] == ["replica", "replica"]
    assert [record.message for record in caplog.records if record.levelno == logging.INFO] == ["The replica is back"]


@pytest.mark.postgres
def test_what_fails_there_in_the_midst_is_read_from_the_primary(current: str) -> None:
    def work() -> list[Group]:
        found = groups()
        if aliases(found) == "replica":
            with connections["default"].cursor() as cursor:
                pid = connections[current].connection.info.backend_pid
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return [*found, *Group.objects.all()]

    found = replicas.read(work)

    assert aliases(found) == "default"


@pytest.mark.postgres
def test_what_takes_too_long_there_is_not_asked_of_the_primary_as_well(current: str) -> None:
    calls = []

    def slow() -> None:
        calls.append(1)
        with connections[current].cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 20")
            cursor.execute("SELECT pg_sleep(30)")

    with pytest.raises(OperationalError, match="statement timeout"):
        replicas.read(slow)

    assert len(calls) == 1
    assert replicas.outage.may_ask()


@pytest.mark.postgres
def test_a_refusal_is_no_failure(current: str) -> None:
    calls = []

    def refuse() -> None:
        calls.append(1)
        raise errors.Invalid.field("ordering", "invalid_choice", "No.")

    with pytest.raises(errors.Invalid):
        replicas.read(refuse)

    assert len(calls) == 1
    assert replicas.outage.may_ask()
    assert aliases(replicas.read(groups)) == "replica"


# --- An outage -------------------------------------------------------------------------------------------------------


def test_after_the_pause_one_looks_and_the_others_do_not(clock: Clock) -> None:
    outage = replicas.Outage()
    outage.begin(OperationalError("gone"))

    during = outage.may_ask()
    clock.now += replicas.PAUSE_SECONDS
    after = [outage.may_ask() for _ in range(3)]
    outage.end()

    assert (during, after) == (False, [True, False, False])
    assert outage.may_ask()
