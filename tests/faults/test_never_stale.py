"""Once a write is answered, every later read sees it: in every process, from memory, whatever fails meanwhile."""

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import STDOUT, Popen

import pytest

from tests.faults.conftest import StartSite, Tell
from tests.faults.postgres import Cluster
from tests.faults.processes import send, wait_until
from tests.faults.redis_server import RedisServer
from tests.faults.staleness import QUESTIONS, TOKEN, Ledger, Line, Reader, Seen, restart, watched
from tests.faults.stitch import Site, prepare

pytestmark = pytest.mark.server

WORKERS = 4
SETTINGS: dict[str, object] = {"METRICS_TOKEN": TOKEN, "LOG_LEVEL": "WARNING"}


@pytest.fixture
def site(cluster: Cluster, database: str, start_site: StartSite) -> Site:
    return start_site(cluster.url(database), workers=WORKERS, settings=SETTINGS)


def assert_never_stale(seen: Seen, *, hits: float) -> None:
    """And that it was really memory that answered."""
    assert (seen.stale, seen.examples) == (0, [])
    assert (seen.reads > 50 * seen.seconds, len(seen.writes) > seen.seconds) == (True, True)
    assert seen.hits > hits


def test_four_workers_one_writer_eight_readers(site: Site, tmp_path: Path, tell: Tell) -> None:
    with watched(site, tmp_path) as seen:
        time.sleep(30)

    tell(str(seen))
    assert_never_stale(seen, hits=0.3)
    assert (set(seen.statuses), seen.dropped, seen.refused) == ({200, 404}, 0, 0)
    assert site.contradictions() == []


def test_one_worker_that_writes_and_reads(
    cluster: Cluster, database: str, start_site: StartSite, tmp_path: Path, tell: Tell
) -> None:
    """Nobody else has to be waited for, so the answer to a write is out before any message could come back."""
    site = start_site(cluster.url(database), workers=1, settings=SETTINGS)

    with watched(site, tmp_path) as seen:
        time.sleep(6)

    tell(str(seen))
    assert_never_stale(seen, hits=0.3)
    assert (set(seen.statuses), seen.dropped, seen.refused) == ({200, 404}, 0, 0)


def test_while_redis_is_restarted(
    cluster: Cluster, database: str, start_site: StartSite, redis_server: RedisServer, tmp_path: Path, tell: Tell
) -> None:
    site = start_site(cluster.url(database), workers=WORKERS, settings={**SETTINGS, "REDIS_URL": redis_server.url})

    with watched(site, tmp_path) as seen:
        for _ in range(3):
            time.sleep(5)
            redis_server.kill()
            time.sleep(4)
            redis_server.start()
        time.sleep(3)

    tell(str(seen))
    assert_never_stale(seen, hits=0.3)
    assert (set(seen.statuses), seen.dropped, seen.refused) == ({200, 404}, 0, 0)


def test_while_postgresql_is_restarted(cluster: Cluster, site: Site, tmp_path: Path, tell: Tell) -> None:
    with watched(site, tmp_path) as seen:
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGINT):
            time.sleep(7)
            restart(cluster, how)
        time.sleep(7)

    tell(str(seen))
    assert_never_stale(seen, hits=0.15)
    assert set(seen.statuses) <= {200, 404, 503}


def test_while_a_worker_is_killed(site: Site, tmp_path: Path, tell: Tell) -> None:
    with watched(site, tmp_path) as seen:
        for _ in range(2):
            time.sleep(3)
            send(signal.SIGKILL, site.worker_pids[0])
        time.sleep(3)

    tell(str(seen))
    assert_never_stale(seen, hits=0.2)
    assert set(seen.statuses) == {200, 404}


def test_while_the_connections_that_listen_are_cut(
    cluster: Cluster, database: str, site: Site, tmp_path: Path, tell: Tell
) -> None:
    with watched(site, tmp_path) as seen:
        for _ in range(12):
            time.sleep(0.5)
            for pid in listeners(cluster, database)[:2]:
                cluster.ask("SELECT pg_terminate_backend(%s)", pid, database="postgres")

    tell(str(seen))
    assert_never_stale(seen, hits=0.1)
    assert (set(seen.statuses), seen.dropped, seen.refused) == ({200, 404}, 0, 0)


def listeners(cluster: Cluster, database: str) -> list[int]:
    """The processes at PostgreSQL's end of the connections on which workers hear of changes."""
    asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'stitch-edge' AND datname = %s ORDER BY random()"
    return [pid for (pid,) in cluster.ask(asked, database, database="postgres")]


class Late:
    """Lines to all workers, over which questions come that whoever stands still finds when it wakes."""

    def __init__(self, site: Site, folder: Path) -> None:
        ledger = Ledger(sorted(folder.glob("ledger-*"))[-1])
        self.readers = [Reader(ledger, Line(site.port)) for _ in range(32)]
        self.asked = 0

    def ask(self) -> None:
        for number, reader in enumerate(self.readers):
            reader.ask(QUESTIONS[number % 2])

    def look(self) -> None:
        for reader in self.readers:
            reader.look()
        self.asked += len(self.readers)

    @property
    def stale(self) -> list[str]:
        return [line for reader in self.readers for line in reader.stale]

    @property
    def answered(self) -> int:
        return sum(reader.statuses[200] for reader in self.readers)


def test_while_a_worker_stands_still_and_when_it_wakes(
    cluster: Cluster, database: str, site: Site, tmp_path: Path, tell: Tell
) -> None:
    """It must not answer from what it had in memory: for longer than its lease, writers have not waited for it.

    Its connection is cut too, so that it finds no notices when it wakes, but only the questions.
    """
    with watched(site, tmp_path, probes=0) as seen:
        late = Late(site, tmp_path)
        for _ in range(2):
            late.ask()
            late.look()
        stopped = site.worker_pids[1]
        send(signal.SIGSTOP, stopped)
        for pid in listeners(cluster, database):
            cluster.ask("SELECT pg_terminate_backend(%s)", pid, database="postgres")
        time.sleep(4)
        late.ask()
        time.sleep(1)
        send(signal.SIGCONT, stopped)
        late.look()
        time.sleep(3)

    tell(str(seen))
    assert (late.stale, late.answered) == ([], late.asked)
    assert_never_stale(seen, hits=0.2)


def test_while_a_worker_that_reads_on_hears_nothing(
    cluster: Cluster, database: str, site: Site, tmp_path: Path, tell: Tell
) -> None:
    """PostgreSQL's side of its connection stands still. It answers from memory until its lease ends; writers wait."""
    with watched(site, tmp_path) as seen:
        for turn in range(2):
            time.sleep(1)
            deaf = listeners(cluster, database)[turn]
            send(signal.SIGSTOP, deaf)
            time.sleep(4)
            send(signal.SIGCONT, deaf)
        time.sleep(2)

    tell(str(seen))
    assert_never_stale(seen, hits=0.2)
    assert (set(seen.statuses), seen.dropped, seen.refused) == ({200, 404}, 0, 0)


# --- SQLite ----------------------------------------------------------------------------------------------------------


class OnSqlite(Site):
    """Two processes of uvicorn's over one file."""

    def start(self) -> float:
        command = ["-m", "uvicorn", "cms_project.asgi:application", "--workers", "2", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._master = Popen(
                [sys.executable, *command, "--log-level", "warning"],
                cwd=Path(__file__).resolve().parents[2],
                env=self.environment,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
            )
        return self.wait_until_served(seconds=20)


@pytest.fixture
def file_site(tmp_path: Path) -> Iterator[Site]:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    prepare(url)
    site = OnSqlite(tmp_path / "site.log", url, settings=SETTINGS)
    site.start()
    try:
        yield site
    finally:
        site.stop()
    assert site.unhandled() == []


def test_two_processes_over_one_file(file_site: Site, tmp_path: Path, tell: Tell) -> None:
    wait_until(lambda: len(file_site.worker_pids) >= 2, seconds=5, what="both processes run")

    with watched(file_site, tmp_path) as seen:
        time.sleep(10)

    tell(f"{seen} (hits of one process)")
    assert_never_stale(seen, hits=0.3)
    assert (set(seen.statuses), seen.dropped, seen.refused) == ({200, 404}, 0, 0)
