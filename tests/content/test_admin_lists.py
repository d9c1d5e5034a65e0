"""The lists of posts and pages: what they show, find and do to several entries at once."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content import drafts, publishing, saving
from content.models import BlogPost
from core import clock
from tests.content.desk import Desk, address, fresh, said, text
from tests.content.factory import make_page, make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk() -> Desk:
    return Desk(make_user("admin"))


def titles(desk: Desk, page: str = "blogpost_changelist", **query: Any) -> list[str]:
    return [row.title for row in desk.get(page, **query).context["cl"].result_list]


def act(desk: Desk, action: str, *entries: Any, page: str = "blogpost_changelist", query: str = "") -> Any:
    chosen = [entry.pk for entry in entries]
    return desk.post(page, query=query, action=action, index="0", _selected_action=chosen)


def binned(entry: Any) -> Any:
    row = type(entry).objects.get(pk=entry.pk)
    drafts.delete(row, by=make_user("admin"), now=clock.now())
    return row


def changed(entry: Any) -> Any:
    row = type(entry).objects.get(pk=entry.pk)
    saving.save(row, {"title": f"{row.title}, changed"}, as_draft=True, by=make_user("admin"), now=clock.now())
    return row


def test_each_row_shows_its_state(desk: Desk) -> None:
    make_post(title="Draft", published=False)
    make_post(title="Public")
    changed(make_post(title="Edited"))

    page = desk.get("blogpost_changelist")

    shown = {row.title: text(page.context["cl"].model_admin.status(row)) for row in page.context["cl"].result_list}
    assert shown == {"Draft": "Draft", "Public": "Published", "Edited, changed": "Published Unpublished changes"}


@pytest.mark.parametrize("page", ["blogpost_changelist", "page_changelist"])
def test_a_list_asks_as_often_for_three_rows_as_for_one(desk: Desk, page: str) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get(page)
        return len(queries)

    make_post(), make_page()
    asked()
    one = asked()
    for _ in range(2):
        changed(make_post()), changed(make_page())

    assert (one, asked()) == (6, 6)


def test_the_newest_comes_first(desk: Desk) -> None:
    for title in ("First", "Second", "Third"):
        make_post(title=title)

    assert titles(desk) == ["Third", "Second", "First"]


def test_lists_are_divided_into_pages(desk: Desk) -> None:
    admin = make_user("admin")
    for number in range(26):
        make_post(title=f"Post {number}", published=False, by=admin)

    assert (len(titles(desk)), titles(desk, p="2")) == (25, ["Post 0"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Draft", "Edited, changed", "Public"]),
        ({"status": "draft"}, ["Draft"]),
        ({"status": "published"}, ["Edited, changed", "Public"]),
        ({"status": "changed"}, ["Edited, changed"]),
        ({"status": "bin"}, ["Binned"]),
        ({"status": "pending"}, []),
        ({"tag": "news"}, ["Public"]),
        ({"tag": "new"}, []),
        ({"author": "ada"}, ["Draft"]),
        ({"q": "publ"}, ["Public"]),
        ({"q": "summary"}, ["Draft"]),
        ({"q": "secret body"}, []),
        ({"status": "published", "tag": "news"}, ["Public"]),
    ],
    ids=str,
)
def test_filters_and_search(desk: Desk, query: dict[str, str], found: list[str]) -> None:
    make_post(title="Draft", published=False, author="Ada", excerpt="A summary")
    make_post(title="Public", tags=["news"], body="<p>secret body</p>")
    changed(make_post(title="Edited"))
    binned(make_post(title="Binned"))

    assert sorted(titles(desk, **query)) == found


def test_the_list_of_one_writer(desk: Desk) -> None:
    author = make_user("author")
    make_post(title="Theirs", by=author, published=False)
    make_post(title="Mine", by=desk.user)

    assert titles(desk, by=str(author.pk)) == ["Theirs"]
    assert titles(desk, by=str(desk.user.pk)) == ["Mine"]


@pytest.mark.parametrize(
    "query", [{"by": "nobody"}, {"status": "<x>"}, {"updated_at__gte": "x"}, {"p": "x"}, {"o": "99"}]
)
def test_nonsense_in_the_address_breaks_nothing(desk: Desk, query: dict[str, str]) -> None:
    make_post()

    assert desk.get("blogpost_changelist", **query).status_code in (200, 302)


# --- several at once ---


def test_publishing_several_tells_of_each_and_one_refusal_stops_no_other(desk: Desk, api: Any) -> None:
    draft, edited, public = (
        make_post(title="Draft", published=False),
        changed(make_post(title="Edited")),
        make_post(title="Public"),
    )

    response = act(desk, "publish", draft, edited, public)

    assert sorted(said(response)) == [
        "Public: It is public already, just as it is.",
        "Published: Edited, changed, Draft.",
    ]
    assert {item["title"] for item in api.get("/posts").json()["items"]} == {"Draft", "Edited, changed", "Public"}


def test_unpublishing_several(desk: Desk, api: Any) -> None:
    draft, public = make_post(title="Draft", published=False), make_post(title="Public")

    response = act(desk, "unpublish", draft, public)

    assert sorted(said(response)) == ["Draft: It is not public", "Unpublished: Public."]
    assert api.get("/posts").json()["total"] == 0


def test_binning_and_restoring_several(desk: Desk, api: Any) -> None:
    one, two = make_post(title="One"), make_post(title="Two", published=False)

    binned_answer = act(desk, "move_to_bin", one, two)
    after_binning = (titles(desk), api.get("/posts").json()["total"])
    restored_answer = act(desk, "take_out_of_bin", one, two, query="?status=bin")

    assert (said(binned_answer), after_binning) == (["Moved to the bin: Two, One."], ([], 0))
    assert said(restored_answer) == ["Restored as drafts: Two, One."]
    assert sorted(titles(desk, status="draft")) == ["One", "Two"]


def test_the_bin_offers_restoring_only_and_the_list_no_deletion_for_good(desk: Desk) -> None:
    binned(make_post())
    make_post()

    offered = [
        [name for name, _ in desk.get("blogpost_changelist", **query).context["action_form"].fields["action"].choices]
        for query in ({}, {"status": "bin"})
    ]

    assert offered == [["", "publish", "unpublish", "move_to_bin"], ["", "take_out_of_bin"]]


def test_an_author_bins_their_own_and_is_told_about_the_rest() -> None:
    author = make_user("author")
    own, other = make_post(title="Own", by=author, published=False), make_post(title="Other", published=False)

    response = act(Desk(author), "move_to_bin", own, other)

    assert sorted(said(response)) == ["Moved to the bin: Own.", "Other: You may change only what you have written"]
    assert BlogPost.objects.present().get().title == "Other"


def test_an_author_cannot_reach_the_publishing_actions() -> None:
    author = make_user("author")
    post = make_post(by=author, published=False)

    response = act(Desk(author), "publish", post)

    assert said(response) == ["No action selected."]
    assert fresh(post).live_revision_id is None


def test_more_than_a_hundred_at_once_are_refused_as_a_whole(desk: Desk) -> None:
    for _ in range(101):
        make_post(published=False, by=desk.user)

    response = desk.post("blogpost_changelist", action="publish", index="0", select_across="1", _selected_action=["x"])

    assert said(response) == ["At most 100 at once, please. Nothing was changed."]
    assert titles(desk, status="published") == []


def test_pages_have_the_same_actions(desk: Desk, api: Any) -> None:
    page = make_page(title="About", published=False)

    act(desk, "publish", page, page="page_changelist")
    publishing.unpublish(type(page).objects.get(pk=page.pk), by=desk.user, now=clock.now())

    assert titles(desk, "page_changelist", status="draft") == ["About"]


@pytest.mark.parametrize("query", ["tag=%00", "author=a%00b", "tags__has=%00", "q=%00"])
def test_a_nul_in_the_address_is_refused_before_any_database_sees_it(desk: Desk, query: str) -> None:
    response = desk.client.get(f"{address('blogpost_changelist')}?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")


def test_a_search_for_thousands_of_words_is_cut_short(desk: Desk) -> None:
    response = desk.client.get(address("blogpost_changelist"), {"q": "a " * 3000})

    assert response.status_code == 200
