"""What is kept and what leaves: by surrogate key, by time, and for want of room."""

import asyncio
import math
from itertools import count
from random import Random

import pytest

from delivery.changes import EVERYTHING
from delivery.edge import memory as edge_memory
from delivery.edge.answers import BROTLI, GZIP, IDENTITY, Answer
from delivery.edge.asking import Asked
from delivery.edge.memory import ENTRY_BYTES, LARGEST_SHARE, LONGEST, MIB, MOST_ENDED, Entry, Memory, evictions

_clock = count(1)
ENCODINGS = (IDENTITY, GZIP, BROTLI)


def asked(name: str) -> Asked:
    return Asked(f"/api/v1/posts/{name}", "", "", False)


def answer(*keys: str, body: bytes = b"{}", changes_at: float = math.inf) -> Answer:
    return Answer(200, [(b"ETag", b'"x"')], body, list(keys) or None, changes_at)


def keep(memory: Memory, name: str, *keys: str, body: bytes = b"{}", encoding: str = IDENTITY) -> Entry | None:
    """Kept and sent once, as the layer does it."""
    now = float(next(_clock))
    since = memory.take_off()
    entry = memory.keep(asked(name), answer(*keys, body=body), since=since, fixed_until=math.inf, now=now)
    memory.land()
    if entry is not None:
        memory.variant(entry, encoding, now)
    return entry


def names(memory: Memory) -> set[str]:
    return {one.path.rpartition("/")[2] for one in memory._entries}


# --- Keys ----------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def asked_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of the allocator, without what it takes beside it, so that sizes can be told."""
    monkeypatch.setattr(edge_memory, "ALLOCATED", 1)


def test_a_key_ends_what_bears_it_and_nothing_else() -> None:
    memory = Memory(MIB)
    for name, key in [("a", "post:1"), ("b", "post:2"), ("list", "posts"), ("page", "page:1"), ("pages", "pages")]:
        keep(memory, name, key)
    keep(memory, "settings", "settings")

    memory.end(["post:1", "posts"])

    assert names(memory) == {"b", "page", "pages", "settings"}


def test_an_answer_with_several_keys_ends_by_each_of_them() -> None:
    for key in ("post:1", "posts"):
        memory = Memory(MIB)
        keep(memory, "a", "post:1", "posts")

        memory.end([key])

        assert (names(memory), memory.bytes, memory._by_key) == (set(), 0, {})


def test_everything_ends_everything() -> None:
    memory = Memory(MIB)
    for name in ("a", "b", "c"):
        keep(memory, name, f"post:{name}", encoding=BROTLI, body=b"a" * 2_000)

    memory.end([EVERYTHING])

    assert (len(memory), memory.bytes, memory._by_key) == (0, 0, {})


def test_an_unknown_key_ends_nothing() -> None:
    memory = Memory(MIB)
    keep(memory, "a", "post:1")

    memory.end(["post:11", "post", "POST:1", ""])

    assert names(memory) == {"a"}


def test_a_newer_answer_to_the_same_takes_the_place_of_the_older() -> None:
    memory = Memory(MIB)
    first = keep(memory, "a", "post:1", body=b"a" * 3_000, encoding=GZIP)
    second = keep(memory, "a", "post:1")

    assert first is not None and second is not None
    assert memory.find(asked("a"), 0.0) is second
    assert memory.bytes == second.size
    assert [one.serves_until for one in first.variants.values()] == [0.0]


@pytest.mark.parametrize("keys", [(), None])
def test_what_bears_no_key_could_never_end_and_is_not_kept(keys: tuple[str, ...] | None) -> None:
    memory = Memory(MIB)
    given = Answer(404, [], b"", None if keys is None else list(keys))

    entry = memory.keep(asked("a"), given, since=memory.take_off(), fixed_until=math.inf, now=1.0)

    assert (entry, len(memory)) == (None, 0)


# --- Flights -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ended", "is_kept"), [("post:1", False), (EVERYTHING, False), ("post:2", True)])
def test_what_changes_while_it_is_fetched_is_not_kept(ended: str, is_kept: bool) -> None:
    memory = Memory(MIB)
    since = memory.take_off()

    memory.end([ended])
    entry = memory.keep(asked("a"), answer("post:1"), since=since, fixed_until=math.inf, now=1.0)
    memory.land()

    assert (entry is not None, memory.find(asked("a"), 1.0) is not None) == (is_kept, is_kept)


def test_who_sets_out_after_the_change_is_kept_while_who_set_out_before_is_not() -> None:
    memory = Memory(MIB)
    before = memory.take_off()
    memory.end(["posts"])
    after = memory.take_off()

    late = memory.keep(asked("late"), answer("posts"), since=after, fixed_until=math.inf, now=1.0)
    memory.land()
    early = memory.keep(asked("early"), answer("posts"), since=before, fixed_until=math.inf, now=1.0)
    memory.land()

    assert (late is not None, early) == (True, None)


def test_what_has_ended_is_remembered_only_as_long_as_somebody_is_under_way() -> None:
    memory = Memory(MIB)
    memory.take_off()
    memory.take_off()
    memory.end([f"post:{number}" for number in range(100)])

    memory.land()
    between = len(memory._ended)
    memory.land()
    memory.end(["post:1"])

    assert (between, len(memory._ended)) == (100, 0)


def test_nobody_joins_who_set_out_before_a_change() -> None:
    async def run() -> None:
        memory = Memory(MIB)
        memory.flights[asked("a")] = asyncio.get_running_loop().create_future()

        memory.end(["some:thing"])

        assert memory.flights == {}

    asyncio.run(run())


# --- Time -----------------------------------------------------------------------------------------------------------


def test_an_answer_ends_when_time_changes_it() -> None:
    memory = Memory(MIB)
    since = memory.take_off()
    memory.keep(asked("a"), answer("posts", changes_at=10.0), since=since, fixed_until=5.0, now=1.0)
    memory.land()

    assert memory.find(asked("a"), 9.999) is not None
    assert memory.find(asked("a"), 10.0) is None
    assert (len(memory), memory.bytes) == (0, 0)


def test_an_answer_that_time_has_changed_while_it_came_is_not_kept() -> None:
    memory = Memory(MIB)

    entry = memory.keep(asked("a"), answer("posts", changes_at=1.0), since=memory.take_off(), fixed_until=0.0, now=1.0)

    assert (entry, len(memory)) == (None, 0)


# --- Variants ----------------------------------------------------------------------------------------------------


def test_a_variant_is_made_once_and_counted() -> None:
    memory = Memory(MIB)
    entry = keep(memory, "a", "post:1", body=b"again and " * 200)
    assert entry is not None
    alone = memory.bytes

    first = memory.variant(entry, GZIP, 1.0)
    second = memory.variant(entry, GZIP, 2.0)

    assert first is second
    assert memory.bytes == entry.size > alone + len(first.body["body"])


def test_an_answer_that_has_ended_leaves_no_bytes_with_those_who_know_its_variants() -> None:
    memory = Memory(MIB)
    entry = keep(memory, "a", "post:1", body=b"again and " * 200, encoding=BROTLI)
    assert entry is not None
    variants = [memory.variant(entry, encoding, 1.0) for encoding in ENCODINGS]

    memory.end(["post:1"])

    assert [(one.serves_until, one.body, one.headers) for one in variants] == [(0.0, {}, [])] * 3


def test_a_variant_of_an_answer_that_has_ended_can_be_sent_once_but_is_nobodys() -> None:
    memory = Memory(MIB)
    entry = keep(memory, "a", "post:1", body=b"again and " * 200)
    assert entry is not None
    memory.end(["post:1"])

    made = memory.variant(entry, GZIP, 1.0)

    assert (made.serves_until, bool(made.body["body"]), memory.bytes) == (0.0, True, 0)


# --- Room ----------------------------------------------------------------------------------------------------------


def test_the_least_recently_used_leave_first() -> None:
    memory = Memory(20 * (ENTRY_BYTES + 300))
    entries = {f"{number:02}": keep(memory, f"{number:02}", f"post:{number}") for number in range(18)}
    for name in ("00", "05"):
        entry = entries[name]
        assert entry is not None
        memory.variant(entry, IDENTITY, float(next(_clock)))

    evicted, before = evictions.value, names(memory)
    for number in range(18, 30):
        keep(memory, str(number), f"post:{number}")
        if names(memory) < before | {str(number)}:
            break
        before = names(memory)

    gone = sorted(before - names(memory))
    assert gone == [f"{number:02}" for number in range(18) if number not in (0, 5)][: len(gone)]
    assert len(gone) == evictions.value - evicted > 0


def test_a_large_answer_is_not_worth_what_it_would_push_out() -> None:
    memory = Memory(MIB)
    largest = MIB // LARGEST_SHARE - ENTRY_BYTES - 2 * len(asked("a").path)

    assert keep(memory, "a", "post:1", body=b"a" * (largest + 1)) is None
    assert keep(memory, "a", "post:1", body=b"a" * largest) is not None


def test_making_room_for_a_variant_never_takes_the_answer_whose_variant_it_is() -> None:
    """It is about to be sent."""
    memory = Memory(MIB)
    body = Random(1).randbytes(50_000).hex().encode()[:55_000]
    oldest = keep(memory, "oldest", "post:0", body=body)
    number = 0
    while memory.bytes + 70_000 < memory.limit:
        number += 1
        keep(memory, str(number), f"post:{number}", body=body)
    assert oldest is not None and "oldest" in names(memory)
    evicted = evictions.value

    made = [memory.variant(oldest, encoding, float(next(_clock))) for encoding in (GZIP, BROTLI)]

    assert evictions.value > evicted
    assert "oldest" in names(memory)
    assert all(one.body for one in made)


def test_making_room_for_an_answer_never_takes_the_one_that_has_just_come() -> None:
    memory = Memory(MIB)
    body = b"a" * 50_000
    for number in range(100):
        entry = keep(memory, str(number), f"post:{number}", body=body, encoding=GZIP)
        assert entry is not None
        assert str(number) in names(memory)
        assert entry.variants[GZIP].body


@pytest.mark.parametrize("seed", range(5))
def test_under_any_load_the_bytes_stay_within_the_limit_and_add_up(seed: int) -> None:
    random, memory, evicted = Random(seed), Memory(MIB), evictions.value
    texts = [random.randbytes(size // 2).hex().encode() for size in (10, 900, 4_000, 30_000, 60_000, 90_000)]

    for _ in range(2_000):
        number = random.randrange(200)
        match random.randrange(10):
            case 0:
                memory.end([f"post:{number}"])
            case 1 if random.random() < 0.05:
                memory.end([EVERYTHING])
            case 2 | 3 | 4:
                entry = memory.find(asked(str(number)), 0.0)
                if entry is not None:
                    assert memory.variant(entry, random.choice(ENCODINGS), float(next(_clock))).body
            case _:
                keys = [f"post:{number}", *(["posts"] if number % 50 == 0 else [])]
                keep(memory, str(number), *keys, body=random.choice(texts), encoding=random.choice(ENCODINGS))
        assert memory.bytes <= memory.limit
        assert memory.bytes == sum(one.size for one in memory._entries.values())

    assert evictions.value > evicted
    borne = {key for entry in memory._entries.values() for key in entry.answer.keys or ()}
    assert borne == memory._by_key.keys()


def test_the_bytes_that_are_counted_are_not_fewer_than_those_that_are_there() -> None:
    memory = Memory(MIB)
    held = 0
    for number in range(10):
        entry = keep(memory, str(number), f"post:{number}", body=Random(number).randbytes(3_000).hex().encode())
        assert entry is not None
        bodies = {id(one): len(one) for one in [memory.variant(entry, name, 1.0).body["body"] for name in ENCODINGS]}
        held += sum(bodies.values())

    assert memory.bytes >= held


def test_what_the_allocator_takes_beside_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def weight() -> int:
        memory = Memory(MIB)
        entry = keep(memory, "a", "post:1", body=b"a" * 10_000)
        assert entry is not None
        memory.variant(entry, GZIP, 1.0)
        memory.remember(("/a", b"", b"host"), memory.variant(entry, IDENTITY, 1.0), 1.0)
        return memory.bytes

    plain = weight()
    monkeypatch.setattr(edge_memory, "ALLOCATED", 2)

    assert weight() == 2 * plain > 20_000


# --- For long -----------------------------------------------------------------------------------------------------


def test_an_answer_that_time_will_change_is_not_kept_for_days() -> None:
    memory = Memory(MIB)
    for name, changes_at in (("tomorrow", 100_000.0), ("never", math.inf)):
        memory.keep(
            asked(name), answer("posts", changes_at=changes_at), since=0, fixed_until=changes_at - 360, now=1_000.0
        )

    found = [memory.find(asked(name), 1_000.0 + LONGEST + 1) is not None for name in ("tomorrow", "never")]

    assert found == [False, True]


def test_many_changes_during_one_flight_are_remembered_as_all_of_them() -> None:
    memory = Memory(MIB)
    since = memory.take_off()
    memory.end([f"post:{number}" for number in range(MOST_ENDED + 1)])
    memory.end(["pages"])

    kept = memory.keep(asked("a"), answer("settings"), since=since, fixed_until=math.inf, now=1.0)

    assert (kept, len(memory._ended)) == (None, 2)
