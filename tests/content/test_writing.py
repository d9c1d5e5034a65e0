"""Creating, changing, publishing and deleting over REST, by everybody who might try."""

from typing import Any

import pytest

from content import drafts, publishing, rights, saving
from content.models import Action, BlogPost, Revision, SiteSettings
from core import clock
from delivery.models import LiveEntry, Publication
from tests.conftest import Api
from tests.content.factory import counts, make_page, make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def test_a_post_is_created_as_a_draft_with_location_and_etag(api: Api) -> None:
    author = make_user("author", display_name="The desk")

    response = api.post("/posts", {"title": "Hello world", "body": "<p>Hi</p>"}, token=token_for(author))

    shape = response.json()
    assert (response.status_code, response["Location"]) == (201, "/api/v1/posts/hello-world")
    assert (shape["status"], shape["published"], shape["published_at"]) == ("draft", False, None)
    assert (shape["created_by"], shape["updated_by"], shape["author"]) == (str(author.pk), str(author.pk), "The desk")
    assert (shape["has_unpublished_changes"], shape["sanitised"]) == (True, [])
    assert response["ETag"] == f'"{shape["id"]}-1"'
    assert api.get(response["Location"].removeprefix("/api/v1")).status_code == 404
    assert api.get(response["Location"].removeprefix("/api/v1"), token=token_for(author)).json()["id"] == shape["id"]


def test_a_publisher_publishes_at_once_and_readers_see_it(api: Api, admin: str) -> None:
    created = api.post("/posts", {"title": "Hello", "published": True, "tags": ["a"]}, token=admin).json()

    assert (created["status"], created["published"], created["has_unpublished_changes"]) == ("published", True, False)
    assert api.get("/posts").json()["items"][0]["id"] == created["id"]
    assert api.get("/posts?tag=a").json()["total"] == 1


@pytest.mark.parametrize("published", [True, False, None])
@pytest.mark.parametrize(
    ("path", "more"), [("/posts", {"tags": ["b", "a"], "excerpt": " x "}), ("/pages", {"meta_title": "M"})]
)
def test_what_creating_answers_is_what_is_there(
    api: Api, admin: str, path: str, more: dict[str, Any], published: bool | None
) -> None:
    body = {"title": " Hello ", "body": "<p onclick=x>Ä</p>", **more} | (
        {} if published is None else {"published": published}
    )

    response = api.post(path, body, token=admin)

    created = response.json()
    there = api.get(f"{path}/{created['id']}", token=admin)
    assert {name: created[name] for name in there.json()} == there.json()
    assert response["ETag"] == there["ETag"]


@pytest.mark.parametrize("path", ["/posts", "/pages"])
@pytest.mark.parametrize(
    ("role", "body", "expected"),
    [
        (None, {"title": "x"}, (401, "not_authenticated")),
        ("member", {"title": "x"}, (403, "permission_denied")),
        ("author", {"title": "x", "published": True}, (403, "may_not_publish")),
        ("author", {"title": "x", "published": False}, (201, None)),
        ("approver", {"title": "x", "published": True}, (201, None)),
    ],
)
def test_who_may_create(
    api: Api, path: str, role: str | None, body: dict[str, Any], expected: tuple[int, str | None]
) -> None:
    before = counts()

    response = api.post(path, body, token=token_for(make_user(role)) if role else None)

    assert (response.status_code, response.json().get("code")) == expected
    if expected[0] != 201:
        assert counts() == before


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
@pytest.mark.parametrize(
    ("role", "published", "expected"),
    [
        (None, True, (401, "not_authenticated")),
        ("member", True, (403, "permission_denied")),
        ("member", False, (404, "not_found")),
        ("author", True, (403, "not_yours")),
        ("author", False, (403, "not_yours")),
    ],
)
def test_who_may_not_touch_somebody_elses_post(
    api: Api, method: str, role: str | None, published: bool, expected: tuple[int, str]
) -> None:
    make_post(title="Hello", published=published)
    before = BlogPost.objects.values().get()

    body = None if method == "delete" else {"title": "Taken over"}
    response = api.request(method.upper(), "/posts/hello", body, token=token_for(make_user(role)) if role else None)

    assert (response.status_code, response.json()["code"]) == expected
    assert BlogPost.objects.values().get() == before


def test_put_replaces_and_keeps_slug_and_published(api: Api, admin: str) -> None:
    make_post(title="Hello", slug="kept", excerpt="Old", tags=["old"])

    shape = api.put("/posts/kept", {"title": "New"}, token=admin).json()

    assert (shape["title"], shape["slug"], shape["excerpt"], shape["tags"], shape["published"]) == (
        "New", "kept", "", [], True,
    )  # fmt: skip
    assert api.get("/posts/kept").json()["title"] == "New"


def test_patch_changes_only_what_it_names(api: Api, admin: str) -> None:
    make_post(title="Hello", excerpt="Kept", tags=["kept"])

    shape = api.patch("/posts/hello", {"title": "New"}, token=admin).json()

    assert (shape["title"], shape["excerpt"], shape["tags"]) == ("New", "Kept", ["kept"])


def test_what_was_read_can_be_changed_and_sent_back_whole(api: Api, admin: str) -> None:
    make_post(title="Hello", body="<p>Old</p>", tags=["x"])
    shape = api.get("/posts/hello", token=admin).json()

    answer = api.put("/posts/hello", shape | {"body": "<p>New</p>"}, token=admin)
    again = api.put("/posts/hello", answer.json(), token=admin)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert again["ETag"] == answer["ETag"]
    assert api.get("/posts/hello").json()["body"] == "<p>New</p>"


def test_a_write_that_changes_nothing_leaves_no_trace(api: Api, admin: str) -> None:
    make_post(title="Hello")
    before = counts(), api.get("/posts/hello").content

    response = api.patch("/posts/hello", {"title": "Hello", "published": True}, token=admin)

    assert response.status_code == 200
    assert (counts(), api.get("/posts/hello").content) == before


def test_a_draft_save_changes_nothing_for_readers_until_it_is_published(api: Api, admin: str) -> None:
    make_post(title="Hello", body="<p>Old</p>")
    public = api.get("/posts/hello").content

    saved = api.patch("/posts/hello?draft=true", {"body": "<p>New</p>"}, token=admin).json()
    assert (saved["status"], saved["has_unpublished_changes"]) == ("published", True)
    assert api.get("/posts/hello").content == public

    by_itself = api.patch("/posts/hello", {"published": True}, token=admin).json()
    assert (by_itself["has_unpublished_changes"], api.get("/posts/hello").content) == (True, public)

    api.patch("/posts/hello", {"body": "<p>New</p>"}, token=admin)
    assert api.get("/posts/hello").json()["body"] == "<p>New</p>"


def test_an_authors_change_to_something_public_waits_in_the_working_copy(api: Api, admin: str) -> None:
    author = make_user("author")
    token = token_for(author)
    api.post("/posts", {"title": "Hello", "body": "<p>Old</p>"}, token=token)
    api.patch("/posts/hello", {"published": True}, token=admin)

    response = api.put("/posts/hello", {"title": "Hello", "body": "<p>New</p>", "published": True}, token=token)

    assert (response.status_code, response.json()["has_unpublished_changes"]) == (200, True)
    assert api.get("/posts/hello").json()["body"] == "<p>Old</p>"
    for change in ({"published": False}, {"published": False, "title": "x"}):
        refused = api.patch("/posts/hello", change, token=token)
        assert (refused.status_code, refused.json()["code"]) == (403, "may_not_publish")
    assert api.delete("/posts/hello", token=token).status_code == 403
    assert api.get("/posts/hello").json()["title"] == "Hello"


def test_unpublishing_hides_it_at_once_and_keeps_the_rest_of_the_body(api: Api, admin: str) -> None:
    make_post(title="Hello")

    shape = api.patch("/posts/hello", {"published": False, "excerpt": "Changed"}, token=admin).json()

    assert (shape["status"], shape["published"], shape["excerpt"]) == ("draft", False, "Changed")
    assert (api.get("/posts/hello").status_code, api.get("/posts").json()["total"]) == (404, 0)


def test_published_at_is_the_first_time_it_went_live(api: Api, admin: str) -> None:
    first = api.post("/posts", {"title": "Hello", "published": True}, token=admin).json()
    api.patch("/posts/hello", {"published": False}, token=admin)

    again = api.patch("/posts/hello", {"published": True}, token=admin).json()

    assert (again["published_at"], api.get("/posts/hello").json()["published_at"]) == (first["published_at"],) * 2


@pytest.mark.parametrize("value", [True, False])
def test_draft_beside_a_changed_published_is_refused(api: Api, admin: str, value: bool) -> None:
    make_post(title="Hello", published=not value)

    response = api.patch("/posts/hello?draft=true", {"published": value, "title": "New"}, token=admin)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "published")
    assert BlogPost.objects.get().title == "Hello"


def test_deleting_moves_to_the_bin_and_frees_the_slug(api: Api, admin: str) -> None:
    post = make_post(title="Hello", tags=["x"])

    response = api.delete("/posts/hello", token=admin)

    assert (response.status_code, response.content) == (204, b"")
    assert [api.get(path, token=admin).status_code for path in ("/posts/hello", f"/posts/{post.pk}")] == [404, 404]
    assert api.get("/posts?tag=x").json()["total"] == 0
    assert api.get("/posts?status=all", token=admin).json()["total"] == 0
    assert api.post("/posts", {"title": "Other", "slug": "hello"}, token=admin).status_code == 201
    assert [one.action for one in Revision.objects.filter(entry_id=post.pk)] == [Action.DELETED, Action.CREATED]
    assert api.delete("/posts/" + str(post.pk), token=admin).status_code == 404


def test_a_restored_entry_whose_slug_was_taken_gets_a_suffix(admin: str) -> None:
    user = make_user("admin")
    post = make_post(title="Hello", by=user)
    drafts.delete(post, by=user, now=clock.now())
    make_post(title="Hello", by=user)

    restored = drafts.restore(BlogPost.objects.get(pk=post.pk), by=user, now=clock.now())

    assert (restored.slug, restored.deleted_at, restored.state) == ("hello-2", None, "draft")


def test_an_author_deletes_an_own_draft_but_not_what_is_public(api: Api, admin: str) -> None:
    author = token_for(make_user("author"))
    for title in ("One", "Two"):
        api.post("/posts", {"title": title}, token=author)
    api.patch("/posts/two", {"published": True}, token=admin)

    assert api.delete("/posts/one", token=author).status_code == 204
    refused = api.delete("/posts/two", token=author)
    assert (refused.status_code, refused.json()["code"]) == (403, "may_not_publish")
    assert api.get("/posts/two").status_code == 200


def test_settings_are_changed_and_public_at_once(api: Api, admin: str) -> None:
    body = {
        "site_name": "Stitch",
        "footer_text": "<p>Bye<script>x</script></p>",
        "social_links": {"Chat": "https://example.com/c"},
    }

    answer = api.put("/settings", body, token=admin).json()

    public = api.get("/settings").json()
    assert (public["site_name"], public["footer_text"], public["social_links"]) == (
        "Stitch", "<p>Bye</p>", {"Chat": "https://example.com/c"},
    )  # fmt: skip
    assert answer["sanitised"] == [{"field": "footer_text", "removed": ["<script>"]}]
    assert (
        api.patch("/settings?draft=true", {"tagline": "Later"}, token=admin).json()["has_unpublished_changes"] is True
    )
    assert api.get("/settings").json()["tagline"] == ""


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("member", 403), ("author", 403), ("approver", 403)])
def test_who_may_not_change_the_settings(api: Api, role: str | None, status: int) -> None:
    before = SiteSettings.objects.values().get()

    responses = [
        api.request(method, "/settings", {"site_name": "x"}, token=token_for(make_user(role)) if role else None)
        for method in ("PUT", "PATCH")
    ]

    assert [response.status_code for response in responses] == [status, status]
    assert SiteSettings.objects.values().get() == before


def test_read_only_fields_are_accepted_and_ignored(api: Api, admin: str) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    body = {"title": "Hello", "id": nobody, "created_by": nobody, "status": "published", "created_at": "1999-01-01"}

    shape = api.post("/posts", body, token=admin).json()

    assert (shape["status"], shape["published"]) == ("draft", False)
    assert nobody not in (shape["id"], shape["created_by"]) and not shape["created_at"].startswith("1999")


def test_what_the_sanitiser_removed_is_not_stored_and_is_reported(api: Api, admin: str) -> None:
    body = '<p onclick="x()">Hi <script>alert(1)</script><a href="javascript:x">there</a></p>'

    shape = api.post("/posts", {"title": "Hello", "body": body, "published": True}, token=admin).json()

    assert shape["body"] == api.get("/posts/hello").json()["body"]
    assert not any(word in shape["body"] for word in ("script", "onclick", "javascript", "alert"))
    (report,) = shape["sanitised"]
    assert (report["field"], len(report["removed"])) == ("body", 3)
    assert "script" not in Revision.objects.get(entry_id=shape["id"]).values["body"]


def test_every_save_appends_a_revision_with_who_and_when(api: Api) -> None:
    author = make_user("author")
    token = token_for(author)
    created = api.post("/posts", {"title": "One"}, token=token).json()
    api.patch("/posts/one", {"title": "Two"}, token=token)

    rows = Revision.objects.filter(entry_id=created["id"]).order_by("version")

    assert [(one.version, one.action, one.values["title"], one.created_by) for one in rows] == [
        (1, "created", "One", author),
        (2, "updated", "Two", author),
    ]


def test_pages_and_posts_may_share_a_slug(api: Api, admin: str) -> None:
    responses = [
        api.post(path, {"title": "x", "slug": "same", "published": True}, token=admin) for path in ("/pages", "/posts")
    ]

    assert [response.status_code for response in responses] == [201, 201]


def test_a_page_is_written_like_a_post(api: Api, admin: str) -> None:
    make_page(title="About")

    shape = api.put("/pages/about", {"title": "About us", "meta_title": "x" * 100}, token=admin).json()

    assert (shape["title"], len(shape["meta_title"]), shape["slug"]) == ("About us", 100, "about")
    assert [(one["field"], one["code"]) for one in shape["warnings"]] == [("meta_title", "long_meta_title")]
    assert api.patch("/pages/about", {"meta_title": "x" * 70}, token=admin).json()["warnings"] == []
    refused = api.patch("/pages/about", {"excerpt": "x"}, token=admin)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "excerpt")


def test_the_missing_right_is_told_before_what_is_wrong_with_the_content(api: Api) -> None:
    make_post(title="Taken")
    author = token_for(make_user("author"))
    api.post("/posts", {"title": "Mine"}, token=author)
    body = {"title": "Other", "slug": "taken", "published": True}

    responses = api.post("/posts", body, token=author), api.patch("/posts/mine", body, token=author)

    assert [one.json()["code"] for one in responses] == ["may_not_publish"] * 2


def test_the_verbs_check_the_right_themselves() -> None:
    author = make_user("author")
    post = make_post(published=False, by=author)
    public = make_post()

    for verb in (publishing.publish, publishing.unpublish):
        with pytest.raises(rights.MayNotPublish):
            verb(public if verb is publishing.unpublish else post, by=author, now=clock.now())
    for refused in (
        lambda: drafts.change(public, {"title": "x"}, by=author, now=clock.now()),
        lambda: drafts.delete(public, by=author, now=clock.now()),
        lambda: saving.save(public, {"title": "x"}, by=author, now=clock.now()),
    ):
        with pytest.raises(rights.NotYours):
            refused()
    assert (Publication.objects.not_over().filter(kind="post").count(), BlogPost.objects.filter(title="x").count()) == (
        1,
        0,
    )


def test_a_private_change_through_the_verb_stays_private() -> None:
    user = make_user("admin")
    page = make_page(title="About", by=user)

    saving.save(page, {"title": "Later"}, as_draft=True, by=user, now=clock.now())

    assert (LiveEntry.objects.get(kind="page").revision_id == page.revision_id, page.title) == (False, "Later")
