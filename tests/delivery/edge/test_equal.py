"""With the edge and without it, from memory and made anew: the same answers, byte by byte."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from content.models import BlogPost
from core.postgresql.asynchronous import Pool
from delivery.edge import direct, layer
from delivery.edge.layer import Edge
from delivery.edge.memory import MIB, Memory
from tests.delivery.edge import questions
from tests.delivery.edge.harness import Got, Known, Stitch, ask, edge_over, edge_without_memory


async def answers(edge: Any, post: BlogPost) -> dict[str, Got]:
    return {
        f"{number} {one.target[:60]} {one.options}": await ask(edge, one.target, **one.options)
        for number, one in enumerate(questions.questions(post))
    }


def compared(got: dict[str, Got]) -> dict[str, Any]:
    return {name: one.comparable for name, one in got.items()}


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In the thread, and so on the database connection, of the test."""
    async_to_sync(scenario)()


@pytest.mark.django_db
def test_each_question_is_answered_as_it_should_be() -> None:
    """Lest all that is compared below be one error."""
    post = questions.site()

    async def scenario() -> None:
        got = await answers(edge_without_memory(Stitch()), post)
        asked = questions.questions(post)
        meant = [one.status or answer.status for one, answer in zip(asked, got.values(), strict=True)]
        assert {name: one.status for name, one in got.items()} == dict(zip(got, meant, strict=True))
        assert {one.status for one in got.values()} == {200, 301, 304, 400, 401, 404, 422}
        assert sum(one["Content-Encoding"] == "br" for one in got.values()) >= 2

    run(scenario)


@pytest.mark.django_db
def test_what_the_edge_does_not_touch_is_djangos_own_answer() -> None:
    """But for the query, which is put in one spelling, and for encodings, which Django leaves to others."""
    post = questions.site()

    async def scenario() -> None:
        product = Stitch()
        bare, fronted = await answers(product, post), await answers(edge_without_memory(product), post)
        compressed = {name for name, one in fronted.items() if one["Content-Encoding"]}
        heads = {name for name in fronted if "HEAD" in name}

        assert {name: one for name, one in compared(bare).items() if name not in compressed | heads} == {
            name: one for name, one in compared(fronted).items() if name not in compressed | heads
        }
        assert {name: bare[name].comparable[:2] for name in heads - compressed} == {
            name: fronted[name].comparable[:2] for name in heads - compressed
        }
        assert len(compressed) >= 4

    run(scenario)


@pytest.mark.django_db
def test_a_miss_a_hit_and_an_edge_that_is_off_say_the_same() -> None:
    post = questions.site()

    async def scenario() -> None:
        product = Stitch()
        without = await answers(edge_without_memory(product), post)
        edge = edge_over(product, limit=8 * MIB)
        missed = await answers(edge, post)
        hits, asked = layer.hits.value, len(product.asked)
        hit = await answers(edge, post)

        assert compared(missed) == compared(without)
        assert compared(hit) == compared(without)
        public = [one for one in without.values() if one.status in (200, 301, 304)]
        assert layer.hits.value - hits > 0.8 * len(public) > 40
        assert len(product.asked) - asked < len(without) - 0.8 * len(public)

    run(scenario)


@pytest.mark.django_db
def test_the_order_of_questions_does_not_matter() -> None:
    """What one question has put into memory is not what another one gets."""
    post = questions.site()

    async def scenario() -> None:
        product = Stitch()
        without = await answers(edge_without_memory(product), post)
        edge = edge_over(product, limit=8 * MIB)
        backwards = {}
        for number, one in reversed(list(enumerate(questions.questions(post)))):
            name = f"{number} {one.target[:60]} {one.options}"
            backwards[name] = await ask(edge, one.target, **one.options)

        assert compared(backwards) == compared(without)

    run(scenario)


@pytest.mark.postgres
def test_the_shorter_way_gives_the_same_answers(committed: None) -> None:
    assert connection.vendor == "postgresql"
    post = questions.site()

    async def scenario() -> None:
        product, memory, pool = Stitch(), Memory(8 * MIB), Pool(2, patience=5.0)
        without = await answers(edge_without_memory(product), post)
        edge = Edge(
            product,
            prefixes=("/api/v1/posts", "/api/v1/pages", "/api/v1/settings"),
            source=Known(),
            memory=memory,
            direct=direct.Direct(pool),
        )
        try:
            first = await answers(edge, post)
            memory.end(["*"])
            asked = len(product.asked)
            short = await answers(edge, post)
            by_django = len(product.asked) - asked
            hit = await answers(edge, post)
        finally:
            await pool.close()

        assert compared(first) == compared(without)
        assert compared(short) == compared(without)
        assert compared(hit) == compared(without)
        plain = [one for one in without.values() if one.status in (200, 301, 304)]
        assert by_django < len(without) - 0.8 * len(plain)

    run(scenario)
