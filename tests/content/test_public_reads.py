"""What visitors get: only what is published now, in the documented shape, with what caches need."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from content import drafts, publishing, saving
from content.models import BlogPost, SiteSettings
from core import clock
from delivery import publications, reads
from delivery.models import LiveEntry
from delivery.slugs import SlugTaken
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def test_a_published_post_is_read_by_slug_and_by_id(api: Api) -> None:
    post = make_post(title="Hello", body="<p>Hi</p>", tags=["b", "a"], excerpt="Short")

    by_slug, by_id = api.get("/posts/hello"), api.get(f"/posts/{post.pk}")

    assert (by_slug.status_code, by_id.content) == (200, by_slug.content)
    shape = by_slug.json()
    assert list(shape) == [
        "id", "title", "slug", "excerpt", "body", "author", "featured_image_url", "tags",
        "published", "published_at", "created_at", "updated_at",
    ]  # fmt: skip
    assert (shape["id"], shape["body"], shape["tags"], shape["published"]) == (
        str(post.pk),
        "<p>Hi</p>",
        ["b", "a"],
        True,
    )
    assert all(TIME.fullmatch(shape[name]) for name in ("published_at", "created_at", "updated_at"))


def test_the_author_defaults_to_the_writers_display_name(api: Api) -> None:
    make_post(title="Hello", by=make_user("admin", display_name="The desk"))

    assert api.get("/posts/hello").json()["author"] == "The desk"


def test_a_page_has_its_own_fields(api: Api) -> None:
    make_page(title="About", meta_title="About us", meta_description="Who we are", og_image_url="/og.png")

    shape = api.get("/pages/about").json()

    assert (shape["meta_title"], shape["meta_description"], shape["og_image_url"]) == (
        "About us",
        "Who we are",
        "/og.png",
    )
    assert "created_by" not in shape and "status" not in shape


def test_settings_are_there_from_the_start(api: Api) -> None:
    response = api.get("/settings")

    assert response.status_code == 200
    assert list(response.json()) == [
        "id", "site_name", "tagline", "logo_url", "footer_text", "social_links", "created_at", "updated_at",
    ]  # fmt: skip


def test_a_list_holds_summaries_newest_first(api: Api) -> None:
    for number in (1, 2, 3):
        make_post(title=f"Post {number}", body="<p>Long</p>")

    listed = api.get("/posts?per_page=2").json()

    assert [item["title"] for item in listed["items"]] == ["Post 3", "Post 2"]
    assert "body" not in listed["items"][0]
    assert {name: listed[name] for name in ("total", "page", "per_page", "total_pages")} == {
        "total": 3, "page": 1, "per_page": 2, "total_pages": 2,
    }  # fmt: skip


def test_pages_are_listed_by_title_without_regard_to_case_and_accents(api: Api) -> None:
    for title in ("zebra", "Éclair", "apple", "Banana"):
        make_page(title=title)

    listed = api.get("/pages").json()

    assert [item["title"] for item in listed["items"]] == ["apple", "Banana", "Éclair", "zebra"]
    assert listed["per_page"] == 100


def test_link_headers_lead_through_the_pages(api: Api) -> None:
    for _ in range(3):
        make_post()

    link = api.get("/posts?per_page=1&page=2&ordering=title")["Link"]

    assert link == (
        '</api/v1/posts?ordering=title&page=1&per_page=1>; rel="first", '
        '</api/v1/posts?ordering=title&page=3&per_page=1>; rel="last", '
        '</api/v1/posts?ordering=title&page=1&per_page=1>; rel="prev", '
        '</api/v1/posts?ordering=title&page=3&per_page=1>; rel="next"'
    )


def test_a_page_past_the_last_is_empty(api: Api) -> None:
    make_post()

    listed = api.get("/posts?page=1000000000").json()

    assert (listed["items"], listed["total"]) == ([], 1)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("tag=red", ["Both", "Red only"]),
        ("author=Desk+A", ["Red only"]),
        ("q=RED", ["Red only"]),
        ("q=hidden+word", ["Both"]),
        ("tag=red&author=Desk+B", ["Both"]),
        ("ordering=title", ["Both", "Plain", "Red only"]),
        ("ordering=-title", ["Red only", "Plain", "Both"]),
        ("ordering=created_at", ["Plain", "Red only", "Both"]),
        ("tag=RED", []),
    ],
)
def test_filters_and_orderings(api: Api, query: str, titles: list[str]) -> None:
    make_post(title="Plain", author="Desk C")
    make_post(title="Red only", tags=["red"], author="Desk A")
    make_post(title="Both", tags=["blue", "red"], author="Desk B", excerpt="A hidden word")

    listed = api.get(f"/posts?{query}").json()

    assert ([item["title"] for item in listed["items"]], listed["total"]) == (titles, len(titles))


def test_fields_picks_exactly_what_is_asked(api: Api) -> None:
    make_post(title="Hello", body="<p>Hi</p>")

    one, many = api.get("/posts/hello?fields=title,body"), api.get("/posts?fields=slug")

    assert (one.json(), many.json()["items"]) == ({"title": "Hello", "body": "<p>Hi</p>"}, [{"slug": "hello"}])


@pytest.mark.parametrize(
    ("fields", "column"), [("slug", "summary"), ("title,tags", "summary"), ("slug,body", "detail")]
)
@pytest.mark.parametrize("more", ["", "&cursor=*", "&page=300"])
def test_a_list_reads_no_bodies_that_were_not_picked(api: Api, fields: str, column: str, more: str) -> None:
    make_post(title="Hello", body="<p>Hi</p>", tags=["red"])

    with CaptureQueriesContext(connection) as queries:
        listed = api.get(f"/posts?fields={fields}{more}").json()

    assert [list(item) for item in listed["items"]] in ([fields.split(",")], [])
    assert re.findall(r"\be\.(summary|detail)\b", " ".join(one["sql"] for one in queries)) == [column]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/posts?tga=red", "tga"),
        ("/posts?page=0", "page"),
        ("/posts?page=x", "page"),
        ("/posts?page=-1", "page"),
        ("/posts?page=%D9%A1", "page"),
        ("/posts?page=99999999999999999999", "page"),
        ("/posts?per_page=101", "per_page"),
        ("/posts?per_page=0", "per_page"),
        ("/posts?ordering=body", "ordering"),
        ("/posts?ordering=created_by", "ordering"),
        ("/posts?fields=title,secret", "fields"),
        ("/posts?fields=", "fields"),
        ("/posts?fields=created_by", "fields"),
        ("/posts?q=", "q"),
        ("/posts?q=" + "x" * 101, "q"),
        ("/posts?page=1&page=2", "page"),
        ("/pages?tag=red", "tag"),
        ("/posts/hello?draft=true", "draft"),
        ("/settings?page=1", "page"),
    ],
)
def test_anything_else_in_the_query_is_refused_by_name(api: Api, path: str, field: str) -> None:
    make_post(title="Hello")

    response = api.get(path)

    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_an_etag_names_the_bytes_and_gives_304(api: Api) -> None:
    post = make_post(title="Hello")

    first = api.get("/posts/hello")
    again = api.get("/posts/hello", headers={"If-None-Match": first["ETag"]})
    weak = api.get("/posts/hello", headers={"If-None-Match": f'"x", W/{first["ETag"]}'})
    other_fields = api.get("/posts/hello?fields=title", headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert (weak.status_code, other_fields.status_code) == (304, 200)
    assert first["ETag"].startswith('"')
    assert again["Surrogate-Key"] == f"post:{post.pk}"


def test_caches_are_told_what_they_need(api: Api) -> None:
    make_post(title="Hello")

    one, many = api.get("/posts/hello"), api.get("/posts")

    assert one["Cache-Control"] == "public, max-age=0, s-maxage=60, stale-while-revalidate=300"
    assert {part.strip().lower() for part in one["Vary"].split(",")} == {"authorization", "origin", "accept-encoding"}
    assert many["Surrogate-Key"] == many["Cache-Tag"] == "posts"


def test_a_shared_cache_never_keeps_an_answer_beyond_a_scheduled_change(api: Api) -> None:
    post = make_post(title="Hello")
    _schedule(post, in_seconds=20)

    for path in ("/posts/hello", "/posts"):
        control = dict(part.strip().split("=") for part in api.get(path)["Cache-Control"].split(",") if "=" in part)
        assert 15 <= int(control["s-maxage"]) <= 20
        assert int(control["stale-while-revalidate"]) == 0


def test_a_scheduled_start_is_invisible_until_its_moment(api: Api) -> None:
    post = make_post(title="Hello", body="<p>Old</p>")
    drafts.change(post, {"body": "<p>New</p>"}, by=make_user("admin"), now=clock.now())
    publication = _schedule(post, in_seconds=3600)

    before = api.get("/posts/hello").json()
    LiveEntry.objects.filter(publication=publication).update(live_from=timezone.now() - timedelta(seconds=1))
    LiveEntry.objects.exclude(publication=publication).update(live_until=timezone.now() - timedelta(seconds=1))
    after = api.get("/posts/hello").json()

    assert (before["body"], after["body"]) == ("<p>Old</p>", "<p>New</p>")
    assert api.get("/posts").json()["total"] == 1


def test_a_scheduled_rename_moves_when_its_moment_comes_and_frees_nothing_before(api: Api) -> None:
    admin = make_user("admin")
    post = make_post(title="Hello", by=admin)
    drafts.change(post, {"slug": "later"}, by=admin, now=clock.now())
    publication = _schedule(post, in_seconds=3600)

    def look() -> list[int]:
        return [api.get(f"/posts/{slug}").status_code for slug in ("hello", "later")]

    assert look() == [200, 404]
    for slug in ("hello", "later"):
        with pytest.raises(SlugTaken):
            make_post(title="Other", slug=slug, by=admin)

    LiveEntry.objects.filter(publication=publication).update(live_from=timezone.now() - timedelta(seconds=1))
    LiveEntry.objects.exclude(publication=publication).update(live_until=timezone.now() - timedelta(seconds=1))
    assert look() == [301, 200]
    assert api.get("/posts/hello")["Location"] == "/api/v1/posts/later"


def test_a_slug_that_moved_answers_301_while_its_target_is_public(api: Api) -> None:
    admin = make_user("admin")
    post = make_post(title="Hello", by=admin)
    saving.save(post, {"slug": "moved"}, by=admin, now=clock.now())

    moved = api.get("/posts/hello?fields=title")
    assert (moved.status_code, moved["Location"]) == (301, "/api/v1/posts/moved?fields=title")

    publishing.unpublish(post, by=admin, now=clock.now())
    assert api.get("/posts/hello").status_code == 404


@pytest.mark.parametrize(
    "key", ["nothing", "Hello", "hello%00", "%ff", "a" * 201, "0198c000-0000-7000-8000-000000000000"]
)
def test_what_is_not_there_is_404(api: Api, key: str) -> None:
    make_post(title="Hello")

    response = api.get(f"/posts/{key}")

    assert (response.status_code, response["Content-Type"], response.json()["code"]) == (
        404,
        "application/problem+json",
        "not_found",
    )


def test_head_answers_like_get_without_a_body(api: Api) -> None:
    make_post(title="Hello")

    get, head = api.get("/posts/hello"), api.head("/posts/hello")

    assert (head.status_code, head.content, head["ETag"], head["Content-Length"]) == (
        200, b"", get["ETag"], str(len(get.content)),
    )  # fmt: skip


def test_a_trailing_slash_answers_the_same_without_a_redirect(api: Api) -> None:
    make_post(title="Hello")

    assert api.get("/posts/hello/").content == api.get("/posts/hello").content
    assert api.get("/posts/").json()["total"] == 1


def test_an_authorised_read_is_private(api: Api) -> None:
    make_post(title="Hello")
    member = token_for(make_user("member"))

    response = api.get("/posts/hello", token=member)

    assert (response["Cache-Control"], response.json()["published"]) == ("private, no-store", True)
    assert "status" not in response.json()


def test_a_token_in_the_query_is_no_token(api: Api) -> None:
    token = token_for(make_user("admin"))

    assert [api.get(f"/posts?{name}={token}").status_code for name in ("token", "access_token")] == [401, 401]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize(
    "path",
    [
        *(
            "/posts",
            "/posts?per_page=1&page=3",
            "/posts?tag=a",
            "/posts?author=Desk",
            "/posts?tag=a&author=Desk&q=post",
        ),
        *("/posts?ordering=title&fields=body", "/posts?cursor=*", "/posts?page=900", "/pages", "/settings"),
        *("/posts/a-post", "/posts/a-post?fields=title"),
    ],
)
def test_every_public_read_takes_one_query(api: Api, number: int, path: str, django_assert_num_queries: object) -> None:
    for _ in range(number):
        make_post(tags=["a", "b"], author="Desk")

    with django_assert_num_queries(1):  # type: ignore[operator]
        response = api.get(path)

    assert response.status_code == 200


def test_the_projection_can_be_rebuilt_from_the_publications(api: Api) -> None:
    make_post(title="Hello", tags=["x"])
    make_page(title="About")
    saving.save(SiteSettings.objects.get(), {"site_name": "Renamed"}, by=make_user("admin"), now=clock.now())
    paths = ("/posts", "/posts/hello", "/pages", "/settings", "/posts?tag=x")
    before = [api.get(path).content for path in paths]

    LiveEntry.objects.update(detail="{}", summary="{}")
    from delivery import projection

    projection.rebuild()

    assert [api.get(path).content for path in paths] == before


def test_updated_at_is_the_time_of_what_is_public(api: Api) -> None:
    admin = make_user("admin")
    post = make_post(title="Hello", by=admin)
    before = api.get("/posts/hello").content

    saving.save(post, {"body": "<p>Later</p>"}, as_draft=True, by=admin, now=clock.now())

    assert api.get("/posts/hello").content == before
    assert json.loads(before)["updated_at"] == json.loads(before)["published_at"]


def _schedule(post: BlogPost, *, in_seconds: int) -> object:
    now = clock.now()
    content = publications.Content(
        kind=post.KIND,
        entry_id=post.pk,
        revision_id=post.revision_id,
        slug=post.slug,
        fields=post.values(),
        created_at=post.created_at,
    )
    assert reads.live_revision(post.KIND, post.pk)
    return publications.go_live(content, by=None, now=now, starts_at=now + timedelta(seconds=in_seconds))
