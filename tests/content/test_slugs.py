"""One table of slugs: who has one, where it moved, and that no draft shows through it."""

import pytest

from content import publishing, saving
from content.models import BlogPost
from core import clock, slugs
from delivery.models import Slug
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Hello, World!", "hello-world"),
        ("Größe & Maß – über Öl", "groesse-and-mass-ueber-oel"),
        ("Crème brûlée à l’œuf", "creme-brulee-a-loeuf"),
        ("Привет мир", "privet-mir"),
        ("Ελληνικά", "ellinika"),
        ("你好", "post"),
        ("🎉", "post"),
        ("---", "post"),
        ("x" * 250, "x" * 200),
        ("Łódź İstanbul", "lodz-istanbul"),
    ],
)
def test_a_title_is_transliterated_and_never_empty(title: str, slug: str) -> None:
    made = slugs.from_title(title, fallback="post")

    assert made == slug and slugs.is_valid(made)


def test_made_up_slugs_are_made_unique(api: Api, admin: str) -> None:
    made = [api.post("/posts", {"title": "Hello"}, token=admin).json()["slug"] for _ in range(8)]

    assert made[:5] == ["hello", "hello-2", "hello-3", "hello-4", "hello-5"]
    assert len(set(made)) == 8 and all(slugs.is_valid(slug) for slug in made)


def test_an_explicit_slug_that_is_taken_is_refused(api: Api, admin: str) -> None:
    make_post(title="Hello", published=False)
    make_post(title="Other")

    responses = [
        api.post("/posts", {"title": "x", "slug": "hello"}, token=admin),
        api.patch("/posts/other", {"slug": "hello", "title": "Changed"}, token=admin),
    ]

    for response in responses:
        assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "unique")
    assert api.get("/posts/other").json()["title"] == "Other"


def test_a_live_slug_stays_taken_when_its_working_copy_is_renamed(api: Api, admin: str) -> None:
    make_post(title="Hello")
    api.patch("/posts/hello?draft=true", {"slug": "renamed"}, token=admin)

    taken = api.post("/posts", {"title": "x", "slug": "hello"}, token=admin)
    taken_too = api.post("/posts", {"title": "x", "slug": "renamed"}, token=admin)

    assert (taken.status_code, taken_too.status_code) == (422, 422)
    assert (api.get("/posts/hello").status_code, api.get("/posts/renamed").status_code) == (200, 404)
    assert [api.get(f"/posts/{key}", token=admin).json()["slug"] for key in ("hello", "renamed")] == ["renamed"] * 2


def test_an_old_slug_redirects_until_another_entry_is_public_there(api: Api, admin: str) -> None:
    make_post(title="Hello")
    api.patch("/posts/hello", {"slug": "new"}, token=admin)
    assert api.get("/posts/hello")["Location"] == "/api/v1/posts/new"

    api.post("/posts", {"title": "Draft", "slug": "hello"}, token=admin)
    assert api.get("/posts/hello").status_code == 301, "a draft that took the slug must not show"

    api.patch("/posts/hello", {"published": True}, token=admin)
    assert api.get("/posts/hello").json()["title"] == "Draft"


def test_an_old_slug_that_a_draft_gives_up_redirects_again(api: Api, admin: str) -> None:
    make_post(title="Hello")
    api.patch("/posts/hello", {"slug": "new"}, token=admin)
    api.post("/posts", {"title": "Draft", "slug": "hello"}, token=admin)

    api.patch("/posts/hello", {"slug": "elsewhere"}, token=admin)

    assert api.get("/posts/hello")["Location"] == "/api/v1/posts/new"
    assert Slug.objects.get(slug="hello").state == "old"


def test_a_chain_of_renames_leads_to_the_present_slug_in_one_step(api: Api, admin: str) -> None:
    make_post(title="Hello")
    for old, new in (("hello", "second"), ("second", "third")):
        api.patch(f"/posts/{old}", {"slug": new}, token=admin)

    assert [api.get(f"/posts/{old}")["Location"] for old in ("hello", "second")] == ["/api/v1/posts/third"] * 2
    api.patch("/posts/third", {"slug": "hello"}, token=admin)
    assert api.get("/posts/hello").status_code == 200
    assert api.get("/posts/third")["Location"] == "/api/v1/posts/hello"


def test_made_up_slugs_leave_redirects_alone(api: Api, admin: str) -> None:
    make_post(title="Hello")
    api.patch("/posts/hello", {"slug": "new"}, token=admin)

    assert api.post("/posts", {"title": "Hello"}, token=admin).json()["slug"] == "hello-2"


def test_unpublished_drafts_leave_no_redirect(api: Api, admin: str) -> None:
    api.post("/posts", {"title": "Hello"}, token=admin)
    api.patch("/posts/hello", {"slug": "renamed"}, token=admin)

    assert [api.get(f"/posts/{key}").status_code for key in ("hello", "renamed")] == [404, 404]
    assert api.get("/posts/hello", token=admin).status_code == 404
    assert list(Slug.objects.values_list("slug", "state")) == [("renamed", "working")]


def test_a_renamed_and_unpublished_entry_redirects_again_when_it_returns() -> None:
    user = make_user("admin")
    post = make_post(title="Hello", by=user)
    saving.save(post, {"slug": "new"}, as_draft=True, by=user, now=clock.now())
    publishing.unpublish(post, by=user, now=clock.now())

    assert dict(Slug.objects.values_list("slug", "state")) == {"hello": "old", "new": "working"}
    publishing.publish(post, by=user, now=clock.now())
    assert dict(Slug.objects.values_list("slug", "state")) == {"hello": "old", "new": "live"}


@pytest.mark.parametrize(("path", "fallback"), [("/posts", "post"), ("/pages", "page")])
def test_a_slug_never_looks_like_an_id(api: Api, admin: str, path: str, fallback: str) -> None:
    like_an_id = str(make_post(title="Real").pk)

    explicit = api.post(path, {"title": "Fake", "slug": like_an_id}, token=admin)
    made_up = api.post(path, {"title": like_an_id.upper()}, token=admin)

    assert (explicit.status_code, explicit.json()["errors"][0]["code"]) == (422, "invalid_slug")
    assert made_up.json()["slug"] == f"{fallback}-{like_an_id}"


def test_the_slug_table_is_per_kind(api: Api, admin: str) -> None:
    make_post(title="Same")
    make_page(title="Same")
    api.patch("/posts/same", {"slug": "moved"}, token=admin)

    assert (api.get("/pages/same").status_code, api.get("/posts/same").status_code) == (200, 301)
    assert BlogPost.objects.get().slug == "moved"
