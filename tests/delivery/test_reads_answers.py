"""Public answers in one spelling, and what the layer in front is told of them."""

from typing import Any

import pytest
from django.test import AsyncRequestFactory

from content import saving
from core import clock
from delivery.api import answers
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db


class Keep:
    """Stands where the edge stands: it is told what may be kept."""

    def __init__(self) -> None:
        self.told: list[tuple[list[str], float | None]] = []

    def mark(self, keys: list[str], changes_in: float | None) -> None:
        self.told.append((keys, changes_in))


def request_with(keep: Any, path: str) -> Any:
    request = AsyncRequestFactory().get(path)
    request.scope["stitch.keep"] = keep
    return request


def test_the_order_and_the_spelling_of_parameters_change_nothing(api: Api) -> None:
    for _ in range(3):
        make_post(tags=["a b"], author="Zoë")
    spellings = (
        "/posts?tag=a+b&author=Zo%C3%AB&per_page=1",
        "/posts?per_page=1&author=Zo%c3%ab&tag=a%20b",
        "/posts/?%74ag=a%20b&per_page=1&author=Zo%C3%AB",
    )

    found = [(one.content, one["Link"], one["ETag"]) for one in map(api.get, spellings)]

    assert len(set(found)) == 1
    assert '</api/v1/posts?author=Zo%C3%AB&page=2&per_page=1&tag=a+b>; rel="next"' in found[0][1]


def test_a_redirect_says_its_parameters_in_one_spelling(api: Api) -> None:
    admin = make_user("admin")
    post = make_post(title="Hello", by=admin)
    saving.save(post, {"slug": "moved"}, by=admin, now=clock.now())

    found = {api.get(f"/posts/hello{rest}")["Location"] for rest in ("?fields=title,slug", "/?f%69elds=title%2Cslug")}

    assert found == {"/api/v1/posts/moved?fields=title%2Cslug"}


def test_the_layer_in_front_is_told_the_keys_of_every_public_answer() -> None:
    admin, keep = make_user("admin"), Keep()
    post, page = make_post(title="Hello", by=admin), make_page(title="About", by=admin)
    saving.save(post, {"slug": "moved"}, by=admin, now=clock.now())

    answers.read_one(request_with(keep, "/api/v1/posts/moved"), "post", "moved")
    answers.read_one(request_with(keep, "/api/v1/pages/about"), "page", "about")
    moved = answers.read_one(request_with(keep, "/api/v1/posts/hello"), "post", "hello")
    answers.read_list(request_with(keep, "/api/v1/posts"), "post")
    answers.read_settings(request_with(keep, "/api/v1/settings"))

    keys = [[f"post:{post.pk}"], [f"page:{page.pk}"], ["posts"], ["posts"], ["settings"]]
    assert keep.told == [(one, None) for one in keys]
    assert (moved.status_code, moved["Surrogate-Key"]) == (301, "posts")


@pytest.mark.parametrize(
    ("changes_in", "shared", "stale"), [(None, 60, 300), (1000.0, 60, 300), (70.9, 60, 10), (20.9, 20, 0), (0.0, 0, 0)]
)
def test_shared_caches_are_given_no_more_time_than_there_is(changes_in: float | None, shared: int, stale: int) -> None:
    control = answers.cache_control(changes_in)

    assert control == f"public, max-age=0, s-maxage={shared}, stale-while-revalidate={stale}"
