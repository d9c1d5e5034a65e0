"""What the audit trail says of content: a row for each verb, with the change, field by field."""

from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import AuditEntry, User
from content import drafts, publishing, saving
from content.models import BlogPost, Page, SiteSettings, Versioned
from core import clock, errors
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def trail() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    rows = AuditEntry.objects.filter(kind__in=("page", "post", "settings")).order_by("id")
    return [(row.action, row.changes, row.facts) for row in rows]


def names() -> list[str]:
    return [action for action, _, _ in trail()]


@pytest.mark.parametrize(("model", "kind"), [(Page, "page"), (BlogPost, "post")])
def test_each_verb_leaves_its_row(model: Any, kind: str) -> None:
    by = make_user("admin", display_name="Admin")

    entry = drafts.create(model, {"title": "Helo", "body": "<p>x</p>"}, by=by, now=clock.now())
    drafts.change(entry, {"title": "Hello"}, by=by, now=clock.now())
    publishing.publish(entry, by=by, now=clock.now())
    publishing.unpublish(entry, by=by, now=clock.now())
    drafts.delete(entry, by=by, now=clock.now())
    drafts.restore(entry, by=by, now=clock.now())

    author = {"author": [None, "Admin"]} if kind == "post" else {}
    created = {"title": [None, "Helo"], "slug": [None, "helo"], "body": [None, "<p>x</p>"], **author}
    assert trail() == [
        (f"{kind}.created", created, {"version": 1}),
        (f"{kind}.updated", {"title": ["Helo", "Hello"]}, {"version": 2}),
        (f"{kind}.published", {}, {"version": 3}),
        (f"{kind}.unpublished", {}, {"version": 4}),
        (f"{kind}.deleted", {}, {"version": 5}),
        (f"{kind}.restored", {}, {"version": 6}),
    ]
    row = AuditEntry.objects.get(action=f"{kind}.updated")
    assert (row.actor_id, row.kind, row.object_id, row.object_name) == (by.pk, kind, str(entry.pk), "Hello")


def test_the_settings_leave_theirs() -> None:
    by = make_user("admin")
    settings = SiteSettings.objects.get()

    saving.save(settings, {"site_name": "New"}, published=True, by=by, now=clock.now())

    assert (names(), trail()[0][1]["site_name"][1]) == (["settings.updated", "settings.published"], "New")


def test_deleting_what_is_public_says_that_it_was_taken_away() -> None:
    post = make_post()

    drafts.delete(post, by=make_user("admin"), now=clock.now())

    assert names() == ["post.created", "post.published", "post.unpublished", "post.deleted"]


def test_restoring_under_another_slug_says_which() -> None:
    post, by = make_post(slug="wanted", published=False), make_user("admin")
    drafts.delete(post, by=by, now=clock.now())
    make_post(slug="wanted")

    drafts.restore(post, by=by, now=clock.now())

    assert trail()[-1][:2] == ("post.restored", {"slug": ["wanted", "wanted-2"]})


def test_saving_what_is_the_same_leaves_no_row() -> None:
    page = make_page(published=False)

    drafts.change(page, {"title": page.title}, by=make_user("admin"), now=clock.now())

    assert names() == ["page.created"]


def test_a_long_body_is_cut_to_what_is_different() -> None:
    same = "<p>" + "word " * 20_000 + "</p>"
    page = make_page(published=False, body=same)

    drafts.change(page, {"body": same + "<p>end</p>"}, by=make_user("admin"), now=clock.now())

    before, after = trail()[-1][1]["body"]
    assert (len(before) < 250, len(after) < 250, "<p>end</p>" in after, "<p>end</p>" in before) == (
        True,
        True,
        True,
        False,
    )


def refused(api: Api, thing: Versioned, by: User) -> list[HttpResponse]:
    token, path = token_for(by), f"/posts/{thing.pk}"
    return [
        api.patch(path, {"title": "x", "published": True}, token=token),
        api.patch(path, {"title": ""}, token=token),
        api.patch(path, {"title": "x"}, token=token, headers={"If-Match": '"old"'}),
        api.delete(f"/posts/{make_post(by=make_user('admin'), published=False).pk}", token=token),
    ]


def test_what_is_refused_leaves_no_row(api: Api) -> None:
    author = make_user("author")
    post = make_post(by=author, published=False)

    answers = refused(api, post, author)

    assert [one.status_code for one in answers] == [403, 422, 412, 403]
    assert names() == ["post.created", "post.created"]


def test_a_save_that_fails_at_its_end_leaves_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise errors.Conflict()

    monkeypatch.setattr("delivery.publications.go_live", refuse)

    with pytest.raises(errors.Conflict):
        make_post(title="x")

    assert (names(), BlogPost.objects.count()) == ([], 0)


def test_reading_leaves_no_row(api: Api) -> None:
    post = make_post()
    token = token_for(make_user("admin"))
    before = AuditEntry.objects.count()

    for path in ("/posts", f"/posts/{post.slug}", "/posts?status=all", "/settings"):
        api.get(path, token=token)

    assert AuditEntry.objects.count() == before


def test_a_row_for_the_trail_is_one_query(django_assert_num_queries: Any) -> None:
    page, by, now = make_page(published=False), make_user("admin"), clock.now()
    by.has_perm("content.change_page")

    with django_assert_num_queries(5):  # savepoint, the page, its revision, the row, savepoint
        drafts.change(page, {"title": "New"}, by=by, now=now)
