"""PostgreSQL: when a write is answered, everybody has heard of it or has no lease any more."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from subprocess import PIPE, Popen

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from core import batch, transactions
from delivery import changes
from delivery.hearing import handover, lease
from delivery.models import Reader
from tests.content.factory import make_post
from tests.delivery.edge.holding import held, publish, seconds
from tests.factories import make_user
from tests.faults.processes import BASE, end, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("committed")]


def test_when_a_write_returns_everybody_has_heard() -> None:
    writer = make_user("admin")

    with held() as one, held() as two:
        for _ in range(20):
            post = make_post(by=writer)
            assert [holder.ended[-1] for holder in (one, two)] == [[f"post:{post.pk}", "posts"]] * 2

    assert [holder.keys.count("posts") for holder in (one, two)] == [20, 20]


def test_writers_at_once_all_wait_for_everybody() -> None:
    def write(number: int) -> bool:
        try:
            publish(f"post:{number}")
            return all(f"post:{number}" in holder.keys for holder in holders)
        finally:
            connection.close()

    with held() as one, held() as two, ThreadPoolExecutor(8) as pool:
        holders = (one, two)
        heard = list(pool.map(write, range(80)))

    assert heard == [True] * 80
    assert sorted(one.keys) == sorted(two.keys) == sorted(f"post:{number}" for number in range(80))


def test_a_process_waits_for_its_own_memory_without_a_message() -> None:
    """Its loop may be the busiest of all; the answer to the write goes through the same loop, behind the ending."""
    with held(own=True) as holder:
        goes_on, order = threading.Event(), []
        holder.loop.call_soon_threadsafe(goes_on.wait, 10)

        took = seconds("post:1")
        before = list(holder.ended)
        holder.loop.call_soon_threadsafe(lambda: order.append(list(holder.ended)))  # as the answer would go
        goes_on.set()
        wait_until(lambda: bool(order), seconds=5, what="the loop goes on")

    assert (before, order[0][:1]) == ([], [["post:1"]])
    assert took < lease.SECONDS / 2


def test_what_was_committed_without_a_word_is_known_when_it_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer was killed between its commit and its answer, and somebody asks for that answer again."""
    monkeypatch.setattr(changes, "_after_commit", [])
    for own in (True, False):
        with held(own=own) as holder:
            publish("post:1")
            handover.settle()

            assert "post:1" in holder.keys


def test_a_process_that_does_not_hear_holds_the_settling_up_until_its_lease_ends() -> None:
    publish("post:1")
    Reader.objects.create(applied=0, expires_at=timezone.now() + timedelta(seconds=0.5))

    began = time.monotonic()
    handover.settle()

    assert 0.2 < time.monotonic() - began < 1.5


def test_without_anybody_nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(handover.time, "sleep", slept.append)

    publish("post:1")

    assert slept == []


def test_together_with_the_commit_it_is_asked_whether_anybody_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    ask = handover._BEHIND.ask

    class Counting:
        def ask(self, own: object, change: int) -> list[tuple[int]]:
            asked.append(change)
            return ask(own, change)

    monkeypatch.setattr(handover, "_BEHIND", Counting())
    publish("post:1")
    nobody_behind = list(asked)
    Reader.objects.create(applied=changes.head(), expires_at=timezone.now() + timedelta(seconds=0.5))
    took = seconds("post:2")

    assert (nobody_behind, 0.2 < took < 1.5) == ([], True)
    assert set(asked) == {changes.since(0)[-1].pk}


def test_a_change_that_was_undone_with_its_savepoint_hides_nobody_who_is_behind() -> None:
    Reader.objects.create(applied=changes.head(), expires_at=timezone.now() + timedelta(seconds=0.5))
    began = time.monotonic()

    with transactions.whole():
        changes.append("post", ["post:1"], {})
        with suppress(ZeroDivisionError), transaction.atomic():
            changes.append("post", ["post:2"], {})
            raise ZeroDivisionError
        batch.send("SELECT 1", None)

    assert 0.2 < time.monotonic() - began < 1.5


def test_when_postgresql_does_not_say_who_has_heard_the_writer_waits_for_the_end_of_all_leases(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []

    class Broken:
        def ask(self, *values: object) -> list[tuple[int]]:
            raise OperationalError("gone")

    monkeypatch.setattr(handover, "_BEHIND", Broken())
    monkeypatch.setattr(handover.time, "sleep", slept.append)

    handover.complete(changes.News(changes.Change(pk=1), ["post:1"]))

    assert len(slept) == 1 and lease.SECONDS - 0.5 < slept[0] <= lease.SECONDS
    assert "Nobody can be asked" in caplog.text


# --- Other processes -------------------------------------------------------------------------------------------------


class Process:
    """``holder.py`` as a process, on the test's database."""

    def __init__(self) -> None:
        at = connection.settings_dict
        url = f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST'] or '127.0.0.1'}:{at['PORT']}/{at['NAME']}"
        environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings", "ENV_FILE": ""}
        command = [sys.executable, "-m", "tests.delivery.edge.holder"]
        self.process = Popen(command, cwd=BASE, env=environment, stdout=PIPE, text=True)
        self.said: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.said, seconds=15, what=f"it says {text!r}")


@pytest.fixture
def process() -> Iterator[Process]:
    started = Process()
    try:
        started.wait_for("current")
        yield started
    finally:
        started.process.send_signal(signal.SIGCONT)
        end(started.process)  # type: ignore[arg-type] # one that speaks text
        started._reading.join(5)


def test_another_process_has_heard_when_a_write_returns(process: Process) -> None:
    took = [seconds(f"post:{number}") for number in range(10)]

    wait_until(lambda: "post:9" in process.said, seconds=2, what="its words have arrived here")
    assert [line for line in process.said if line.startswith("post")] == [f"post:{number}" for number in range(10)]
    assert max(took) < lease.SECONDS / 2


def test_a_frozen_process_holds_a_writer_up_until_its_lease_ends_and_no_longer(process: Process) -> None:
    process.process.send_signal(signal.SIGSTOP)

    first, later = seconds("post:1"), [seconds(f"post:{number}") for number in (2, 3, 4)]
    said = list(process.said)
    process.process.send_signal(signal.SIGCONT)
    wait_until(lambda: process.said[-1] == "current" and len(process.said) > len(said), seconds=5, what="it is back")

    assert lease.SECONDS / 2 < first < lease.SECONDS + 1
    assert max(later) < lease.SECONDS / 4
    after = process.said[len(said) :]
    assert "post:1" not in said
    assert after.index("post:1 post:2 post:3 post:4") < after.index("current")


def test_a_killed_process_is_waited_for_once(process: Process) -> None:
    process.process.kill()
    process.process.wait(5)

    first, second = seconds("post:1"), seconds("post:2")

    assert first < lease.SECONDS + 1
    assert second < lease.SECONDS / 4


def test_a_process_that_is_asked_to_stop_is_not_waited_for(process: Process) -> None:
    process.process.terminate()
    assert process.process.wait(10) == 0

    assert (Reader.objects.count(), seconds("post:1") < lease.SECONDS / 4) == (0, True)
