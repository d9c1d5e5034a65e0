"""The admin in a real browser: from the first log-in to a post that visitors read."""

from typing import Any

import pytest
from playwright.sync_api import Page, TimeoutError

from cms_project import demo_files
from tests.browser.conftest import Editor

pytestmark = pytest.mark.browser

WRITE = "/admin/content/blogpost/add/"
BODY = ".desk-editor-body .ProseMirror[contenteditable=true]"


def write(page: Page, title: str, words: str) -> None:
    page.get_by_label("Title").fill(title)
    page.locator(BODY).click()
    page.keyboard.type(words)


def press(page: Page, button: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def set_body(page: Page, html: str) -> str:
    """Hands the editor some HTML, as a paste of everything would, and gives what it would send."""
    page.locator(BODY).wait_for()
    set_content = """([selector, html]) => {
        document.querySelector(selector).editor.commands.setContent(html, { emitUpdate: true })
        return document.querySelector("textarea[name=body]").value
    }"""
    sent: str = page.evaluate(set_content, [BODY, html])
    return sent


# White space between elements, `<p>` around the whole content of a list item or cell, the order of attributes and of
# marks around the same words, and `b` and `i` for `strong` and `em`: all that makes no difference.
MEANING = """(html) => {
    const MARKS = "a abbr cite code del dfn em ins kbd mark q s samp small span strong sub sup time u var".split(" ")
    const root = document.createElement("template")
    root.innerHTML = html.replace(/<(\\/?)b>/g, "<$1strong>").replace(/<(\\/?)i>/g, "<$1em>")
    for (const p of root.content.querySelectorAll("li > p, td > p, th > p"))
        if (p.parentElement.querySelectorAll(":scope > p").length === 1) p.replaceWith(...p.childNodes)
    root.content.normalize()
    const tag = (node) => `<${node.localName} ${[...node.attributes].map((a) => a.name + "=" + a.value).sort()}>`
    const walk = (node, marks) => {
        if (node.nodeType === Node.TEXT_NODE)
            return node.data.split(/\\s+/).filter(Boolean).map((word) => [...marks].sort().join("") + word)
        const inside = MARKS.includes(node.localName) ? [...marks, tag(node)] : marks
        const content = [...node.childNodes].flatMap((child) => walk(child, inside))
        return inside === marks ? [tag(node), ...content, "/"] : content
    }
    return [...root.content.childNodes].flatMap((node) => walk(node, []))
}"""


def same_document(page: Page, one: str, other: str) -> bool:
    return bool(page.evaluate(MEANING, one) == page.evaluate(MEANING, other))


def test_a_newcomer_writes_publishes_and_takes_back(editor: Editor) -> None:
    page = editor.open("/admin/")
    page.get_by_role("link", name="Write a post").click()
    write(page, "My first post", "Hello there")

    press(page, "Save draft")
    as_draft = editor.posts()
    press(page, "Save and publish")
    as_public = editor.posts()
    said = page.get_by_text("Published: visitors see this now.").is_visible()
    press(page, "Unpublish")

    assert ("My first post" in as_draft, "My first post" in as_public, said) == (False, True, True)
    assert "My first post" not in editor.posts()
    assert editor.troubles == []


def test_the_enter_key_never_publishes(editor: Editor) -> None:
    page = editor.open(WRITE)
    write(page, "Public words", "x")
    press(page, "Save and publish")

    with page.expect_navigation():
        page.get_by_label("Title").fill("Words in progress")
        page.get_by_label("Title").press("Enter")

    assert page.get_by_text("Visitors do not see the latest changes yet.").is_visible()
    assert ("Public words" in editor.posts(), "Words in progress" in editor.posts()) == (True, False)


def test_two_tabs_do_not_overwrite_each_other(editor: Editor) -> None:
    first = editor.open(WRITE)
    write(first, "Two tabs", "Beginning.")
    press(first, "Save draft")
    second = editor.open(first.url.removeprefix(editor.address))
    second.locator(BODY).click()
    second.keyboard.type("From the second tab. ")
    first.get_by_label("Title").fill("Two tabs, first")
    press(first, "Save draft")

    press(second, "Save draft")
    refused = second.get_by_role("alert").inner_text()
    kept = second.locator(BODY).inner_text()
    press(second, "Save mine over it, as a draft")

    assert "Not saved: editor was faster" in refused
    assert "From the second tab." in kept
    assert second.get_by_label("Title").input_value() == "Two tabs"
    assert editor.troubles == []


def test_what_the_buttons_of_the_editor_make_needs_no_cleaning(editor: Editor) -> None:
    page = editor.open(WRITE)
    write(page, "All buttons", "words")
    toolbar = page.locator(".desk-editor-body")
    for name in ("bold", "italic", "underline", "strike", "subscript", "Code", "unordered list", "ordered list"):
        page.keyboard.press("Control+a")
        toolbar.get_by_title(name, exact=True).click()
    page.keyboard.press("ArrowDown")
    for name, answer in (("Insert table", "2"), ("figure", "/static/content/icon.svg")):
        toolbar.get_by_title(name, exact=True).click()
        page.locator("dialog input").first.fill(answer)
        page.locator("dialog button[type=submit]").click()
    press(page, "Save draft")

    sent = page.locator("textarea[name=body]").input_value()
    assert [
        mark for mark in ("<strong>", "<em>", "<u>", "<s>", "<code>", "<ol>", "<figure>", "<table>") if mark not in sent
    ] == []
    assert page.get_by_text("Draft saved.").is_visible()
    assert page.get_by_text("Not allowed").all_inner_texts() == []
    assert editor.troubles == []


@pytest.mark.parametrize(
    "html",
    [
        "<h2>Two</h2><h3>Three</h3><h1>One</h1><h5>Five</h5>",
        "<p>a <strong>b</strong> <em>c</em> <u>d</u> <s>e</s> <sub>f</sub> <sup>g</sup> <code>h</code></p>",
        "<p><mark>a</mark> <kbd>b</kbd> <small>c</small> <ins>d</ins> <del>e</del> <q>f</q> <abbr title='t'>g</abbr>",
        '<p class="lead" lang="de" dir="ltr">a <span class="lead">b</span></p>',
        '<pre><code class="language-python">x = 1\ny = 2</code></pre><hr><blockquote><p>q</p></blockquote>',
        '<ul><li>a<ul><li>b</li></ul></li></ul><ol start="3" type="a"><li>c</li><li value="9">d</li></ol>',
        '<p><a href="/x" title="t">l</a> <a href="https://example.com" target="_blank" rel="noopener noreferrer">m</a>',
        "<table><tbody><tr><th scope='row'>h</th><td colspan='2'>x</td></tr></tbody></table>",
        "<table><caption>c</caption><thead><tr><th>h</th></tr></thead><tbody><tr><td>x</td></tr></tbody></table>",
        "<dl><dt>a</dt><dd>b</dd></dl><details open=''><summary>s</summary><p>x</p></details>",
        '<div class="callout callout-info"><p>x</p></div><section><p>y</p></section>',
        '<iframe src="https://www.youtube-nocookie.com/embed/abc" width="560" height="315"></iframe>',
        "<figure><blockquote><p>q</p></blockquote><figcaption>who</figcaption></figure>",
    ],
)
def test_the_editor_loses_nothing_of_what_may_be_stored(editor: Editor, html: str) -> None:
    page = editor.open(WRITE)

    sent = set_body(page, html)

    assert same_document(page, html, sent), sent
    assert editor.troubles == []


def test_the_editor_loses_nothing_of_the_demo_content(editor: Editor) -> None:
    page = editor.open(WRITE)
    bodies = [entry.values["body"] for entry in (*demo_files.posts(), *demo_files.pages())]

    lost = [body for body in bodies if not same_document(page, body, set_body(page, body))]

    assert len(bodies) > 30
    assert lost == []


def test_an_island_is_edited_as_html(editor: Editor) -> None:
    page = editor.open(WRITE)
    set_body(page, "<dl><dt>Old</dt><dd>x</dd></dl>")

    page.get_by_role("button", name="Edit HTML", exact=True).click()
    page.locator("dialog textarea").fill("<dl><dt>New</dt><dd>x</dd></dl>")
    page.get_by_role("button", name="Update").click()

    page.get_by_text("New", exact=True).wait_for()
    assert page.locator("textarea[name=body]").input_value() == "<dl><dt>New</dt><dd>x</dd></dl>"


@pytest.mark.parametrize(
    "html",
    [
        '<dl x-data x-init="window.hacked = 1"><dt>a</dt></dl>',
        '<section><p x-data="{a: (window.hacked = 1)}">a</p></section>',
        '<div class="callout" hx-get="/admin/" hx-trigger="load">a</div>',
        '<details><summary><img src="/static/x" alt="" onerror="window.hacked = 1"></summary></details>',
        '<p x-init="window.hacked = 1">a</p>',
        "<dl><dt><script>window.hacked = 1</script></dt></dl>",
    ],
)
def test_what_is_pasted_does_not_come_to_life(editor: Editor, html: str) -> None:
    page = editor.open(WRITE)

    set_body(page, html)
    page.wait_for_timeout(200)

    inside = page.locator(BODY).inner_html()
    assert page.evaluate("window.hacked") is None
    assert [name for name in ("x-data", "x-init", "hx-get", "onerror", "<script") if name in inside] == []


def test_a_link_is_added_to_the_site_settings(editor: Editor) -> None:
    page = editor.open("/admin/content/sitesettings/")
    page.get_by_label("Name of link 1").fill("Mastodon")
    page.get_by_label("Address of link 1").fill("https://example.org/@us")

    press(page, "Publish changes")

    answer: dict[str, Any] = editor.context.request.get(f"{editor.address}/api/v1/settings").json()
    assert answer["social_links"] == {"Mastodon": "https://example.org/@us"}
    assert editor.troubles == []


def _fits(page: Page) -> bool:
    """Once the editor has come up."""
    try:
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth", timeout=3000)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_asks_nobody_else(editor: Editor, width: int, scheme: Any) -> None:
    page = editor.open(WRITE)
    write(page, f"Seen at {width} in {scheme}", "Words")
    press(page, "Save and publish")
    form = page.url.removeprefix(editor.address)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    too_wide = []
    for path in (
        "/admin/",
        "/admin/content/blogpost/",
        "/admin/content/blogpost/?status=bin",
        form,
        form.replace("/change/", "/history/"),
        form.replace("/change/", "/delete/"),
        "/admin/content/page/add/",
        "/admin/content/sitesettings/",
        "/admin/accounts/user/",
        "/admin/accounts/apikey/",
        "/admin/accounts/auditentry/",
        "/admin/accounts/auditentry/1/change/",
    ):
        page.goto(editor.address + path)
        if not _fits(page):
            too_wide.append(path)

    assert too_wide == []
    assert editor.troubles == []
