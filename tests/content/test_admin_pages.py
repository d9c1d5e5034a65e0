"""The first page, the editor, and what browsers are told."""

import re
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from content import drafts, saving
from content.admin import dashboard
from content.admin.editor import keeps
from content.models import BlogPost
from core import clock
from tests.content.desk import Desk, address, text
from tests.content.factory import make_page, make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def titles(rows: list[dict[str, Any]]) -> list[str]:
    return [row["entry"].title for row in rows]


def test_the_first_page_welcomes_before_anything_is_written() -> None:
    page = text(Desk(make_user("author", display_name="Author")).get("index").content.decode())

    assert "Welcome, Author" in page and "Write a post" in page and "Write a page" in page
    assert "No drafts of yours are waiting." in page and "Nothing has been written yet." in page


def test_the_first_page_shows_what_waits_and_what_happened() -> None:
    author = make_user("author")
    make_post(title="Own draft", by=author, published=False)
    edited = make_post(title="Public", by=author, published=False)
    saving.save(BlogPost.objects.get(pk=edited.pk), {}, published=True, by=make_user("admin"), now=clock.now())
    saving.save(BlogPost.objects.get(pk=edited.pk), {"title": "Edited"}, by=author, now=clock.now())
    make_page(title="Of another")
    binned = make_post(title="Binned", by=author, published=False)
    drafts.delete(BlogPost.objects.get(pk=binned.pk), by=author, now=clock.now())

    context = Desk(author).get("index").context

    assert titles(context["waiting"]) == ["Edited", "Own draft"]
    assert titles(context["recent"]) == ["Of another", "Edited", "Own draft"]
    assert [(count["title"], count["number"]) for count in context["counts"]] == [
        ("Posts published", 1),
        ("Pages published", 1),
    ]


def test_of_much_that_was_written_the_first_page_shows_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "LOOKED_AT", 2)
    desk = Desk(make_user("admin"))
    for title in ("First", "Second", "Third"):
        make_post(title=title, by=desk.user, published=False)
        time.sleep(0.002)  # ids know milliseconds

    context = desk.get("index").context

    assert (titles(context["recent"]), titles(context["waiting"])) == (["Third", "Second"], ["Third", "Second"])


def test_those_who_may_publish_see_what_others_left_waiting() -> None:
    make_post(title="Of an author", by=make_user("author"), published=False)
    make_post(title="Public")

    waiting = [titles(Desk(make_user(role)).get("index").context["waiting"]) for role in ("approver", "author")]

    assert waiting == [["Of an author"], []]


def test_the_first_page_asks_as_often_for_three_entries_as_for_one() -> None:
    desk = Desk(make_user("admin"))

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            desk.get("index")
        return len(queries)

    make_post(by=desk.user), make_page(by=desk.user)
    one = asked()
    for _ in range(2):
        make_post(by=desk.user), make_page(by=desk.user)

    assert (one, asked()) == (12, 12)


def test_the_form_costs_the_same_however_much_was_written() -> None:
    desk = Desk(make_user("admin"))
    post = make_post()
    desk.get("blogpost_change", post.pk)
    with CaptureQueriesContext(connection) as queries:
        desk.get("blogpost_change", post.pk)

    assert len(queries) == 4


def test_the_admins_own_security_policy() -> None:
    response = Client().get(address("index"), follow=True)

    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: https:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'self'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
    }


def test_the_editors_inline_script_carries_the_nonce_of_its_answer() -> None:
    response = Desk(make_user("admin")).get("blogpost_add")

    page, policy = response.content.decode(), response.headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)

    assert nonce is not None
    inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)([^>]*)>", page)
    assert len(inline) == 1 and f'nonce="{nonce[1]}"' in inline[0] and "importmap" in inline[0]


def test_pages_name_no_other_host() -> None:
    post = make_post()
    desk = Desk(make_user("admin"))
    pages = [desk.get("index"), desk.get("blogpost_changelist"), desk.get("blogpost_change", post.pk)]

    found = [re.findall(r"""(?:src|href)=["']((?:https?:)?//[^"']+)""", page.content.decode()) for page in pages]

    assert found == [[], [], []]


def test_the_link_to_the_public_json_stands_where_there_is_one() -> None:
    desk = Desk(make_user("admin"))
    public, draft = make_post(), make_post(published=False)

    links = [
        f"/api/v1/posts/{post.pk}" in desk.get("blogpost_change", post.pk).content.decode() for post in (public, draft)
    ]

    assert links == [True, False]


# --- the editor ---


@pytest.mark.parametrize(
    ("html", "is_kept"),
    [
        ("", True),
        ("<p>a <strong>b</strong></p>", True),
        ("<table><caption>c</caption><tbody><tr><td>x</td></tr></tbody></table>", True),
        ('<div class="callout"><p>x</p></div>', True),
        ("<dl><dt>a</dt><dd>b</dd></dl>", True),
        ("<div>x</div>", False),
        ("<p>a<wbr>b</p>", False),
    ],
)
def test_html_that_the_visual_editor_would_lose_is_edited_as_source(html: str, is_kept: bool) -> None:
    post = make_post(body=html)

    page = Desk(make_user("admin")).get("blogpost_change", post.pk).content.decode()

    assert keeps(html) is is_kept
    assert ("data-django-prose-editor-configurable" in page) is is_kept
    assert ("You are editing the source" in page) is not is_kept


@pytest.mark.parametrize(
    ("html", "is_kept"),
    [
        ("<dl><dt>a</dt></dl><p>x</p><dt>b</dt>", False),
        ("<dt>b</dt>", False),
        ("<dl>" + "<dt>a</dt>" * 80_000 + "</dl>", True),
    ],
)
def test_whether_the_visual_editor_keeps_html_is_known_at_once(html: str, is_kept: bool) -> None:
    started = time.perf_counter()

    assert keeps(html) is is_kept
    assert time.perf_counter() - started < 2


def test_the_source_can_be_asked_for_and_stays_after_saving() -> None:
    post = make_post(body="<p>x</p>", published=False)
    desk = Desk(make_user("admin"))

    page = desk.get("blogpost_change", post.pk, editor="source").content.decode()
    saved = desk.post(
        "blogpost_change", post.pk, query="?editor=source", **{**desk.form(post), "body": "<div>y</div>"}, _save="1"
    )

    assert "data-django-prose-editor-configurable" not in page
    assert saved.headers["Location"].endswith("?editor=source")
    assert BlogPost.objects.get().body == "<div>y</div>"


def test_what_was_typed_as_text_is_never_markup() -> None:
    post = make_post(title="</title><script>x()</script>", published=False, tags=["<i>"], excerpt="</textarea><script>")
    desk = Desk(make_user("admin"))
    pages = ("blogpost_changelist", "index"), ("blogpost_change", "blogpost_history", "blogpost_delete")

    shown = [desk.get(name) for name in pages[0]] + [desk.get(name, post.pk) for name in pages[1]]

    assert [page.content.decode().count("<script>") for page in shown] == [0] * 5
