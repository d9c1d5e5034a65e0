"""What ``GET /metrics`` tells of the memory, held against answers of known weight."""

import math
from typing import Any

import pytest

from cms_project import asgi
from delivery.changes import EVERYTHING
from delivery.edge.memory import MIB, Memory
from tests.conftest import Api
from tests.core.test_metrics import BEARER, TOKEN, samples
from tests.delivery.edge.test_memory import answer, asked

BODY = b"a" * 1_000
NAMES = ("stitch_edge_bytes", "stitch_edge_entries", "stitch_edge_evictions_total")


def keep(memory: Memory, *numbers: int) -> int:
    """One after the other. Returns what one of them weighs: all the same."""
    sizes = set()
    for number in numbers:
        since = memory.take_off()
        made = answer(f"post:{number}", body=BODY)
        entry = memory.keep(asked(f"{number:02}"), made, since=since, fixed_until=math.inf, now=float(number))
        memory.land()
        assert entry is not None
        sizes.add(entry.size)
    (size,) = sizes
    return size


SIZE = keep(Memory(MIB), 0)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """The served application's, for as long as the test runs. It has room for 32 answers."""
    made = Memory(32 * SIZE)
    monkeypatch.setattr(asgi.edge, "memory", made)
    return made


@pytest.fixture(autouse=True)
def there_is_such_an_address(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def told(api: Api) -> list[float]:
    """Bytes, entries, evictions."""
    response = api.get("//metrics", headers=BEARER)
    assert response.status_code == 200
    found = samples(response.content)
    return [found[name] for name in NAMES]


def test_bytes_and_entries_are_those_of_what_is_kept_now(api: Api, memory: Memory) -> None:
    *empty, evicted = told(api)
    keep(memory, 1, 2, 3)
    kept = told(api)
    memory.end(["post:2"])
    without_one = told(api)
    memory.end([EVERYTHING])

    assert (empty, len(BODY) < SIZE) == ([0, 0], True)
    assert kept == [3 * SIZE, 3, evicted]
    assert without_one == [2 * SIZE, 2, evicted]  # it has ended, and not for want of room
    assert told(api) == [0, 0, evicted]


def test_what_leaves_for_want_of_room_is_counted_once_and_weighs_nothing_any_more(api: Api, memory: Memory) -> None:
    *_, evicted = told(api)

    keep(memory, *range(32))
    full = told(api)
    keep(memory, 32)  # one too many: an eighth of the room is made at once, which takes five
    after = told(api)

    assert full == [32 * SIZE, 32, evicted]
    assert after == [28 * SIZE, 28, evicted + 5]


def test_where_nothing_is_kept_nothing_weighs_anything(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi.edge, "memory", None)

    assert told(api)[:2] == [0, 0]
