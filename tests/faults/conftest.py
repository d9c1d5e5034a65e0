"""A PostgreSQL cluster for the whole run, a fresh database and fresh processes for each test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.faults.postgres import Cluster
from tests.faults.redis_server import RedisServer
from tests.faults.stitch import Site, prepare

TEMPLATE = "stitch_template"
StartSite = Callable[..., Site]
Tell = Callable[[str], None]

_numbers = count(1)
_told: list[str] = []


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        cluster.start()
        cluster.ask(f"CREATE DATABASE {TEMPLATE}", database="postgres")
        prepare(cluster.url(TEMPLATE))
        yield cluster
    finally:
        cluster.destroy()


def fresh(cluster: Cluster) -> str:
    """The name of a fresh database with an administrator in it."""
    name = f"stitch_{next(_numbers)}"
    cluster.copy(TEMPLATE, name)
    return name


@pytest.fixture
def database(cluster: Cluster) -> str:
    return fresh(cluster)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.destroy()


@contextmanager
def sites(folder: Path) -> Iterator[StartSite]:
    """Starts as many as are asked for, and ends them. Nothing may have ended in a 500."""
    started: list[Site] = []

    def start(database_url: str, **options: Any) -> Site:
        site = Site(folder / f"site-{len(started)}.log", database_url, **options)
        started.append(site)
        site.start()
        return site

    try:
        yield start
    finally:
        for site in started:
            site.stop()
    assert [line for site in started for line in site.unhandled()] == []


@pytest.fixture
def start_site(tmp_path: Path) -> Iterator[StartSite]:
    """``start_site(url, workers=…, lanes=…, settings={…})``: a running Stitch."""
    with sites(tmp_path) as start:
        yield start


@pytest.fixture
def site(cluster: Cluster, database: str, start_site: StartSite) -> Site:
    return start_site(cluster.url(database), workers=3, lanes=8)


@pytest.fixture(scope="module")
def shared_database(cluster: Cluster) -> str:
    return fresh(cluster)


@pytest.fixture(scope="module")
def shared_site(cluster: Cluster, shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests of a module, where none of them needs an empty database or harms a process."""
    with sites(tmp_path_factory.mktemp("shared")) as start:
        yield start(cluster.url(shared_database), workers=3, lanes=8)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Figures for the end of the report."""
    return lambda line: _told.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _told:
        terminalreporter.section("what was seen", sep="-")
        for line in _told:
            terminalreporter.write_line(line)
