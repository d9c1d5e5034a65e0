"""Several writers at once on PostgreSQL: exactly one winner, and nothing half done."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.http import HttpResponse

from content.models import BlogPost, Revision
from delivery.models import LiveEntry, Publication, Slug
from tests.conftest import Api
from tests.content.factory import make_post
from tests.factories import make_user, token_for

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("committed")]

AT_ONCE = 12


def at_once(*requests: Callable[[], HttpResponse]) -> list[HttpResponse]:
    """Runs the requests in threads that start together, each with its own connection."""
    start = Barrier(len(requests))

    def run(request: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            start.wait(10)
            return request()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, requests))


def statuses(responses: list[HttpResponse]) -> dict[int, int]:
    return dict(Counter(response.status_code for response in responses))


@pytest.fixture
def token() -> str:
    return token_for(make_user("admin"))


def call(method: str, path: str, body: Any = None, **options: Any) -> Callable[[], HttpResponse]:
    return lambda: Api().request(method, path, body, **options)


def test_one_of_many_gets_an_explicit_slug(token: str) -> None:
    body = {"title": "Race", "slug": "wanted", "published": True}

    responses = at_once(*[call("POST", "/posts", body, token=token)] * AT_ONCE)

    assert statuses(responses) == {201: 1, 422: AT_ONCE - 1}
    assert {one.json()["errors"][0]["code"] for one in responses if one.status_code == 422} == {"unique"}
    assert (BlogPost.objects.count(), Slug.objects.count(), LiveEntry.objects.filter(kind="post").count()) == (1, 1, 1)


def test_made_up_slugs_never_collide(token: str) -> None:
    responses = at_once(*[call("POST", "/posts", {"title": "Race"}, token=token)] * AT_ONCE)

    assert statuses(responses) == {201: AT_ONCE}
    assert len({one.json()["slug"] for one in responses}) == AT_ONCE


def test_one_of_many_renames_to_a_slug(token: str) -> None:
    posts = [make_post(title=f"Post {n}") for n in range(6)]

    responses = at_once(*[call("PATCH", f"/posts/{post.pk}", {"slug": "wanted"}, token=token) for post in posts])

    assert statuses(responses) == {200: 1, 422: 5}


def test_one_of_many_changes_the_version_it_read(token: str) -> None:
    make_post(title="Hello")
    etag = Api().get("/posts/hello", token=token)["ETag"]

    responses = at_once(
        *[
            call("PUT", "/posts/hello", {"title": f"T{n}", "excerpt": f"E{n}"}, token=token, headers={"If-Match": etag})
            for n in range(AT_ONCE)
        ]
    )

    assert statuses(responses) == {200: 1, 412: AT_ONCE - 1}
    post = BlogPost.objects.get()
    assert post.title[1:] == post.excerpt[1:]
    assert Api().get("/posts/hello").json()["title"] == post.title


def test_without_a_version_the_last_writer_wins_whole_and_every_write_is_in_the_history(token: str) -> None:
    post = make_post(title="Hello", slug="hello")

    responses = at_once(
        *[call("PUT", "/posts/hello", {"title": f"T{n}", "excerpt": f"E{n}"}, token=token) for n in range(AT_ONCE)]
    )

    assert statuses(responses) == {200: AT_ONCE}
    post.refresh_from_db()
    public = Api().get("/posts/hello").json()
    assert post.title[1:] == post.excerpt[1:] == public["title"][1:] == public["excerpt"][1:]
    assert {one.values["title"] for one in Revision.objects.filter(entry_id=post.pk)} >= {
        f"T{n}" for n in range(AT_ONCE)
    }
    periods = list(
        Publication.objects.filter(entry_id=post.pk).order_by("live_from", "pk").values_list("live_from", "live_until")
    )
    assert [end for _, end in periods].count(None) == 1
    assert all(end is not None and end <= later[0] for (_, end), later in pairwise(periods))


def test_a_deleted_post_does_not_come_back(token: str) -> None:
    for _ in range(5):
        make_post(title="Hello", slug="hello")

        responses = at_once(
            call("DELETE", "/posts/hello", token=token),
            *[call("PUT", "/posts/hello", {"title": "Back"}, token=token)] * 5,
        )

        assert set(statuses(responses)) <= {200, 204, 404}
        assert responses[0].status_code == 204
        assert BlogPost.objects.present().count() == 0
        assert LiveEntry.objects.filter(kind="post").count() == 0


def test_publishing_and_unpublishing_at_once_leaves_one_truth(token: str) -> None:
    post = make_post(title="Hello", published=False)

    for _ in range(5):
        at_once(
            *[call("PATCH", "/posts/hello", {"published": True}, token=token)] * 3,
            *[call("PATCH", "/posts/hello", {"published": False}, token=token)] * 3,
        )

        open_ones = Publication.objects.of("post", post.pk).not_over().count()
        live = LiveEntry.objects.filter(entry_id=post.pk).count()
        state = Slug.objects.get(slug="hello").state
        assert (open_ones, live, state) in [(1, 1, "live"), (0, 0, "working")]


def test_one_key_makes_one_post_however_often_it_is_sent(token: str) -> None:
    request = call("POST", "/posts", {"title": "Once"}, token=token, headers={"Idempotency-Key": "k"})

    responses = at_once(*[request] * AT_ONCE)

    assert statuses(responses) == {201: AT_ONCE}
    assert (len({one.content for one in responses}), BlogPost.objects.count()) == (1, 1)
