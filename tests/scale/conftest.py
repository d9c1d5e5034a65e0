"""A primary with a replica for the whole run, a fresh database and fresh processes for each test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.faults.conftest import TEMPLATE, StartSite, Tell, sites
from tests.faults.postgres import Cluster
from tests.faults.stitch import prepare
from tests.scale.replica import Replica, written

_numbers = count(1)
_told: list[str] = []


@pytest.fixture(scope="session")
def primary() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.start()
        cluster.ask(f"CREATE DATABASE {TEMPLATE}", database="postgres")
        prepare(cluster.url(TEMPLATE))
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="session")
def running_replica(primary: Cluster) -> Iterator[Replica]:
    replica = Replica(primary)
    try:
        replica.start()
        yield replica
    finally:
        replica.destroy()


@pytest.fixture
def database(primary: Cluster) -> str:
    """The name of a fresh database with an administrator in it."""
    name = f"stitch_{next(_numbers)}"
    primary.copy(TEMPLATE, name)
    return name


@pytest.fixture
def replica(running_replica: Replica, database: str) -> Replica:
    """It has the database, and it runs and replays, whatever the test before did to it."""
    running_replica.recover()
    return running_replica


@pytest.fixture
def strangers_replica(primary: Cluster, database: str) -> Iterator[Replica]:
    """Of another cluster, which has a database of that name and has come further than the primary."""
    stranger = Cluster()
    replica: Replica | None = None
    try:
        stranger.start()
        stranger.ask(f"CREATE DATABASE {database}", database="postgres")
        prepare(stranger.url(database))
        while written(stranger) <= written(primary):
            stranger.ask("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()", database="postgres")
        replica = Replica(stranger)
        replica.start()
        yield replica
    finally:
        if replica is not None:
            replica.destroy()
        stranger.destroy()


@pytest.fixture
def start_site(tmp_path: Path) -> Iterator[StartSite]:
    """``start_site(url, workers=…, lanes=…, settings={…})``: a running Stitch."""
    with sites(tmp_path) as start:
        yield start


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Figures for the end of the report."""
    return lambda line: _told.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _told:
        terminalreporter.section("what was seen", sep="-")
        for line in _told:
            terminalreporter.write_line(line)
