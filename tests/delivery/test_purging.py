"""Whatever is committed reaches the CDN: in order, in few requests, and again until it was heard."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from core import background, clock
from delivery import changes, purging
from delivery.models import Change, PurgeCursor, Reader
from delivery.providers import http
from tests.delivery.cdn_server import FakeCdn, Said
from tests.faults.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)  # positions are given by commits

SERVICE = "service1"
TARGET = f"fastly://{SERVICE}"
TOKEN = "a-token-that-nobody-may-see"
ALL = ("/service/service1/purge_all", None)


@pytest.fixture
def cdn(settings: Any) -> Iterator[FakeCdn]:
    with FakeCdn().running() as running:
        settings.CDN_PURGE = [fastly(running.url)]
        yield running


def fastly(url: str, service: str = SERVICE) -> dict[str, Any]:
    options = {"service": service, "token": TOKEN, "api": url}
    return {"PROVIDER": "delivery.providers.fastly.Fastly", "OPTIONS": options}


@pytest.fixture
def cursor(cdn: FakeCdn) -> PurgeCursor:
    """Of a CDN that has been told all there was."""
    return PurgeCursor.objects.create(target=TARGET, position=changes.head(), free_at=clock.now())


def commit(*keys: str) -> int:
    """One change; its position."""
    with transaction.atomic():
        changes.append("", list(keys), {})
    return changes.head()


def told(cdn: FakeCdn) -> list[tuple[str, list[str] | None]]:
    """Path and keys of what came in; no keys for everything."""
    return [(one.path, one.json()["surrogate_keys"] if one.body else None) for one in cdn.requests]


def sent_keys(cdn: FakeCdn) -> list[list[str] | None]:
    return [keys for _, keys in told(cdn)]


def lapse() -> None:
    """The pause or the lease is over."""
    PurgeCursor.objects.update(free_at=clock.now() - timedelta(seconds=1))


# --- What is sent ----------------------------------------------------------------------------------------------------
def test_a_change_is_sent_once(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    position = commit("post:1", "posts")

    more = [purging.work(), purging.work()]

    cursor.refresh_from_db()
    assert more == [False, False]
    assert told(cdn) == [("/service/service1/purge", ["post:1", "posts"])]
    assert (cursor.position, cursor.holder, cursor.failures) == (position, None, 0)


def test_a_post_that_is_published_ends_its_own_copies_and_all_lists(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    entry = uuid4()

    with transaction.atomic():
        changes.record("post", entry, {}, now=clock.now())
    purging.work()

    assert sent_keys(cdn) == [[f"post:{entry}", "posts"]]


def test_many_changes_become_few_requests_in_the_order_of_commits(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    for number in range(300):
        commit(f"post:{number}", "posts")

    purging.work()

    first, second = (keys or [] for keys in sent_keys(cdn))
    assert (len(first), len(second)) == (256, 45)
    assert first[:3] == ["post:0", "posts", "post:1"]
    assert [*first, *second].count("posts") == 1
    assert second[-1] == "post:299"


def test_more_changes_than_are_read_at_once_take_more_rounds(
    cdn: FakeCdn, cursor: PurgeCursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "CHANGES_AT_ONCE", 2)
    for number in range(5):
        commit(f"post:{number}")

    more = [purging.work() for _ in range(4)]

    assert more == [True, True, False, False]
    assert sent_keys(cdn) == [["post:0", "post:1"], ["post:2", "post:3"], ["post:4"]]


def test_everything_makes_keys_needless(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit("post:1", "posts")
    commit(changes.EVERYTHING)
    commit("post:2", "posts")

    purging.work()

    cursor.refresh_from_db()
    assert told(cdn) == [ALL]
    assert cursor.position == changes.head()


def test_what_is_not_committed_is_not_told(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    with transaction.atomic():
        changes.append("", ["post:1"], {})
        transaction.set_rollback(True)

    purging.work()

    assert cdn.requests == []


def test_a_change_that_comes_while_one_is_being_sent_is_sent_next(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit("post:1")
    later = iter([lambda: commit("post:2")])
    cdn.meanwhile = lambda: next(later, lambda: None)()

    while purging._due(purging.targets()):
        purging.work()

    assert sent_keys(cdn) == [["post:1"], ["post:2"]]


# --- Where it begins -------------------------------------------------------------------------------------------------
def test_a_cdn_that_is_new_here_is_emptied_first(cdn: FakeCdn) -> None:
    commit("post:1")

    purging.work()
    commit("post:2")
    purging.work()

    assert told(cdn) == [ALL, ("/service/service1/purge", ["post:2"])]


def test_a_new_cdn_is_emptied_though_nothing_was_ever_published(cdn: FakeCdn) -> None:
    purging.work()
    purging.work()

    assert told(cdn) == [ALL]


def test_what_the_log_has_forgotten_is_made_up_for_by_everything(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    for number in range(3):
        commit(f"post:{number}")
    Change.objects.filter(position=cursor.position + 1).delete()

    purging.work()

    cursor.refresh_from_db()
    assert (told(cdn), cursor.position) == ([ALL], changes.head())


# --- Failures --------------------------------------------------------------------------------------------------------
def test_what_failed_is_sent_again_with_what_has_come_since(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit("post:1", "posts")
    cdn.answers = [Said(503), Said(500)]
    before = [purging._failed.value, purging._succeeded.value]

    purging.work()
    commit("post:2", "posts")
    lapse()
    purging.work()
    lapse()
    purging.work()

    counted = [now - then for now, then in zip([purging._failed.value, purging._succeeded.value], before, strict=True)]
    assert counted == [2, 1]
    cursor.refresh_from_db()
    assert sent_keys(cdn) == [["post:1", "posts"], ["post:1", "posts", "post:2"], ["post:1", "posts", "post:2"]]
    assert (cursor.position, cursor.failures, cursor.failing_since, cursor.error) == (changes.head(), 0, None, "")


def test_of_several_requests_none_counts_before_the_last_one(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit(*(f"post:{number}" for number in range(257)))
    cdn.answers = [Said(200), Said(502)]

    purging.work()
    lapse()
    purging.work()

    cursor.refresh_from_db()
    assert [len(keys or []) for keys in sent_keys(cdn)] == [256, 1, 256, 1]
    assert cursor.position == changes.head()


def test_a_failure_moves_nothing_and_waits(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    before = clock.now()
    commit("post:1")
    cdn.answers = [Said(403, b"no")]

    more = [purging.work(), purging.work()]

    held = PurgeCursor.objects.get(target=TARGET)
    assert more == [False, False] and len(cdn.requests) == 1
    assert (held.position, held.holder, held.failures) == (cursor.position, None, 1)
    assert held.error == f"POST {cdn.url}/service/service1/purge: answered 403 no"
    assert held.failing_since is not None and before <= held.failing_since < held.free_at


def test_an_outage_began_with_its_first_failure(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit("post:1")
    cdn.answers = [Said(500)] * 2

    purging.work()
    first = PurgeCursor.objects.get()
    lapse()
    purging.work()
    second = PurgeCursor.objects.get()

    assert (first.failures, second.failures) == (1, 2)
    assert first.failing_since == second.failing_since is not None


def test_pauses_grow_and_end_at_a_minute() -> None:
    pauses = [purging.pause(failures).total_seconds() for failures in range(12)]
    bounds = [min(60, 2**failures) for failures in range(12)]

    assert all(0.75 * most <= pause <= most for pause, most in zip(pauses, bounds, strict=True))
    assert purging.pause(10**6) <= timedelta(seconds=60)


def test_whoever_asks_for_more_time_gets_it_within_reason() -> None:
    assert purging.pause(0, 90.0) == timedelta(seconds=90)
    assert purging.pause(0, 1e12) == timedelta(seconds=300)
    assert purging.pause(8, 5.0) > timedelta(seconds=40)


def test_an_outage_is_one_line_its_end_another_and_the_token_in_neither(
    cdn: FakeCdn, cursor: PurgeCursor, caplog: pytest.LogCaptureFixture
) -> None:
    commit("post:1")
    cdn.answers = [Said(401, f"token {TOKEN} is unknown".encode())] * 5

    with caplog.at_level(logging.INFO, logger="delivery"):
        for _ in range(7):
            purging.work()
            lapse()

    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("Purging fastly://service1 failed and is tried until it succeeds: POST http://127.0.0.1")
    assert lines[0].endswith("answered 401 token … is unknown")
    assert lines[1].startswith("Purging fastly://service1 works again, after ") and "5 failures" in lines[1]
    assert TOKEN not in caplog.text and not PurgeCursor.objects.filter(error__contains=TOKEN).exists()


def test_a_long_outage_is_called_to_mind(cdn: FakeCdn, cursor: PurgeCursor, caplog: pytest.LogCaptureFixture) -> None:
    commit("post:1")
    PurgeCursor.objects.update(failures=purging.REMIND_AFTER, failing_since=clock.now())
    cdn.answers = [Said(500)] * 2

    for _ in range(2):
        purging.work()
        lapse()

    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_one_that_is_down_holds_up_no_other(cdn: FakeCdn, settings: Any) -> None:
    with FakeCdn().running() as gone:
        dead = fastly(gone.url, "service2")
    settings.CDN_PURGE = [dead, *settings.CDN_PURGE]
    for name in (TARGET, "fastly://service2"):
        PurgeCursor.objects.create(target=name, position=changes.head(), free_at=clock.now())
    commit("post:1")

    purging.work()

    assert sent_keys(cdn) == [["post:1"]]
    assert PurgeCursor.objects.get(target=TARGET).position == changes.head()
    assert PurgeCursor.objects.get(target="fastly://service2").failures == 1


def test_one_that_has_much_to_hear_holds_up_no_other(
    cdn: FakeCdn, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "CHANGES_AT_ONCE", 1)
    settings.CDN_PURGE = [fastly(cdn.url, "service2"), *settings.CDN_PURGE]
    for name in (TARGET, "fastly://service2"):
        PurgeCursor.objects.create(target=name, position=changes.head(), free_at=clock.now())
    commit("post:1")
    commit("post:2")

    purging.work()

    assert told(cdn) == [("/service/service2/purge", ["post:1"]), ("/service/service1/purge", ["post:1"])]


# --- Several processes -----------------------------------------------------------------------------------------------
def test_while_one_process_is_at_it_no_other_is(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit("post:1")
    others: list[object] = []
    cdn.meanwhile = lambda: others.append((purging.work(), PurgeCursor.objects.get().holder is not None))

    purging.work()

    assert (others, len(cdn.requests)) == ([(False, True)], 1)


def test_neither_while_one_empties_it(cdn: FakeCdn) -> None:
    cdn.meanwhile = purging.work

    purging.work()

    assert told(cdn) == [ALL]


def test_of_two_that_see_it_due_at_once_one_gets_it(cursor: PurgeCursor) -> None:
    end = commit("post:1")

    leases = [purging._lease(TARGET, end) for _ in range(2)]

    assert [lease is not None for lease in leases] == [True, False]


def test_a_holder_that_died_is_followed_by_another(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit("post:1")
    PurgeCursor.objects.update(holder=uuid4(), free_at=clock.now() + purging.LEASE)

    purging.work()
    while_it_lasts = len(cdn.requests)
    lapse()
    purging.work()

    assert (while_it_lasts, sent_keys(cdn)) == (0, [["post:1"]])


@pytest.mark.parametrize("status", [200, 500])
def test_a_holder_that_was_too_slow_changes_nothing_any_more(cdn: FakeCdn, cursor: PurgeCursor, status: int) -> None:
    commit("post:1")
    other = uuid4()
    theirs = {"holder": other, "free_at": clock.now() + timedelta(hours=1)}
    cdn.answers = [Said(status)]
    cdn.meanwhile = lambda: PurgeCursor.objects.update(**theirs)

    purging.work()

    held = PurgeCursor.objects.get()
    assert (held.position, held.holder, held.free_at, held.failures) == (cursor.position, other, theirs["free_at"], 0)


def test_a_holder_that_has_lost_its_lease_stops_sending(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    commit(*(f"post:{number}" for number in range(300)))
    cdn.meanwhile = lambda: PurgeCursor.objects.update(holder=uuid4())

    assert purging.work() is False

    assert [len(keys or []) for keys in sent_keys(cdn)] == [256]


def test_a_lease_outlives_any_one_request() -> None:
    connect_and_handshake = 2 * http.STEP_SECONDS

    assert purging.LEASE.total_seconds() > http.REQUEST_SECONDS + connect_and_handshake


def test_no_transaction_is_open_while_the_cdn_is_waited_for(
    cdn: FakeCdn, cursor: PurgeCursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit("post:1")
    seen: list[bool] = []
    ask = http.ask

    def look(*args: Any, **options: Any) -> http.Answer:
        seen.append(connection.in_atomic_block)
        return ask(*args, **options)

    monkeypatch.setattr(http, "ask", look)

    purging.work()

    assert seen == [False]


# --- Processes that answer from memory -------------------------------------------------------------------------------
def reader(applied: int, *, seconds: int) -> Reader:
    return Reader.objects.create(applied=applied, expires_at=clock.now() + timedelta(seconds=seconds))


def test_nothing_is_purged_before_every_process_has_heard_of_it(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    first, second = commit("post:1"), commit("post:2")
    slow = reader(first - 1, seconds=60)
    reader(second, seconds=60)

    more = purging.work()
    before = sent_keys(cdn)
    Reader.objects.filter(pk=slow.pk).update(applied=first)
    purging.work()
    between = sent_keys(cdn)
    Reader.objects.filter(pk=slow.pk).update(applied=second)
    purging.work()

    assert more is True
    assert (before, between, sent_keys(cdn)) == ([], [["post:1"]], [["post:1"], ["post:2"]])


def test_a_process_whose_lease_is_over_is_not_waited_for(cdn: FakeCdn, cursor: PurgeCursor) -> None:
    reader(commit("post:1") - 1, seconds=-1)

    purging.work()

    assert sent_keys(cdn) == [["post:1"]]


# --- The loop --------------------------------------------------------------------------------------------------------
@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No loops, and nobody whom a commit tells."""
    monkeypatch.setattr(background, "_loops", {})
    monkeypatch.setattr(changes, "_after_commit", [])
    yield
    background.stop()


def test_without_a_cdn_there_is_no_loop(settings: Any, nothing_runs: None) -> None:
    settings.CDN_PURGE = []

    purging.register()

    assert (background._loops, changes._after_commit) == ({}, [])


def test_with_one_there_is_a_loop_that_holds_up_nobody(cdn: FakeCdn, nothing_runs: None) -> None:
    purging.register()

    assert {name: loop.thread for name, loop in background._loops.items()} == {"purging": "purging"}


@pytest.mark.postgres
def test_a_commit_is_told_at_once(
    cdn: FakeCdn, cursor: PurgeCursor, nothing_runs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "POLL_SECONDS", 3600)
    purging.register()
    background.start()

    commit("post:1", "posts")

    wait_until(lambda: len(cdn.requests) == 1, seconds=5, what="the CDN is told")
    assert sent_keys(cdn) == [["post:1", "posts"]]


@pytest.mark.parametrize("targets", [1, 3])
def test_a_round_with_nothing_to_tell_costs_two_queries(
    cdn: FakeCdn, settings: Any, django_assert_num_queries: Any, targets: int
) -> None:
    settings.CDN_PURGE = [fastly(cdn.url, f"service{number}") for number in range(targets)]
    for number in range(targets):
        PurgeCursor.objects.create(target=f"fastly://service{number}", position=0, free_at=clock.now())

    with django_assert_num_queries(2):
        assert purging.work() is False


def test_so_does_one_that_has_to_wait(cdn: FakeCdn, cursor: PurgeCursor, django_assert_num_queries: Any) -> None:
    commit("post:1")
    PurgeCursor.objects.update(free_at=clock.now() + timedelta(minutes=1))

    with django_assert_num_queries(2):
        assert purging.work() is False
