"""However many ask for a cold answer at once, one goes to fetch it; and nobody waits for what is out of date."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import brotli
import pytest

from delivery.edge.memory import MIB, Memory
from tests.delivery.edge.harness import Got, Small, ask, counted, edge_over, run, settled

LONG = b'{"text": "' + b"again and " * 200 + b'"}'


async def together(*asking: Awaitable[Got], app: Small) -> list[Got]:
    """All under way before the application answers the first."""
    app.gate.clear()
    tasks = [asyncio.ensure_future(one) for one in asking]
    await settled()
    app.gate.set()
    return list(await asyncio.gather(*tasks))


def test_fifty_who_ask_for_a_cold_answer_at_once_cost_one_question() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)

        got = await together(*(ask(edge, "/posts/post:1") for _ in range(50)), app=app)

        assert len(app.asked) == 1
        assert {one.body for one in got} == {b'{"number": 1}'}
        assert len({one["X-Request-ID"] for one in got}) == 50

    with counted() as since:
        run(scenario)
        assert since() == (0, 50, 0)


def test_those_who_wait_get_it_in_their_own_encoding_and_method() -> None:
    async def scenario() -> None:
        app = Small()
        app.body = LONG
        edge = edge_over(app)

        plain, packed, head, known = await together(
            ask(edge, "/posts/post:1"),
            ask(edge, "/posts/post:1", headers={"accept-encoding": "br"}),
            ask(edge, "/posts/post:1", method="HEAD"),
            ask(edge, "/posts/post:1", headers={"if-none-match": '"tag-1"'}),
            app=app,
        )

        assert len(app.asked) == 1
        assert (plain.body, brotli.decompress(packed.body), head.body, known.status) == (LONG, LONG, b"", 304)

    run(scenario)


def test_when_the_first_fails_the_others_ask_on_their_own() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)
        app.gate.clear()
        app.error = ValueError("broken")
        first = asyncio.ensure_future(ask(edge, "/posts/post:1"))
        await settled()
        app.error = None
        others = [asyncio.ensure_future(ask(edge, "/posts/post:1")) for _ in range(3)]
        await settled()

        app.gate.set()
        with pytest.raises(ValueError, match="broken"):
            await first
        got = [(await one).status for one in others]

        assert (got, len(app.asked)) == ([200] * 3, 4)

    run(scenario)


def test_when_the_first_is_cancelled_the_others_ask_on_their_own() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)
        app.gate.clear()
        first, other = [asyncio.ensure_future(ask(edge, "/posts/post:1")) for _ in range(2)]
        await settled()

        first.cancel()
        await settled()
        app.gate.set()

        assert (await other).status == 200
        assert first.cancelled()

    run(scenario)


def test_a_waiter_who_is_cancelled_harms_nobody() -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)
        app.gate.clear()
        first, second, third = [asyncio.ensure_future(ask(edge, "/posts/post:1")) for _ in range(3)]
        await settled()

        second.cancel()
        await settled()
        app.gate.set()

        assert [(await one).body for one in (first, third)] == [b'{"number": 1}'] * 2

    run(scenario)


def test_what_is_not_public_is_shared_with_nobody() -> None:
    async def scenario() -> None:
        app = Small()
        app.is_public = False
        edge = edge_over(app)

        got = await together(*(ask(edge, "/posts/post:1") for _ in range(3)), app=app)

        assert sorted(one.body for one in got) == [b'{"number": %d}' % number for number in (1, 2, 3)]

    run(scenario)


def test_who_asks_after_a_change_does_not_wait_for_who_asked_before() -> None:
    async def scenario() -> None:
        app, memory = Small(), Memory(MIB)
        edge = edge_over(app, memory=memory)
        app.gate.clear()
        before = asyncio.ensure_future(ask(edge, "/posts/post:1"))
        await settled()

        memory.end(["post:1"])
        after = asyncio.ensure_future(ask(edge, "/posts/post:1"))
        await settled()
        app.gate.set()

        assert [(await one).body for one in (before, after)] == [b'{"number": 1}', b'{"number": 2}']
        assert (await ask(edge, "/posts/post:1")).body == b'{"number": 2}'
        assert len(app.asked) == 2

    run(scenario)


def test_an_answer_that_ends_while_it_is_compressed_and_sent_arrives_whole() -> None:
    """``send`` may wait, for a slow reader; meanwhile everything leaves memory."""

    async def scenario() -> None:
        app, memory = Small(), Memory(MIB)
        app.body = LONG
        edge = edge_over(app, memory=memory)
        for _ in range(2):
            await ask(edge, "/posts/post:1")
        sent: list[Any] = []

        async def send(message: Any) -> None:
            memory.end(["*"])
            sent.append({**message})

        scope = {**app.asked[0], "headers": [(b"host", b"testserver")]}
        await edge(scope, None, send)  # type: ignore[arg-type]

        assert (sent[0]["status"], sent[1]["body"]) == (200, LONG)
        assert len(app.asked) == 1

    run(scenario)
