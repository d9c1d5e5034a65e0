"""The next start or end of a schedule ends an answer too, and shared caches are told in time."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from content import saving
from content.models import BlogPost
from core import clock
from delivery import publications
from delivery.edge import layer
from tests.content.factory import make_page, make_post
from tests.delivery.edge.harness import Small, Stitch, ask, edge_over
from tests.factories import make_user


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock_of_the_layer(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    monkeypatch.setattr(layer, "monotonic", ours)
    monkeypatch.setattr(layer, "time", SimpleNamespace(monotonic=ours, perf_counter=ours))
    return ours


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def test_an_answer_leaves_at_the_moment_at_which_time_changes_it(clock_of_the_layer: Clock) -> None:
    async def scenario() -> None:
        app = Small()
        app.changes_in = 10.0
        edge = edge_over(app)

        bodies = []
        for moment in (0.0, 1.0, 9.999, 10.0, 11.0, 19.999, 20.0):
            clock_of_the_layer.now = 1_000.0 + moment
            bodies.append((await ask(edge, "/posts/posts")).body)

        assert bodies == [b'{"number": %d}' % number for number in (1, 1, 1, 2, 2, 2, 3)]

    run(scenario)


def test_every_way_to_a_kept_answer_ends_then(clock_of_the_layer: Clock) -> None:
    """By address, by name, in every encoding, for HEAD."""

    async def scenario() -> None:
        app = Small()
        app.body, app.changes_in = b"%d " + b"x" * 2_000, 1_000.0
        edge = edge_over(app)
        ways: list[dict[str, Any]] = [
            {},
            {"headers": {"accept-encoding": "br"}},
            {"headers": {"accept-encoding": "gzip"}},
            {"method": "HEAD"},
            {"headers": {"x-request-id": "mine-1234567"}},
        ]
        for moment in (0.0, 999.0):
            clock_of_the_layer.now = 1_000.0 + moment
            for way in ways * 2:
                await ask(edge, "/posts/posts", **way)
        assert len(app.asked) == 1

        clock_of_the_layer.now = 2_000.0
        tags = {(await ask(edge, "/posts/posts", **way))["ETag"] for way in ways}

        assert tags == {'"tag-2"', '"tag-2-br"', '"tag-2-gzip"'}

    run(scenario)


def test_what_is_about_to_change_says_so_more_and_more_urgently(clock_of_the_layer: Clock) -> None:
    async def scenario() -> None:
        app = Small()
        app.changes_in = 1_000.0
        edge = edge_over(app)

        said = {}
        for left in (1_000, 500, 361, 359, 100, 60, 59.5, 10, 1, 0.5):
            clock_of_the_layer.now = 2_000.0 - left
            for _ in range(2):
                said[left] = (await ask(edge, "/posts/posts"))["Cache-Control"]

        assert len(app.asked) == 1
        assert {left: said[left] for left in (1_000, 500, 361)} == dict.fromkeys((1_000, 500, 361), "public")
        assert {left: said[left] for left in list(said)[3:]} == {
            left: f"public, max-age=0, s-maxage={fresh}, stale-while-revalidate={stale}"
            for left, fresh, stale in [
                (359, 60, 299), (100, 60, 40), (60, 60, 0), (59.5, 59, 0), (10, 10, 0), (1, 1, 0), (0.5, 0, 0),
            ]
        }  # fmt: skip

    run(scenario)


def test_shared_caches_never_keep_it_beyond_its_moment(clock_of_the_layer: Clock) -> None:
    async def scenario() -> None:
        app = Small()
        app.changes_in = 700.0
        edge = edge_over(app)
        await ask(edge, "/posts/posts")

        for left in range(360, 0, -7):
            clock_of_the_layer.now = 1_700.0 - left
            said = (await ask(edge, "/posts/posts"))["Cache-Control"] or ""
            numbers = [int(part.partition("=")[2]) for part in said.split(", ") if "=" in part]
            assert said == "public" or sum(numbers) <= left

        assert len(app.asked) == 1

    run(scenario)


def test_a_304_near_the_end_says_how_near(clock_of_the_layer: Clock) -> None:
    async def scenario() -> None:
        app = Small()
        app.changes_in = 30.0
        edge = edge_over(app)
        await ask(edge, "/posts/posts")

        clock_of_the_layer.now += 10.0
        got = await ask(edge, "/posts/posts", headers={"if-none-match": '"tag-1"'})

        assert (got.status, got["Cache-Control"]) == (304, "public, max-age=0, s-maxage=20, stale-while-revalidate=0")

    run(scenario)


def test_the_time_that_it_took_to_fetch_counts(clock_of_the_layer: Clock) -> None:
    """The database said how long it is true when it looked, not when the answer came."""

    async def scenario() -> None:
        app = Small()
        app.changes_in = 5.0
        edge = edge_over(app)
        app.gate.clear()
        first = asyncio.ensure_future(ask(edge, "/posts/posts"))
        for _ in range(10):
            await asyncio.sleep(0)

        clock_of_the_layer.now += 5.0
        app.gate.set()
        await first
        await ask(edge, "/posts/posts")

        assert len(app.asked) == 2

    run(scenario)


def schedule(post: BlogPost, *, in_seconds: int) -> None:
    now = clock.now()
    content = publications.Content(
        kind=post.KIND,
        entry_id=post.pk,
        revision_id=post.revision_id,
        slug=post.slug,
        fields=post.values(),
        created_at=post.created_at,
    )
    publications.go_live(content, by=None, now=now, starts_at=now + timedelta(seconds=in_seconds))


async def times_asked(clock_of_the_layer: Clock, target: str) -> list[int]:
    """How often Django has been asked: at once, just before the moment of the schedule, and at it."""
    product = Stitch()
    edge = edge_over(product)
    times = []
    for seconds in (0.0, 90.0, 10.0):
        clock_of_the_layer.now += seconds
        assert (await ask(edge, target)).status in (200, 301)
        times.append(len(product.asked))
    return times


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("target", "is_bounded"),
    [
        ("/posts", True),
        ("/posts?per_page=1", True),
        ("/posts?tag=red", True),
        ("/posts?cursor=*&per_page=1", True),
        ("/posts/before", True),  # moved: the slug may come to be somebody's
        ("/posts/changing", True),
        ("/posts/now", False),
        ("/pages", False),
        ("/pages/about", False),
        ("/settings", False),
    ],
)
def test_a_schedule_bounds_what_it_touches_and_nothing_else(
    clock_of_the_layer: Clock, target: str, is_bounded: bool
) -> None:
    writer = make_user("admin")
    make_page(slug="about", by=writer)
    make_post(slug="now", by=writer, tags=["red"])
    moved = make_post(slug="before", by=writer)
    saving.save(moved, {"slug": "after"}, published=True, as_draft=False, by=writer, now=clock.now())
    schedule(make_post(slug="changing", by=writer, tags=["red"]), in_seconds=100)

    times = async_to_sync(times_asked)(clock_of_the_layer, target)

    assert times == ([1, 1, 2] if is_bounded else [1, 1, 1])


@pytest.mark.django_db
def test_an_entry_that_is_to_appear_bounds_the_lists_which_it_will_enter(clock_of_the_layer: Clock) -> None:
    schedule(make_post(slug="later", published=False), in_seconds=100)

    assert async_to_sync(times_asked)(clock_of_the_layer, "/posts") == [1, 1, 2]
