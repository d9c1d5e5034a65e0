"""The product as it runs in production: gunicorn with its workers, over a database of a test's own."""

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import STDOUT, Popen, run

from tests.faults.client import Client, Dropped, NotConnected
from tests.faults.processes import BASE, children_of, end, free_port, wait_until

EMAIL, PASSWORD = "admin@example.com", "a long enough passphrase"
BACKGROUND = 3  # connections of a worker beside its lanes: one for each queue of jobs, one for everything else
READERS = 8  # for public reads that are not in memory (DATABASE_READERS)
LISTENER = 1  # which hears of changes
COMMAND = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "cms_project.asgi:application"]


def environment(**settings: object) -> dict[str, str]:
    """Production's, and nothing of the machine's own: neither its .env nor its databases."""
    production = {
        "ENV_FILE": "",
        "SECRET_KEY": "a-key-for-one-test-that-is-long-enough-to-be-one",
        "ADMIN_EMAIL": EMAIL,
        "ADMIN_PASSWORD": PASSWORD,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **production, **{name: str(value) for name, value in settings.items()}}


def manage(*arguments: str, **settings: object) -> str:
    """What the command prints."""
    done = run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE,
        env=environment(**settings),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def prepare(database_url: str) -> None:
    """An empty database becomes one with tables and an administrator."""
    manage("migrate", "--noinput", DATABASE_URL=database_url)
    manage("ensure_admin", DATABASE_URL=database_url)


@dataclass
class Site:
    """One running Stitch. ``settings`` are environment variables."""

    log: Path
    database_url: str
    workers: int = 2
    lanes: int = 4
    settings: dict[str, object] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _master: Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        size = {"WEB_CONCURRENCY": self.workers, "DATABASE_LANES": self.lanes, "PORT": self.port}
        return environment(DATABASE_URL=self.database_url, **{"AUTH_RATE": "100000/m", **size, **self.settings})

    @property
    def most_connections(self) -> int:
        return self.workers * (self.lanes + READERS + LISTENER + BACKGROUND)

    def start(self) -> float:
        """Returns the seconds until visitors are answered."""
        with self.log.open("ab") as log:
            self._master = Popen(
                [sys.executable, *COMMAND],
                cwd=BASE,
                env=self.environment,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
            )
        return self.wait_until_served(seconds=20)

    def wait_until_served(self, *, seconds: float) -> float:
        return wait_until(self._serves, seconds=seconds, what=f"visitors are served, see {self.log}")

    def _serves(self) -> bool:
        with suppress(NotConnected, Dropped):
            return self.visitor.get("/settings").status == 200
        return False

    @property
    def master(self) -> Popen[bytes]:
        if self._master is None:
            raise AssertionError("It was not started.")
        return self._master

    @property
    def worker_pids(self) -> list[int]:
        return children_of(self.master.pid)

    def kill(self) -> None:
        """kill -9: master and workers at the same moment."""
        os.killpg(self.master.pid, signal.SIGKILL)
        self.master.wait(5)

    def stop(self) -> None:
        """As an operator stops it; whatever is left after that is killed."""
        if self._master is not None:
            end(self._master, seconds=35)
            with suppress(ProcessLookupError):
                os.killpg(self._master.pid, signal.SIGKILL)

    @property
    def visitor(self) -> Client:
        return Client(self.port)

    def log_in(self) -> dict[str, str]:
        answer = self.visitor.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
        if answer.status != 200:
            raise AssertionError(f"The login was answered {answer.status}: {answer.content!r}")
        pair: dict[str, str] = answer.json()
        return pair

    @property
    def editor(self) -> Client:
        return Client(self.port, token=self.log_in()["access_token"])

    def contradictions(self) -> list[str]:
        """Where the database says two things at once; see ``consistency``."""
        command = [sys.executable, "-m", "tests.faults.consistency"]
        checked = run(command, cwd=BASE, env=self.environment, check=True, capture_output=True)
        found: list[str] = json.loads(checked.stdout)
        return found

    def unhandled(self) -> list[str]:
        """What ended in a 500: lines of the log."""
        return [line for line in self.log.read_text().splitlines() if "Unhandled" in line or "Traceback" in line]
