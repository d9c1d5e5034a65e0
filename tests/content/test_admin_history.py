"""The history of an entry, bringing a version back, the bin, and how differences are told."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content import drafts
from content.admin.comparing import MAX_PIECES, Piece, differences
from content.models import BlogPost, Revision, SiteSettings
from core import clock
from tests.content.desk import Desk, address, fresh, said, text
from tests.content.factory import make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return Desk(make_user("admin", display_name="Editor"))


def chapters(desk: Desk, post: Any, **query: Any) -> list[Any]:
    return list(desk.get(f"{post._meta.model_name}_history", post.pk, **query).context["chapters"])


def revision(post: Any, number: int) -> Revision:
    return Revision.objects.get(entry_id=post.pk, version=number)


def bring_back(desk: Desk, post: Any, number: int, seen: str | None = None) -> Any:
    present = type(post).objects.get(pk=post.pk).version
    sent = {"version": present if seen is None else seen}
    return desk.post(f"{post._meta.model_name}_bring_back", post.pk, revision(post, number).pk, **sent)


def test_the_history_tells_who_changed_what_and_when_it_was_public(desk: Desk) -> None:
    post = make_post(by=desk.user, title="One", body="<p>same</p><p>old</p>")
    desk.save(post, title="Two", body="<p>same</p><p>new</p>")

    newest, first = chapters(desk, post)

    assert [(chapter.revision.action, str(chapter.revision.created_by)) for chapter in (newest, first)] == [
        ("updated", "Editor"),
        ("created", "Editor"),
    ]
    assert {one.field: [(piece.mark, piece.text) for piece in one.pieces] for one in newest.differences} == {
        "title": [("-", "One"), ("+", "Two")],
        "body": [(" ", "<p>same</p>"), ("-", "<p>old</p>"), ("+", "<p>new</p>")],
    }
    assert (newest.is_present, newest.is_live, first.is_present, first.is_live) == (True, False, False, True)
    assert [(stretch.published_by, stretch.publication.live_until) for stretch in first.stretches] == [("Editor", None)]


def test_the_page_shows_it_in_words(desk: Desk) -> None:
    post = make_post(by=desk.user, title="One")
    desk.save(post, "_publish", title="<b>Two</b>")

    page = desk.get("blogpost_history", post.pk).content.decode()

    assert "<del>One</del>" in page and "<ins>&lt;b&gt;Two&lt;/b&gt;</ins>" in page
    assert "(ended by Editor)" in text(page) and "Public now" in text(page)


def test_a_long_history_has_pages_and_costs_the_same_for_each(desk: Desk) -> None:
    post = make_post(by=desk.user, title="Title 1", published=False)
    for number in range(2, 13):
        desk.save(post, title=f"Title {number}")

    first, second = chapters(desk, post), chapters(desk, post, p="2")
    with CaptureQueriesContext(connection) as queries:
        chapters(desk, post)

    assert ([c.revision.version for c in first], [c.revision.version for c in second]) == (
        list(range(12, 2, -1)),
        [2, 1],
    )
    assert [piece.text for piece in first[-1].differences[0].pieces] == ["Title 2", "Title 3"]
    assert len(queries) == 8


def test_a_version_comes_back_as_a_draft(desk: Desk, api: Any) -> None:
    post = make_post(by=desk.user, title="One", tags=["a"], slug="one")
    desk.save(post, "_publish", title="Two", tags="b", slug="two")

    response = bring_back(desk, post, 1)

    row = fresh(post)
    assert (row.title, row.tags, row.slug) == ("One", ["a"], "one")
    assert said(response) == ["It is back as a draft. Visitors see it once you publish it."]
    assert api.get(f"/posts/{post.pk}").json()["title"] == "Two"


def test_a_version_whose_slug_was_taken_comes_back_under_the_present_one(desk: Desk) -> None:
    post = make_post(by=desk.user, title="One", slug="one", published=False)
    desk.save(post, title="Two", slug="two")
    make_post(slug="one")

    response = bring_back(desk, post, 1)

    assert (fresh(post).title, fresh(post).slug) == ("One", "two")
    assert said(response)[1] == "Its old slug belongs to another entry now, so it keeps its present one."


@pytest.mark.parametrize("seen", ["", "1", "99", "x", "²"])
def test_bringing_back_names_the_version_it_changes(desk: Desk, seen: str) -> None:
    post = make_post(by=desk.user, title="One", published=False)
    desk.save(post, title="Two")

    response = bring_back(desk, post, 1, seen=seen)

    assert said(response) == ["Editor updated this in the meantime. Please look again."]
    assert fresh(post).title == "Two"


def test_only_this_entrys_revisions_come_back_and_only_by_post(desk: Desk) -> None:
    post, other = make_post(title="One"), make_post(title="Other")
    foreign = address("blogpost_bring_back", post.pk, revision(other, 1).pk)
    unknown = address("blogpost_bring_back", post.pk, uuid.uuid4())
    own = address("blogpost_bring_back", post.pk, revision(post, 1).pk)

    codes = [desk.client.post(path, {"version": post.version}).status_code for path in (foreign, unknown)]

    assert (codes, desk.client.get(own).status_code) == ([404, 404], 405)
    assert fresh(post).title == "One"


def test_what_is_no_longer_allowed_is_refused_in_a_sentence(desk: Desk) -> None:
    post = make_post(title="One", published=False)
    desk.save(post, title="Two")
    Revision.objects.filter(entry_id=post.pk, version=1).update(values={"title": "x" * 300, "gone": 1})

    response = bring_back(desk, post, 1)

    assert said(response) == ["Ensure this value has at most 200 characters (it has 300)."]
    assert fresh(post).title == "Two"


def test_site_settings_have_a_history_too(desk: Desk) -> None:
    row = SiteSettings.objects.with_publication().get()
    desk.save(row, site_name="Garden")
    row.refresh_from_db()

    bring_back(desk, row, 1)

    row.refresh_from_db()
    assert (row.site_name, len(chapters(desk, row))) == ("My site", 3)


# --- the bin ---


def test_deleting_asks_first_then_moves_into_the_bin(desk: Desk, api: Any) -> None:
    post = make_post(title="One")

    question = desk.get("blogpost_delete", post.pk)
    still_there = api.get(f"/posts/{post.pk}").status_code
    response = desk.post("blogpost_delete", post.pk, post="yes", version=post.version)

    assert "Visitors will not find it any more." in text(question.content.decode())
    assert (still_there, api.get(f"/posts/{post.pk}").status_code) == (200, 404)
    assert fresh(post).deleted_at is not None
    assert said(response) == ["“One” lies in the bin now. It can be restored from there."]


def test_deleting_names_the_version_it_deletes(desk: Desk) -> None:
    post = make_post(title="One")
    seen = post.version
    desk.save(post, title="Two")

    response = desk.post("blogpost_delete", post.pk, post="yes", version=seen)

    assert said(response)[-1] == "Not deleted: Somebody else has saved this while you were writing."
    assert fresh(post).deleted_at is None


def test_what_lies_in_the_bin_is_looked_at_and_restored(desk: Desk) -> None:
    post = make_post(title="One")
    row = BlogPost.objects.get(pk=post.pk)
    drafts.delete(row, by=desk.user, now=clock.now())

    page = desk.get("blogpost_change", post.pk)
    response = desk.post("blogpost_restore", post.pk)

    buttons = text(page.content.decode())
    assert "Restore from the bin" in buttons and "Save draft" not in buttons
    assert (fresh(post).deleted_at, fresh(post).computed_status) == (None, "draft")
    assert said(response) == ["Restored from the bin, as a draft."]


def test_restoring_what_is_not_in_the_bin_or_is_not_at_all(desk: Desk) -> None:
    post = make_post()

    answers = [desk.post("blogpost_restore", post.pk), desk.post("blogpost_restore", uuid.uuid4())]

    assert [said(answers[0])[-1], answers[1].status_code] == ["It is not in the bin.", 302]


# --- differences ---


def test_only_fields_that_differ_are_listed() -> None:
    before = {"title": "a", "tags": ["x"], "links": {"a": "/a"}, "gone": "y"}
    after = {"title": "a", "tags": ["x", "y"], "links": {"a": "/b"}, "new": "z"}

    assert [one.field for one in differences(before, after)] == ["tags", "links", "new", "gone"]


def test_what_is_the_same_in_the_middle_is_left_out() -> None:
    same = "<p>same</p>" * 9

    (one,) = differences({"body": f"<p>a</p>{same}<p>b</p>"}, {"body": f"<p>A</p>{same}<p>B</p>"})

    assert "".join(piece.mark for piece in one.pieces) == "-+ … -+"


def test_very_long_texts_are_not_compared() -> None:
    before = {"body": "<p>x</p>" * (MAX_PIECES + 1)}

    (one,) = differences(before, {"body": "short"})

    assert one.pieces == (Piece("…", f"Too long to compare: {8 * (MAX_PIECES + 1)} characters became 5."),)


def test_a_field_that_became_empty() -> None:
    (one,) = differences({"excerpt": "words"}, {"excerpt": ""})

    assert one.pieces == (Piece("-", "words"),)
