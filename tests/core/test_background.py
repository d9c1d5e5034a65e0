"""What goes on beside requests: in threads, on time, and on after whatever happens."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import OperationalError

from cms_project import asgi
from core import background
from tests.faults.processes import wait_until

SECONDS = 5.0


@pytest.fixture(autouse=True)
def no_loops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty registry, and threads that do not ask for a database."""
    monkeypatch.setattr(background, "_loops", {})
    monkeypatch.setattr(background, "close_old_connections", lambda: None)
    yield
    background.stop()


def until(is_so: Callable[[], bool]) -> None:
    wait_until(is_so, seconds=SECONDS, what="the loop did it")


def test_a_loop_goes_round_again_and_again() -> None:
    rounds: list[str] = []
    background.register("a", lambda: rounds.append("a"), every=0.01)
    background.register("b", lambda: rounds.append("b"), every=0.01)

    background.start()

    until(lambda: rounds.count("a") > 3 and rounds.count("b") > 3)


def test_nothing_runs_before_the_start_and_after_the_stop() -> None:
    rounds: list[str] = []
    background.register("a", lambda: rounds.append("a"), every=0.01)
    time.sleep(0.05)
    before = len(rounds)

    background.start()
    until(lambda: len(rounds) > 0)
    busy = background.stop()
    at_the_end = len(rounds)
    time.sleep(0.05)

    assert (before, busy, len(rounds)) == (0, [], at_the_end)


def test_loops_share_a_thread_unless_they_ask_for_one() -> None:
    names: set[str] = set()
    for name in ("a", "b"):
        background.register(name, lambda: names.add(threading.current_thread().name), every=0.01)
    background.register("slow", lambda: names.add(threading.current_thread().name), every=0.01, own_thread=True)

    background.start()
    background.start()

    until(lambda: len(names) == 2)
    assert names == {"background", "slow"}
    assert sum(one.name in names for one in threading.enumerate()) == 2


def test_a_loop_that_is_woken_goes_at_once() -> None:
    rounds: list[str] = []
    background.register("a", lambda: rounds.append("a"), every=3600)
    background.start()

    background.wake("a")

    until(lambda: rounds == ["a"])


def test_a_wake_in_the_midst_of_a_round_is_not_lost() -> None:
    rounds: list[str] = []
    is_inside, may_go_on = threading.Event(), threading.Event()

    def go() -> None:
        rounds.append("a")
        is_inside.set()
        may_go_on.wait(SECONDS)

    background.register("a", go, every=3600)
    background.start()
    background.wake("a")
    is_inside.wait(SECONDS)
    background.wake("a")
    may_go_on.set()

    until(lambda: len(rounds) == 2)


def test_wakes_within_the_pause_of_a_loop_are_one_round_after_it() -> None:
    loop = background.Loop("a", lambda: None, every=3600, thread="a", pause=60)
    loop.rest()

    first = (loop.hurry(), loop.due_at <= time.monotonic())
    began = time.monotonic()
    loop.go()
    again = (loop.hurry(), loop.hurry())

    assert (first, again) == ((True, True), (True, False))
    assert began + 60 <= loop.due_at <= time.monotonic() + 60


@pytest.mark.parametrize("name", ["a", "unknown"])
def test_a_wake_where_nothing_runs_does_nothing(name: str) -> None:
    rounds: list[str] = []
    background.register("a", lambda: rounds.append("a"), every=3600)

    background.wake(name)

    assert rounds == []


def test_a_loop_that_has_more_to_do_goes_on_at_once() -> None:
    left = [True] * 50
    background.register("a", lambda: left.pop() if left else False, every=3600)
    background.start()

    background.wake("a")

    until(lambda: not left)


@pytest.mark.parametrize("answer", [None, 7, "more"])
def test_only_true_asks_to_go_on(answer: object) -> None:
    rounds: list[str] = []

    def go() -> object:
        rounds.append("a")
        return answer

    background.register("a", go, every=3600)
    background.start()
    background.wake("a")
    until(lambda: len(rounds) > 0)
    time.sleep(0.05)

    assert rounds == ["a"]


def test_a_round_that_crashes_is_told_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[str] = []

    def go() -> None:
        rounds.append("a")
        if len(rounds) < 3:
            raise ValueError("a crash")

    background.register("a", go, every=0.01)
    background.start()

    until(lambda: len(rounds) > 3)
    assert [one.message for one in caplog.records] == ["A round of a crashed"] * 2


def test_a_database_that_is_away_is_one_line_and_its_return_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "AWAY_SECONDS", 0.01)
    caplog.set_level(logging.INFO)
    rounds: list[str] = []

    def go() -> None:
        rounds.append("a")
        if len(rounds) < 6:
            raise OperationalError("connection refused\nIs the server running?")

    background.register("a", go, every=0.01)
    background.start()

    until(lambda: len(rounds) > 7)
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("WARNING", "a waits for the database: connection refused"),
        ("INFO", "a goes on: the database is back"),
    ]


def test_pauses_grow_while_the_database_is_away_and_have_a_bound() -> None:
    def go() -> None:
        raise OperationalError("away")

    loop = background.Loop("a", go, every=1.5, thread="a")
    pauses = []
    for _ in range(30):
        loop.go()
        pauses.append(round(loop.due_at - time.monotonic()))

    assert pauses[:5] == [1, 2, 4, 8, 15]
    assert set(pauses[5:]) == {15}


def test_who_is_busy_is_waited_for_no_longer_than_was_said(caplog: pytest.LogCaptureFixture) -> None:
    is_inside, may_go_on = threading.Event(), threading.Event()

    def go() -> None:
        is_inside.set()
        may_go_on.wait(SECONDS)

    background.register("slow", go, every=3600, own_thread=True)
    background.start()
    background.wake("slow")
    is_inside.wait(SECONDS)
    started = time.monotonic()

    busy = background.stop(within=0.1)

    assert (busy, time.monotonic() - started < 1) == (["slow"], True)
    assert "in the midst of their work: slow" in caplog.text
    may_go_on.set()


# --- The server --------------------------------------------------------------------------------------------------
def serve() -> list[str]:
    """The beginning and the end of a server, as ASGI tells it."""
    told = iter(["lifespan.startup", "lifespan.shutdown"])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.1)
        return {"type": next(told)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(asgi.application({"type": "lifespan"}, receive, send))
    return sent


@pytest.mark.parametrize(("is_on", "runs"), [(True, True), (False, False)])
def test_the_loops_live_as_long_as_the_server(settings: Any, is_on: bool, runs: bool) -> None:
    settings.BACKGROUND = is_on
    rounds: list[str] = []
    background.register("a", lambda: rounds.append("a"), every=0.01)

    sent = serve()

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (bool(rounds), background._threads) == (runs, {})


def test_tests_have_no_threads_of_their_own() -> None:
    assert django_settings.BACKGROUND is False


def test_the_command_works_until_it_is_told_to_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import os
    import signal

    before = signal.getsignal(signal.SIGTERM)
    background.register("a", lambda: os.kill(os.getpid(), signal.SIGTERM), every=0.01)

    call_command("work")

    assert "At work." in capsys.readouterr().out
    assert (background._threads, signal.getsignal(signal.SIGTERM)) == ({}, before)
