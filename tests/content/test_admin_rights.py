"""Who may do what at the desk: every address, every role."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from content import drafts, saving
from content.models import BlogPost, Revision, SiteSettings
from core import clock
from tests.content.desk import Desk, address, fresh, text
from tests.content.factory import make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ROLES = ("admin", "approver", "author", "member")
PAGES = ("index", "blogpost_changelist", "blogpost_add", "page_changelist", "page_add", "sitesettings_changelist")


def first_revision(post: Any) -> Revision:
    return Revision.objects.get(entry_id=post.pk, version=1)


def codes(user: User | None, post: BlogPost) -> dict[str, int]:
    """What one person gets for every address that reads."""
    client = Client()
    if user:
        client.force_login(user)
    pages = {name: address(name) for name in PAGES}
    pages |= {name: address(name, post.pk) for name in ("blogpost_change", "blogpost_history", "blogpost_delete")}
    settings_page = address("sitesettings_change", SiteSettings.objects.get().pk)
    pages |= {"sitesettings_change": settings_page, "sitesettings_history": f"{settings_page[:-7]}history/"}
    return {name: client.get(path).status_code for name, path in pages.items()}


def test_strangers_and_members_get_the_login_page_everywhere() -> None:
    post = make_post()

    assert set(codes(None, post).values()) == set(codes(make_user("member"), post).values()) == {302}


def test_an_author_sees_all_and_deletes_nothing_of_others() -> None:
    found = codes(make_user("author"), make_post())

    assert found == {
        **dict.fromkeys(found, 200),
        "sitesettings_changelist": 302,
        "blogpost_delete": 403,
    }


@pytest.mark.parametrize("role", ["admin", "approver"])
def test_approvers_and_admins_reach_every_page(role: str) -> None:
    found = codes(make_user(role), make_post())

    assert found == {**dict.fromkeys(found, 200), "sitesettings_changelist": 302}


def test_somebody_who_may_only_enter_the_desk_sees_no_content() -> None:
    user = make_user("author")
    user.groups.clear()
    user.user_permissions.add(Permission.objects.get(codename="use_desk"))
    found = codes(user, make_post())

    assert found == {**dict.fromkeys(found, 403), "index": 200}


def buttons(role: str, post: BlogPost, by: User | None = None) -> list[str]:
    page = text(Desk(by or make_user(role)).get("blogpost_change", post.pk).content.decode())
    names = (
        "Save draft",
        "Save and publish",
        "Publish changes",
        "Unpublish",
        "Move to the bin",
        "Restore from the bin",
    )
    return [name for name in names if name in page.replace("Unpublished changes", "")]


def test_each_role_gets_the_buttons_it_may_press() -> None:
    author = make_user("author")
    draft, public = make_post(by=author, published=False), make_post()
    own_public = make_post(by=author, published=False)
    saving.save(BlogPost.objects.get(pk=own_public.pk), {}, published=True, by=make_user("admin"), now=clock.now())

    assert buttons("approver", draft) == ["Save draft", "Save and publish", "Move to the bin"]
    assert buttons("approver", public) == ["Save draft", "Publish changes", "Unpublish", "Move to the bin"]
    assert buttons("author", draft, by=author) == ["Save draft", "Move to the bin"]
    assert buttons("author", own_public, by=author) == ["Save draft"]
    assert buttons("author", public) == []


def test_who_may_only_look_sees_the_text_as_visitors_do() -> None:
    post = make_post(body="<p>Hello <em>there</em></p>", tags=["a", "<b>"])
    page = Desk(make_user("author")).get("blogpost_change", post.pk).content.decode()

    assert "<p>Hello <em>there</em></p>" in page
    assert ("a, &lt;b&gt;" in page, "You may look at this, but not change it." in page) == (True, True)


def test_a_role_that_has_no_button_has_no_way_around_it() -> None:
    post, drafted = make_post(title="Before"), make_post(title="Draft", published=False)
    binned = make_post(title="Binned")
    drafts.delete(BlogPost.objects.get(pk=binned.pk), by=make_user("admin"), now=clock.now())
    desk = Desk(make_user("author"))
    form = Desk(make_user("admin")).form(post)

    answers = [
        desk.post("blogpost_change", post.pk, **{**form, "title": "After"}, _save="1"),
        desk.post("blogpost_change", post.pk, **{**form, "title": "After"}, _overwrites=post.version),
        desk.post("blogpost_delete", post.pk, post="yes", version=post.version),
        desk.post("blogpost_bring_back", post.pk, first_revision(post).pk, version=post.version),
        desk.post("blogpost_restore", binned.pk),
        desk.post("sitesettings_change", SiteSettings.objects.get().pk, site_name="Mine", version=2, _publish="1"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 302, 403, 403]
    assert [fresh(one).title for one in (post, drafted)] == ["Before", "Draft"]
    assert (fresh(post).version, fresh(binned).deleted_at is None) == (post.version, False)
    assert SiteSettings.objects.get().site_name == "My site"


def test_members_and_strangers_write_nothing() -> None:
    post = make_post(title="Before")
    member, stranger = Client(), Client()
    member.force_login(make_user("member"))
    data = {**Desk(make_user("admin")).form(post), "title": "After"}
    paths = [
        address("blogpost_add"),
        address("blogpost_change", post.pk),
        address("blogpost_delete", post.pk),
        address("blogpost_restore", post.pk),
        address("blogpost_bring_back", post.pk, first_revision(post).pk),
        address("blogpost_changelist"),
    ]

    found = {client.post(path, data).status_code for client in (member, stranger) for path in paths}

    assert found == {302}
    assert (BlogPost.objects.count(), fresh(post).title, fresh(post).deleted_at) == (1, "Before", None)


def test_forms_are_protected_against_forgery() -> None:
    post = make_post(title="Before")
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("admin"))
    paths = [
        address("blogpost_change", post.pk),
        address("blogpost_delete", post.pk),
        address("blogpost_restore", post.pk),
        address("blogpost_bring_back", post.pk, first_revision(post).pk),
        address("blogpost_changelist"),
    ]

    assert {client.post(path, {"version": post.version}).status_code for path in paths} == {403}


def test_site_settings_are_changed_never_added_or_deleted() -> None:
    desk = Desk(make_user("admin"))
    pk = SiteSettings.objects.get().pk

    assert [desk.get("sitesettings_add").status_code, desk.get("sitesettings_delete", pk).status_code] == [403, 403]
    assert desk.get("sitesettings_changelist").headers["Location"] == address("sitesettings_change", pk)


def test_a_withdrawn_right_acts_at_the_next_step() -> None:
    author = make_user("author")
    post = make_post(by=author, published=False, title="Before")
    desk = Desk(author)
    form = desk.form(post)
    author.groups.clear()

    response = desk.post("blogpost_change", post.pk, **{**form, "title": "After"}, _save="1")

    assert (response.status_code, fresh(post).title) == (302, "Before")
    assert response.headers["Location"].startswith("/admin/login/")
