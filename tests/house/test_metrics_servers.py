"""``GET /metrics`` of real servers: the sum over all workers, whoever is asked, and never less than before."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.core.test_metrics import samples
from tests.faults.processes import children_of, free_port, wait_until
from tests.house.commands import KEY, manage
from tests.house.servers import Running, server
from tests.house.test_gunicorn import GUNICORN

pytestmark = pytest.mark.server

UVICORN = (sys.executable, "-m", "uvicorn", "cms_project.asgi:application", "--log-level", "warning", "--port")
TOKEN = "a-token-of-many-letters"
# Nobody else asks for these: not the watchers of the start, and not the questions for the metrics.
MISSING = 'stitch_requests_total{handler="api",status="4xx"}'
STARTED = "stitch_process_start_time_seconds"
WORKERS = 3


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("metrics")
    made = {"SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "METRICS_TOKEN": TOKEN}
    assert manage("migrate", "--verbosity", "0", **made).returncode == 0
    return {**made, "WEB_CONCURRENCY": str(WORKERS), "LOG_LEVEL": "INFO"}


@pytest.fixture
def running(variables: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    with server(*GUNICORN, log=tmp_path / "log", **variables) as started:
        wait_until(lambda: len(living(started)) == WORKERS, seconds=10, what="all workers have told of themselves")
        yield started


def told(running: Running) -> dict[str, float]:
    status, _, body = running.get("/metrics", {"Authorization": f"Bearer {TOKEN}"})
    assert status == 200
    return samples(body)


def living(running: Running) -> dict[str, float]:
    """When each worker started."""
    return {name: number for name, number in told(running).items() if name.startswith(STARTED)}


def ask_for_what_is_missing(running: Running, times: int) -> None:
    assert {running.get("/nothing")[0] for _ in range(times)} == {404}


@contextmanager
def alone(running: Running, pid: int) -> Iterator[None]:
    """All other workers are stopped, so that this one answers."""
    others = [other for other in children_of(running.process.pid) if other != pid]
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        wait_until(lambda: all(map(is_stopped, others)), seconds=5, what="the others are stopped")
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def counters(found: dict[str, float]) -> dict[str, float]:
    return {name: number for name, number in found.items() if "_total" in name or "_duration_" in name}


def test_each_worker_tells_what_all_have_counted(running: Running) -> None:
    sums = []
    for turn, pid in enumerate(children_of(running.process.pid), start=1):
        with alone(running, pid):
            ask_for_what_is_missing(running, 10 * turn)
            sums.append(told(running)[MISSING])

    assert sums == [10, 30, 60]


def test_what_a_worker_counts_is_told_by_another_without_its_being_asked(running: Running) -> None:
    first, second, _ = children_of(running.process.pid)
    with alone(running, first):
        ask_for_what_is_missing(running, 7)

    wait_until(lambda: told_by(running, second)[MISSING] == 7, seconds=10, what="the first has written by itself")


def told_by(running: Running, pid: int) -> dict[str, float]:
    with alone(running, pid):
        return told(running)


def test_under_load_the_sum_is_what_was_answered(running: Running) -> None:
    threads = [threading.Thread(target=ask_for_what_is_missing, args=(running, 100)) for _ in range(6)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wait_until(lambda: told(running)[MISSING] >= 600, seconds=5, what="all have written")
    found = told(running)
    count = found['stitch_request_duration_seconds_count{handler="api"}']
    assert found[MISSING] == 600
    assert count == sum(
        number for name, number in found.items() if name.startswith('stitch_requests_total{handler="api"')
    )


def test_counters_do_not_fall_when_workers_are_killed(running: Running) -> None:
    ask_for_what_is_missing(running, 60)
    wait_until(lambda: told(running)[MISSING] == 60, seconds=5, what="all have written")
    before, started = told(running), living(running)

    for round_ in range(1, 4):
        for pid in children_of(running.process.pid)[: 1 + round_ % 2]:
            os.kill(pid, signal.SIGKILL)
        for _ in range(50):
            after = persistently_told(running)
            fallen = {name: after.get(name) for name, number in counters(before).items() if after.get(name, 0) < number}
            assert fallen == {}
            before = after

    wait_until(lambda: len(living(running)) == WORKERS, seconds=10, what="all workers are replaced")
    assert told(running)[MISSING] == 60
    assert sum(number != started[name] for name, number in living(running).items()) >= 2
    ask_for_what_is_missing(running, 40)
    wait_until(lambda: told(running)[MISSING] == 100, seconds=5, what="the new ones go on from there")


def persistently_told(running: Running) -> dict[str, float]:
    """A connection that a killed worker had taken ends without an answer."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(OSError, HTTPException):
            return told(running)
    raise AssertionError("Nobody tells.")


def test_a_reload_loses_nothing_of_what_was_counted_right_before(running: Running) -> None:
    started = living(running)

    ask_for_what_is_missing(running, 50)
    running.process.send_signal(signal.SIGHUP)

    wait_until(lambda: all_are_new(running, started), seconds=40, what="all workers are new, and the old ones gone")
    assert told(running)[MISSING] == 50


def all_are_new(running: Running, started: dict[str, float]) -> bool:
    now = living(running)
    return len(now) == WORKERS and set(now.values()).isdisjoint(started.values())


def test_fewer_workers_have_fewer_gauges_and_all_counts(running: Running) -> None:
    for pid in children_of(running.process.pid):
        with alone(running, pid):
            ask_for_what_is_missing(running, 5)

    running.process.send_signal(signal.SIGTTOU)

    wait_until(lambda: len(living(running)) == WORKERS - 1, seconds=40, what="one worker has left")
    wait_until(lambda: told(running)[MISSING] == 15, seconds=5, what="the others have written, too")


def test_plain_uvicorn_tells_of_its_one_process(variables: dict[str, str], tmp_path: Path) -> None:
    port = str(free_port())
    single = {**variables, "WEB_CONCURRENCY": "1", "PORT": port}
    with server(*UVICORN, port, log=tmp_path / "log", **single) as running:
        ask_for_what_is_missing(running, 3)

        found = told(running)

    assert found[MISSING] == 3
    assert [name for name in found if name.startswith(STARTED)] == [f'{STARTED}{{worker="0"}}']
