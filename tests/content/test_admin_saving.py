"""Writing at the desk: the buttons, what is refused and where it is said, and that nobody overwrites anybody."""

from typing import Any

import pytest

from content import drafts, publishing, saving
from content.models import BlogPost, Page, SiteSettings
from core import clock
from tests.content.desk import Desk, errors, fresh, said
from tests.content.factory import make_page, make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db

NEW: dict[str, Any] = {
    "title": "A new post",
    "slug": "",
    "excerpt": "",
    "body": "<p>Hello</p>",
    "tags": "",
    "author": "",
}


def test_save_draft_makes_a_draft_that_nobody_else_sees(api: Any) -> None:
    desk = Desk(make_user("approver", display_name="Approver"))

    response = desk.post("blogpost_add", **NEW, featured_image_url="", _save="1")

    post = BlogPost.objects.with_publication().get()
    assert (post.slug, post.author, post.created_by, post.computed_status) == (
        "a-new-post",
        "Approver",
        desk.user,
        "draft",
    )
    assert said(response) == ["Draft saved."]
    assert api.get("/posts").json()["total"] == 0


def test_save_and_publish_is_public_at_once(api: Any) -> None:
    desk = Desk(make_user("approver"))

    response = desk.post("blogpost_add", **{**NEW, "tags": "news, product"}, featured_image_url="", _publish="1")

    item = api.get("/posts").json()["items"][0]
    assert (item["title"], item["slug"], item["tags"]) == ("A new post", "a-new-post", ["news", "product"])
    assert said(response)[0].startswith("Published: visitors see this now.")


def test_saving_a_draft_of_something_public_changes_nothing_for_visitors(api: Any) -> None:
    post = make_post(title="Before")
    desk = Desk(make_user("approver"))

    desk.save(post, title="After")

    assert (fresh(post).title, api.get(f"/posts/{post.pk}").json()["title"]) == ("After", "Before")


def test_the_enter_key_saves_a_draft_because_that_button_comes_first() -> None:
    post = make_post()
    page = Desk(make_user("approver")).get("blogpost_change", post.pk).content.decode()

    names = [name for name in ("_publish", "_save", "_unpublish") if f'name="{name}"' in page]

    assert sorted(names, key=lambda name: page.index(f'name="{name}"')) == ["_save", "_publish", "_unpublish"]


def test_a_form_that_names_no_button_saves_a_draft(api: Any) -> None:
    post = make_post(title="Before")
    desk = Desk(make_user("approver"))

    desk.post("blogpost_change", post.pk, **{**desk.form(post), "title": "After"})

    assert api.get(f"/posts/{post.pk}").json()["title"] == "Before"


def test_publish_changes_brings_what_earlier_drafts_left_waiting(api: Any) -> None:
    post = make_post(title="Before")
    desk = Desk(make_user("approver"))
    desk.save(post, title="After")

    desk.save(post, "_publish")

    assert api.get(f"/posts/{post.pk}").json()["title"] == "After"
    assert fresh(post).live_revision_id == fresh(post).revision_id


def test_unpublish_keeps_what_was_typed_and_takes_it_from_visitors(api: Any) -> None:
    post = make_post(title="Before")
    desk = Desk(make_user("approver"))

    response = desk.save(post, "_unpublish", title="After")

    assert (api.get(f"/posts/{post.pk}").status_code, fresh(post).title) == (404, "After")
    assert said(response) == ["Unpublished: visitors do not see this any more."]


def test_saving_without_a_change_says_so_and_makes_no_revision() -> None:
    post = make_post()
    desk = Desk(make_user("approver"))

    response = desk.save(post, "_publish")

    assert said(response) == ["Nothing was different, so nothing was saved."]
    assert fresh(post).version == post.version


def test_what_the_sanitiser_took_is_told() -> None:
    post = make_post()
    desk = Desk(make_user("approver"))

    response = desk.save(post, body="<p onclick='x()'>Hello</p><script>x()</script>")

    assert said(response)[1:] == ["Not allowed in body, so it was left out: onclick on <p>, <script>"]
    assert fresh(post).body == "<p>Hello</p>"


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"slug": "Not A Slug"}, "slug", "Lower-case letters a-z, digits and single hyphens between them."),
        ({"slug": "taken"}, "slug", "The slug 'taken' is taken."),
        ({"slug": ""}, "slug", "This field is required."),
        ({"title": ""}, "title", "This field is required."),
        ({"title": "x" * 201}, "title", "Ensure this value has at most 200 characters (it has 201)."),
        ({"excerpt": "x" * 501}, "excerpt", "Ensure this value has at most 500 characters (it has 501)."),
        ({"body": "<b>" * 101}, "body", "The HTML is nested more than 100 elements deep."),
        ({"tags": "one, two, one"}, "tags", "The tag 'one' stands twice."),
        ({"tags": "x" * 51}, "tags", "Each tag has 1 to 50 characters and no blanks around it."),
        ({"featured_image_url": "javascript:x"}, "featured_image_url", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_refusal_stands_at_its_field_and_nothing_typed_is_lost(
    changes: dict[str, str], field: str, message: str | None
) -> None:
    make_post(slug="taken")
    post = make_post(title="Before", slug="mine")
    desk = Desk(make_user("approver"))

    response = desk.save(post, "_publish", **{"body": "<p>typed</p>", **changes})

    found = errors(response)
    assert list(found) == [field]
    assert message is None or found[field] == [message]
    typed = response.context["adminform"].form
    assert all(typed[name].value() == value for name, value in {"body": "<p>typed</p>", **changes}.items())
    assert (fresh(post).title, fresh(post).version) == ("Before", post.version)


def test_an_author_who_may_not_publish_is_refused_and_keeps_the_text() -> None:
    author = make_user("author")
    post = make_post(by=author, published=False, title="Before")

    response = Desk(author).save(post, "_publish", title="After")

    assert "You may not publish or unpublish this" in errors(response)["__all__"][0]
    assert response.context["adminform"].form["title"].value() == "After"
    assert fresh(post).computed_status == "draft"


# --- two people at once ---


def test_whoever_saves_second_is_told_who_was_faster_and_overwrites_nothing() -> None:
    post = make_post(published=False, title="Before")
    one, two = Desk(make_user("approver", display_name="Approver")), Desk(make_user("admin"))
    opened = two.form(post)
    one.save(post, title="From the first")

    response = two.post("blogpost_change", post.pk, **{**opened, "title": "From the second"}, _save="1")

    page = response.content.decode()
    assert errors(response) == {"__all__": ["Not saved: somebody else was faster."]}
    assert "Approver updated this on" in " ".join(page.split())
    assert 'value="From the second"' in page
    assert (fresh(post).title, fresh(post).version) == ("From the first", 2)


def test_the_second_may_save_over_the_version_that_was_shown_to_them() -> None:
    post = make_post(published=False, title="Before")
    one, two = Desk(make_user("approver")), Desk(make_user("admin"))
    opened = {**two.form(post), "title": "From the second"}
    one.save(post, title="From the first")

    response = two.post("blogpost_change", post.pk, **opened, _overwrites="2")

    assert (fresh(post).title, fresh(post).version, fresh(post).computed_status) == ("From the second", 3, "draft")
    assert said(response) == ["Draft saved."]


def test_saving_over_names_a_version_too() -> None:
    post = make_post(published=False, title="Before")
    one, two = Desk(make_user("approver")), Desk(make_user("admin"))
    opened = {**two.form(post), "title": "From the second"}
    one.save(post, title="From the first")
    one.save(post, title="From the first again")

    response = two.post("blogpost_change", post.pk, **opened, _overwrites="2")

    assert list(errors(response)) == ["__all__"]
    assert fresh(post).title == "From the first again"


@pytest.mark.parametrize("version", ["", "0", "99", "x"])
def test_a_form_without_the_right_version_saves_nothing(version: str) -> None:
    post = make_post(published=False, title="Before")
    desk = Desk(make_user("approver"))

    response = desk.save(post, title="After", version=version)

    assert errors(response)
    assert fresh(post).title == "Before"


def test_publishing_and_unpublishing_by_somebody_else_count_as_a_change_and_are_named() -> None:
    post = make_post(published=False, title="Before")
    approver = make_user("approver", display_name="Approver")
    desk = Desk(make_user("admin"))
    opened = desk.form(post)
    publishing.publish(BlogPost.objects.get(pk=post.pk), by=approver, now=clock.now())

    first = desk.post("blogpost_change", post.pk, **{**opened, "title": "After"}, _save="1")
    publishing.unpublish(BlogPost.objects.get(pk=post.pk), by=approver, now=clock.now())
    second = desk.post("blogpost_change", post.pk, **{**opened, "title": "After"}, _save="1")

    assert [first.context["newer"].verb, second.context["newer"].verb] == ["published", "unpublished"]
    assert [first.context["newer"].by, second.context["newer"].by] == ["Approver", "Approver"]
    assert fresh(post).title == "Before"


def test_a_form_whose_entry_went_into_the_bin_keeps_its_text() -> None:
    post = make_post(published=False, title="Before")
    desk = Desk(make_user("admin"))
    opened = desk.form(post)
    row = BlogPost.objects.get(pk=post.pk)
    drafts.delete(row, by=desk.user, now=clock.now())

    stale = desk.post("blogpost_change", post.pk, **{**opened, "title": "After"}, _save="1")
    current = desk.post("blogpost_change", post.pk, **{**opened, "title": "After", "version": row.version}, _save="1")

    assert stale.context["newer"].verb == "deleted"
    assert "It lies in the bin" in errors(current)["__all__"][0]
    assert all('value="After"' in response.content.decode() for response in (stale, current))
    assert fresh(post).title == "Before"


# --- values that are no text ---


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("b, a", ["b", "a"]),
        (" b ,, a , ", ["b", "a"]),
        ('"a, b", c', ["a, b", "c"]),
        ("", []),
    ],
)
def test_tags_are_typed_with_commas(typed: str, stored: list[str]) -> None:
    post = make_post()

    Desk(make_user("approver")).save(post, tags=typed)

    assert fresh(post).tags == stored


@pytest.mark.parametrize("tags", [["a, b", "c"], ['say "hi"', "it's"], ['"quoted"'], ["a", "b"], ['a"b']])
def test_tags_survive_a_save_that_does_not_touch_them(tags: list[str]) -> None:
    post = make_post(tags=tags)
    desk = Desk(make_user("approver"))
    shown = desk.get("blogpost_change", post.pk).context["adminform"].form

    desk.save(post, title="Another", tags=shown.fields["tags"].prepare_value(shown["tags"].initial))

    assert (fresh(post).tags, fresh(post).title) == (tags, "Another")


def _settings() -> SiteSettings:
    return SiteSettings.objects.with_publication().get()


def test_site_settings_are_saved_as_a_draft_or_published(api: Any) -> None:
    desk = Desk(make_user("admin"))

    desk.save(_settings(), site_name="Garden", social_links_name=["Mastodon", ""], social_links_url=["/us", ""])
    draft = api.get("/settings").json()
    desk.save(_settings(), "_publish", social_links_name=["Mastodon"], social_links_url=["/us"])

    public = api.get("/settings").json()
    assert (draft["site_name"], draft["social_links"]) == ("My site", {})
    assert (public["site_name"], public["social_links"]) == ("Garden", {"Mastodon": "/us"})


@pytest.mark.parametrize(
    ("names", "urls", "message"),
    [
        (["Mastodon"], ["javascript:x"], "Mastodon: an http or https address, or a path on this site."),
        (["Mastodon"], [""], "Mastodon: a link needs both a name and an address."),
        (["A", "A"], ["/a", "/b"], "The name 'A' stands twice."),
    ],
)
def test_a_wrong_link_is_told_and_stays_in_the_form(names: list[str], urls: list[str], message: str) -> None:
    desk = Desk(make_user("admin"))

    response = desk.save(_settings(), social_links_name=names, social_links_url=urls)

    assert errors(response) == {"social_links": [message]}
    assert f'name="social_links_url" value="{urls[0]}"' in response.content.decode()
    assert _settings().social_links == {}


def test_pages_are_written_the_same_way(api: Any) -> None:
    desk = Desk(make_user("approver"))
    blank = {"slug": "", "meta_title": "", "meta_description": "", "og_image_url": ""}

    desk.post("page_add", title="About", body="<p>Us</p>", **blank, _publish="1")

    assert api.get("/pages/about").json()["body"] == "<p>Us</p>"
    assert Page.objects.get().slug == "about"


def test_a_save_through_the_api_meanwhile_is_not_overwritten() -> None:
    page = make_page(published=False, title="Before")
    desk = Desk(make_user("approver"))
    opened = desk.form(page)
    row = Page.objects.get(pk=page.pk)
    saving.save(row, {"title": "From the API"}, by=desk.user, now=clock.now())

    desk.post("page_change", page.pk, **{**opened, "title": "From the desk"}, _save="1")

    assert fresh(page).title == "From the API"


def test_tags_of_any_length_are_an_error_of_their_field() -> None:
    post = make_post(published=False)

    response = Desk(make_user("admin")).save(post, tags="x" * 140_000)

    assert errors(response) == {"tags": ["This is much too long for tags."]}
