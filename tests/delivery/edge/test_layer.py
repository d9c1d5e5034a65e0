"""The layer in front of a small application: what it keeps, and in which forms it gives it out."""

import gc
import gzip
import tracemalloc
from typing import Any

import brotli
import pytest

from delivery.edge.memory import MIB, Memory
from tests.delivery.edge.harness import Known, Small, ask, counted, edge_over, edge_without_memory, run

LONG = b'{"text": "' + b"again and " * 200 + b'"}'
ALLOWED = "http://localhost:5173"  # tests.settings


def test_the_second_to_ask_is_answered_from_memory_with_the_same() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)

        first, second, third = [await ask(edge, "/posts/post:1") for _ in range(3)]

        assert (first.status, first.body, len(app.asked)) == (200, b'{"number": 1}', 1)
        assert first.comparable == second.comparable == third.comparable
        assert len({one["X-Request-ID"] for one in (first, second, third)}) == 3

    with counted() as since:
        run(scenario)
        assert since() == (2, 1, 0)


def test_other_spellings_of_one_question_share_an_answer() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)

        got = [await ask(edge, f"/posts/posts?{query}") for query in ("a=1&b=2", "b=2&a=1", "b=%32&&a=1")]
        other = await ask(edge, "/posts/posts?a=1&b=3")

        assert [one.body for one in got] == [b'{"number": 1}'] * 3
        assert other.body == b'{"number": 2}'

    run(scenario)


def test_what_changes_is_fetched_anew_and_the_rest_stays() -> None:
    async def scenario() -> None:
        app, memory = Small(), Memory(MIB)
        edge = edge_over(app, memory=memory)
        for key in ("post:1", "post:2", "posts"):
            await ask(edge, f"/posts/{key}")

        memory.end(["post:1", "posts"])
        got = [await ask(edge, f"/posts/{key}") for key in ("post:1", "post:2", "posts")]

        assert [one.body for one in got] == [b'{"number": 4}', b'{"number": 2}', b'{"number": 5}']

    run(scenario)


def test_while_changes_are_not_heard_of_nothing_comes_from_memory() -> None:
    async def scenario() -> None:
        app, source = Small(), Known()
        edge = edge_over(app, source=source)
        await ask(edge, "/posts/post:1")

        source.is_there = False
        away = [(await ask(edge, "/posts/post:1")).body for _ in range(2)]
        source.is_there = True
        again = (await ask(edge, "/posts/post:1")).body

        assert (away, again) == ([b'{"number": 2}', b'{"number": 3}'], b'{"number": 1}')

    with counted() as since:
        run(scenario)
        assert since() == (1, 1, 2)


def test_without_memory_every_answer_is_made_anew() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_without_memory(app)

        got = [(await ask(edge, "/posts/post:1")).body for _ in range(2)]

        assert got == [b'{"number": 1}', b'{"number": 2}']

    with counted() as since:
        run(scenario)
        assert since() == (0, 0, 2)


# --- HEAD, 304, encodings --------------------------------------------------------------------------------------------


def test_head_has_the_headers_of_get_and_no_body_and_either_fills_for_the_other() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)

        cold = await ask(edge, "/posts/post:1", method="HEAD")
        whole = await ask(edge, "/posts/post:1")
        warm = await ask(edge, "/posts/post:1", method="HEAD")

        assert (cold.body, whole.body, warm.body) == (b"", b'{"number": 1}', b"")
        assert cold.comparable == warm.comparable
        assert cold.comparable[1] == whole.comparable[1]
        assert len(app.asked) == 1

    run(scenario)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_it_already_gets_304_from_a_miss_and_from_a_hit_alike(method: str) -> None:
    async def scenario() -> None:
        edge = edge_over(Small())
        known = {"If-None-Match": 'W/"other", W/"tag-1"'}
        lower = {name.lower(): value for name, value in known.items()}

        cold = await ask(edge, "/posts/post:1", method=method, headers=lower)
        warm = await ask(edge, "/posts/post:1", method=method, headers=lower)
        whole = await ask(edge, "/posts/post:1")

        assert (cold.status, cold.body, cold.comparable) == (304, b"", warm.comparable)
        assert cold.comparable[1] == whole.comparable[1] - {
            ("Content-Type", "application/json"),
            ("Content-Length", "13"),
        }

    run(scenario)


def test_a_tag_is_that_of_the_representation() -> None:
    async def scenario() -> None:
        app = Small()
        app.body = LONG
        edge = edge_over(app)
        whole = await ask(edge, "/posts/post:1", headers={"accept-encoding": "br"})
        headers = {"accept-encoding": "br", "if-none-match": whole["ETag"] or ""}

        same = await ask(edge, "/posts/post:1", headers=headers)
        other = await ask(edge, "/posts/post:1", headers={**headers, "accept-encoding": "gzip"})

        assert (whole["ETag"], same.status, other.status, other["ETag"]) == (
            '"tag-1-br"',
            304,
            200,
            '"tag-1-gzip"',
        )

    run(scenario)


def test_all_encodings_come_from_one_answer() -> None:
    async def scenario() -> None:
        app = Small()
        app.body = LONG
        edge = edge_over(app)
        accepts = {"": lambda raw: raw, "gzip": gzip.decompress, "br": brotli.decompress}

        for turn in range(2):
            for accepted, decode in accepts.items():
                got = await ask(edge, "/posts/post:1", headers={"accept-encoding": accepted} if accepted else {})
                assert (decode(got.body), got["Content-Encoding"]) == (LONG, accepted or None), turn

        assert len(app.asked) == 1

    run(scenario)


def test_the_application_is_asked_the_plainest_form_of_the_question() -> None:
    async def scenario() -> None:
        app = Small()
        headers = {
            "if-none-match": '"x"',
            "accept-encoding": "br",
            "x-request-id": "mine-12345678",
            "origin": ALLOWED,
        }

        got = await ask(edge_over(app), "/posts/post:1?b=2&a=1", method="HEAD", headers=headers)

        inner = app.asked[0]
        assert (inner["method"], inner["query_string"]) == ("GET", b"a=1&b=2")
        assert sorted(inner["headers"]) == [
            (b"host", b"testserver"),
            (b"origin", ALLOWED.encode()),
            (b"x-request-id", b"mine-12345678"),
        ]
        assert got["X-Request-ID"] == "mine-12345678"

    run(scenario)


def test_a_moved_address_is_kept() -> None:
    async def scenario() -> None:
        app = Small()
        app.status, app.headers = 301, [(b"Location", b"/api/v1/posts/new")]
        edge = edge_over(app)

        got = [await ask(edge, "/posts/posts") for _ in range(2)]

        assert [(one.status, one["Location"], one.body) for one in got] == [
            (301, "/api/v1/posts/new", b'{"number": 1}')
        ] * 2

    run(scenario)


@pytest.mark.parametrize("status", [200, 400, 401, 404, 422, 500, 503])
def test_what_the_application_does_not_call_public_is_asked_every_time(status: int) -> None:
    async def scenario() -> None:
        app, memory = Small(), Memory(MIB)
        app.status, app.is_public = status, False
        edge = edge_over(app, memory=memory)

        got = [await ask(edge, "/posts/post:1", headers={"x-request-id": f"mine-{n}-12345678"}) for n in (1, 2)]

        assert [(one.status, one.body, one["X-Request-ID"]) for one in got] == [
            (status, b'{"number": 1}', "mine-1-12345678"),
            (status, b'{"number": 2}', "mine-2-12345678"),
        ]
        assert len(memory) == 0

    run(scenario)


# --- Bounds --------------------------------------------------------------------------------------------------------


def test_memory_that_is_full_still_answers() -> None:
    async def scenario() -> None:
        app, memory = Small(), Memory(MIB)
        app.body = b"%d " + b"x" * 40_000
        edge = edge_over(app, memory=memory)

        for number in range(100):
            got = await ask(edge, f"/posts/post:{number}", headers={"accept-encoding": ["", "gzip", "br"][number % 3]})
            assert got.status == 200
            assert memory.bytes <= memory.limit

        assert 0 < len(memory) < 100

    run(scenario)


@pytest.mark.parametrize("name", ["host", "origin", "accept-encoding", "x-forwarded-proto"])
def test_long_headers_are_not_remembered(name: str, settings: Any) -> None:
    """Or few of them would push out all the others."""
    settings.ALLOWED_HOSTS = ["*"]

    async def scenario() -> None:
        edge = edge_over(Small())

        for number in range(3):
            await ask(edge, "/posts/post:1", headers={name: f"{number}{'x' * 5_000}"})

        assert sum(len(part or b"") for address in edge._addresses for part in address) < 5_000

    run(scenario)


def test_addresses_are_part_of_the_bound_and_take_an_eighth_of_it_at_most() -> None:
    async def scenario() -> None:
        memory = Memory(MIB)
        edge = edge_over(Small(), memory=memory)
        most = 0
        for number in range(2_000):
            got = await ask(edge, "/posts/post:1", headers={"origin": f"http://{number}.example.com"})
            assert got.status == 200
            most = max(most, memory.bytes)
            assert edge._addresses is memory.addresses

        assert (len(memory), 0 < len(memory.addresses) < 2_000) == (1, True)
        assert MIB // 9 < most < MIB // 7

    run(scenario)


def test_an_address_costs_no_more_than_is_counted_for_it() -> None:
    async def scenario() -> None:
        memory = Memory(64 * MIB)
        edge = edge_over(Small(), memory=memory)
        await ask(edge, "/posts/post:1", headers={"origin": "http://first.example.com"})
        tracemalloc.start()
        try:
            bytes_before, counted_before = tracemalloc.get_traced_memory()[0], memory.bytes
            for number in range(3_000):
                await ask(edge, "/posts/post:1", headers={"origin": f"http://{number}.example.com"})
            gc.collect()
            there, counted = tracemalloc.get_traced_memory()[0] - bytes_before, memory.bytes - counted_before
        finally:
            tracemalloc.stop()

        assert len(memory.addresses) - 1 == 3_000
        assert 0.5 * counted < there < 1.1 * counted

    run(scenario)
