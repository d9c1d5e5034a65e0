"""Jobs in real processes, which are killed in the midst of them, and which share one SQLite file."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.processes import wait_until
from tests.house.commands import KEY, ROOT, environment, manage, python
from tests.house.servers import server

pytestmark = pytest.mark.server

ENQUEUE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "cms_project.settings"
import django; django.setup()
from tests.core import errands
for _ in range(int(sys.argv[2])):
    errands.write_and_linger.enqueue(path=sys.argv[1], seconds=float(sys.argv[3]))
"""


class Place:
    """A database, and a file that jobs write to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "written"
        self.variables = {"SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"}
        assert manage("migrate", "--noinput", **self.variables).returncode == 0

    def enqueue(self, count: int, *, seconds: float) -> None:
        done = python("-c", ENQUEUE, str(self.file), str(count), str(seconds), **self.variables)
        assert (done.returncode, done.stderr) == (0, "")

    def written(self, word: str) -> Counter[str]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return Counter(line.split()[1] for line in lines if line.startswith(word))

    @contextmanager
    def worker(self, name: str = "worker") -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "work"],
                cwd=ROOT,
                env=environment(**self.variables),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(10)

    def logs(self) -> str:
        return "".join(log.read_text() for log in self.folder.glob("*.log"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_job_whose_worker_is_killed_runs_again_within_a_minute(place: Place) -> None:
    place.enqueue(1, seconds=3)

    with place.worker("killed") as killed:
        wait_until(lambda: len(place.written("begun")) == 1, seconds=20, what="the job has begun")
        killed.send_signal(signal.SIGKILL)
        killed.wait(5)
    with place.worker("next"):
        took = wait_until(lambda: len(place.written("ended")) == 1, seconds=60, what="the job has run again")

    (job,) = place.written("begun")
    assert (place.written("begun"), place.written("ended")) == ({job: 2}, {job: 1})
    assert 3 < took < 60
    assert "their worker is silent" in place.logs()


def test_a_worker_that_is_told_to_stop_ends_its_job_first(place: Place) -> None:
    place.enqueue(2, seconds=2)

    with place.worker() as worker:
        wait_until(lambda: len(place.written("begun")) == 1, seconds=20, what="the job has begun")
        worker.send_signal(signal.SIGTERM)

        assert worker.wait(10) == 0

    assert (len(place.written("begun")), len(place.written("ended"))) == (1, 1)


def test_several_processes_share_an_sqlite_file_and_no_job_runs_twice(place: Place) -> None:
    with place.worker("a"), place.worker("b"), place.worker("c"):
        for _ in range(4):
            place.enqueue(25, seconds=0.01)
        wait_until(lambda: len(place.written("ended")) == 100, seconds=60, what="all jobs are done")

    assert set(place.written("begun").values()) == {1}
    assert "locked" not in place.logs()


@pytest.mark.parametrize("background", ["1", "0"])
def test_the_server_does_them_itself_unless_told_otherwise(place: Place, background: str) -> None:
    command = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "cms_project.asgi:application")
    place.enqueue(3, seconds=0)

    with server(*command, log=place.folder / "server.log", BACKGROUND=background, **place.variables) as running:
        if background == "1":
            wait_until(lambda: len(place.written("ended")) == 3, seconds=10, what="the jobs are done")
        else:
            time.sleep(4)
        started = time.monotonic()
        code = running.stop()

    assert (code, time.monotonic() - started < 6) == (0, True)
    assert len(place.written("begun")) == (3 if background == "1" else 0)
    assert "Traceback" not in place.logs()
