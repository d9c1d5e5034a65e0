"""What the access log says of public reads: a line for a miss, none for a hit unless asked for, never a query."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.content.factory import make_post
from tests.delivery.edge.harness import Stitch, ask, edge_over, edge_without_memory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _post() -> None:
    make_post(slug="hello")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str, int, str]]]:
    caplog.set_level(logging.INFO, "stitch.access")

    def read() -> list[tuple[str, str, int, str]]:
        records: list[Any] = [one for one in caplog.records if one.name == "stitch.access"]
        found = [(one.method, one.path, one.status, one.request_id) for one in records]
        caplog.clear()
        return found

    read()
    return read


Lines = Callable[[], list[tuple[str, str, int, str]]]


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async_to_sync(scenario)()


def given(request_id: str, **headers: str) -> dict[str, Any]:
    return {
        "headers": {"x-request-id": request_id, **{name.replace("_", "-"): value for name, value in headers.items()}}
    }


def test_a_miss_writes_one_line_and_a_hit_none(lines: Lines) -> None:
    async def scenario() -> None:
        edge = edge_over(Stitch())
        await ask(edge, "/posts/hello", **given("first-1234"))
        missed = lines()
        for _ in range(3):
            await ask(edge, "/posts/hello", **given("later-1234"))
            await ask(edge, "/posts/hello")
            await ask(edge, "/posts/hello", method="HEAD")
            await ask(edge, "/posts/hello", headers={"accept-encoding": "br"})  # another address of the same answer
        hit = lines()

        assert (missed, hit) == ([("GET", "/api/v1/posts/hello", 200, "first-1234")], [])

    run(scenario)


def test_every_hit_writes_one_where_that_is_wanted(lines: Lines, settings: Any) -> None:
    settings.EDGE_LOG_HITS = True

    async def scenario() -> None:
        edge = edge_over(Stitch())
        tag = (await ask(edge, "/posts/hello"))["ETag"] or ""
        lines()

        await ask(edge, "/posts/hello", **given("one-12345"))
        await ask(edge, "/posts/hello", method="HEAD", **given("two-12345"))
        await ask(edge, "/posts/hello", **given("three-12345", if_none_match=tag))

        assert lines() == [
            ("GET", "/api/v1/posts/hello", 200, "one-12345"),
            ("HEAD", "/api/v1/posts/hello", 200, "two-12345"),
            ("GET", "/api/v1/posts/hello", 304, "three-12345"),
        ]

    run(scenario)


@pytest.mark.parametrize("is_on", [True, False])
def test_whatever_is_made_anew_writes_one_line_of_its_own(lines: Lines, is_on: bool) -> None:
    async def scenario() -> None:
        product = Stitch()
        edge = edge_over(product) if is_on else edge_without_memory(product)
        asked = {
            "/posts/not-there": 404, "/posts?page=0": 422, "/posts?tag=a&tag=b": 422, "/posts?status=draft": 401,
            "/auth/me": 401,
        }  # fmt: skip
        for number, target in enumerate(asked):
            await ask(edge, target, **given(f"number-{number}-x"))

        assert lines() == [
            ("GET", f"/api/v1{target.partition('?')[0]}", status, f"number-{number}-x")
            for number, (target, status) in enumerate(asked.items())
        ]

    run(scenario)


@pytest.mark.parametrize("logs_hits", [True, False])
def test_no_line_has_a_query_in_it(caplog: pytest.LogCaptureFixture, settings: Any, logs_hits: bool) -> None:
    settings.EDGE_LOG_HITS = logs_hits
    caplog.set_level(logging.DEBUG, "stitch")

    async def scenario() -> None:
        edge = edge_over(Stitch())
        for target in ("/posts?tag=sesame", "/posts?token=sesame", "/posts/hello?sesame=1", "/posts?q=sesame&q=sesame"):
            for _ in range(2):
                await ask(edge, target)

    run(scenario)

    assert len(caplog.records) >= 7
    assert "sesame" not in str([vars(one) for one in caplog.records])
