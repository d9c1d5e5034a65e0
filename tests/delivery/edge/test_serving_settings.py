"""The edge as the settings say: with a memory of the size they give, or with none. In whole: tests/house."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.edge import serving
from delivery.edge.memory import MIB
from delivery.edge.serving import Server
from delivery.hearing.lease import Lease
from delivery.hearing.log import FileLog
from tests.delivery.edge.harness import Small, ask, run
from tests.delivery.edge.test_file_log import File

Make = Callable[..., Server]


@pytest.fixture
def make(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Make]:
    """A server over an application, hearing of changes from a file of its own: the same beside either database."""
    file = File(tmp_path / "log.sqlite3")
    monkeypatch.setattr(serving, "is_postgresql", lambda: False)
    monkeypatch.setattr(serving, "FileLog", lambda _, end: FileLog(file.path, end))

    def made(app: Small, *, is_on: bool, mib: int) -> Server:
        settings.EDGE_CACHE, settings.EDGE_CACHE_MIB = is_on, mib
        return Server(app, prefixes=settings.EDGE_PREFIXES)

    yield made
    file.writer.close()


def asked_twice(server: Server) -> list[bytes]:
    bodies = []

    async def scenario() -> None:
        bodies.extend([(await ask(server.application, "/posts/post:1")).body for _ in range(2)])
        await server.stop()

    run(scenario)
    return bodies


def test_switched_off_it_keeps_nothing_and_every_answer_is_made_anew(make: Make) -> None:
    server = make(Small(), is_on=False, mib=64)

    assert asked_twice(server) == [b'{"number": 1}', b'{"number": 2}']
    assert (server.memory, server.entries, server.weight) == (None, 0, 0)


@pytest.mark.parametrize("mib", [1, 3, 64])
def test_switched_on_it_has_a_memory_of_the_size_that_was_chosen_and_answers_from_it(make: Make, mib: int) -> None:
    server = make(Small(), is_on=True, mib=mib)

    assert asked_twice(server) == [b'{"number": 1}', b'{"number": 1}']
    assert server.memory is not None
    assert (server.memory.limit, server.entries) == (mib * MIB, 1)
    assert 0 < server.weight == server.memory.bytes


@pytest.mark.parametrize("is_postgresql", [True, False])
@pytest.mark.parametrize("is_on", [True, False])
def test_who_keeps_nothing_need_not_hear_of_changes(
    settings: Any, monkeypatch: pytest.MonkeyPatch, is_postgresql: bool, is_on: bool
) -> None:
    """Above all it has no lease, for which every writer would wait."""
    hearing: list[str] = []

    def lease(end: Callable[[list[str]], None]) -> Lease:
        hearing.append("lease")
        return Lease(end)

    def file_log(path: Path, end: Callable[[list[str]], None]) -> FileLog:
        hearing.append("file")
        return FileLog(path, end)

    monkeypatch.setattr(serving, "is_postgresql", lambda: is_postgresql)
    monkeypatch.setattr(serving, "Lease", lease)
    monkeypatch.setattr(serving, "FileLog", file_log)
    settings.EDGE_CACHE = is_on

    Server(Small(), prefixes=settings.EDGE_PREFIXES)

    assert hearing == (["lease" if is_postgresql else "file"] if is_on else [])
