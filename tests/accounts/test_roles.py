"""Roles, groups and rights: what GET /roles says, and groups of a site's own, in the admin and over REST alike."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts import keys, permissions, roles
from accounts.models import AuditEntry, Role, User
from content import publishing, saving
from content.models import BlogPost
from core import clock, errors
from tests.accounts.groups import group_with, make_one_who_may
from tests.factories import PASSWORD, make_user, token_for

pytestmark = pytest.mark.django_db

GROUPS = "/admin/auth/group/"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def held_by(name: str) -> set[str]:
    rows = Permission.objects.filter(group__name=name)
    return {f"{app}.{codename}" for app, codename in rows.values_list("content_type__app_label", "codename")}


def page_of(group: Group) -> str:
    return f"{GROUPS}{group.pk}/change/"


# --- GET /roles ------------------------------------------------------------------------------------------------------


def test_the_four_roles_come_first_and_then_the_groups_of_the_site(api):
    group_with("z-publishers", "content.publish_page")
    group_with("interns", "content.add_page", "content.view_page")

    response = api.get("/roles", token=token_for(make_user("author")))

    items = response.json()["items"]
    assert [(one["name"], one["is_builtin"]) for one in items] == [
        *((name, True) for name in ("admin", "approver", "author", "member")),
        ("interns", False),
        ("z-publishers", False),
    ]
    assert [one["permissions"] for one in items[:4]] == [sorted(permissions.GRANTS[role]) for role in Role]
    assert items[4] == {
        "name": "interns",
        "description": "May write pages; see drafts and history of pages.",
        "is_builtin": False,
        "permissions": ["content.add_page", "content.view_page"],
    }


def test_the_rights_are_the_one_list_in_words(api):
    response = api.get("/roles", token=token_for(make_user("admin")))

    assert {one["name"]: one["description"] for one in response.json()["permissions"]} == permissions.RIGHTS


def test_roles_say_what_they_allow_now_and_not_what_they_came_with(api):
    Group.objects.get(name="author").permissions.clear()

    items = api.get("/roles", token=token_for(make_user("admin"))).json()["items"]

    assert {one["name"]: one["permissions"] for one in items}["author"] == []


def test_the_list_of_roles_costs_the_same_for_few_and_for_many(api, django_assert_num_queries):
    token = token_for(make_user("admin"))
    for number in range(3):
        with django_assert_num_queries(4):  # session with rights, groups, permissions, content types
            api.get("/roles", token=token)
        group_with(f"group {number}", "content.add_page")


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        ((), 403),
        (("content.publish_page",), 403),
        (("accounts.use_desk",), 200),
        (("accounts.view_user",), 200),
        (("auth.view_group",), 200),
    ],
)
def test_roles_are_for_those_who_work_here(api, rights, status):
    assert api.get("/roles", token=token_for(make_one_who_may(*rights))).status_code == status


def test_the_list_of_roles_takes_no_parameters(api):
    assert api.get("/roles?name=admin", token=token_for(make_user("admin"))).status_code == 422


def test_every_right_has_its_place_in_the_form():
    assert {permissions.area_of(right) for right in permissions.RIGHTS} == set(permissions.AREAS.values())
    assert set(permissions.ROLES) == set(Role)


# --- Groups of a site's own, over REST and in the admin --------------------------------------------------------------


def test_one_right_opens_one_thing_over_rest_for_tokens_and_keys_and_in_the_admin(api):
    writer = make_user("author")
    post, page = (
        saving.save_new(BlogPost, {"title": title}, published=None, by=writer, now=clock.now()) for title in "ab"
    )
    publisher = make_one_who_may("accounts.use_desk", "content.view_blogpost", "content.publish_blogpost")
    publisher.groups.add(group_with("key makers", "accounts.add_apikey"))
    publisher = User.objects.get(pk=publisher.pk)
    scopes = ["content.publish_blogpost", "content.view_blogpost"]
    _, key = keys.make(publisher, name="k", scopes=scopes, expires_at=None, now=clock.now())
    client, token = browser(publisher), token_for(publisher)
    headers = {"Authorization": f"Api-Key {key}"}

    publishing.publish(post, by=publisher, now=clock.now())
    listed = [api.get("/posts?status=all", token=token), api.get("/posts?status=all", headers=headers)]
    refused = [
        api.post("/posts", {"title": "x"}, token=token),
        api.post("/posts", {"title": "x"}, headers=headers),
        api.patch(f"/posts/{page.slug}", {"title": "x"}, token=token),
        api.patch(f"/posts/{page.slug}", {"title": "x"}, headers=headers),
        api.get("/pages?status=all", token=token),
        api.get("/users", token=token),
    ]
    pages = [client.get(f"/admin/{path}/") for path in ("content/blogpost", "content/page", "accounts/user")]
    client.post(
        "/admin/content/blogpost/", {"action": "publish", "_selected_action": [str(page.pk)], "select_across": "0"}
    )

    assert [one.status_code for one in listed] == [200, 200]
    assert [one.status_code for one in refused] == [403] * 6
    assert [one.status_code for one in pages] == [200, 403, 403]
    assert {item["title"] for item in api.get("/posts").json()["items"]} == {"a", "b"}


def test_one_who_may_only_see_users_only_sees_them_in_the_admin_too():
    client = browser(make_one_who_may("accounts.use_desk", "accounts.view_user"))
    other = make_user("author", email="other@example.com")
    page = f"/admin/accounts/user/{other.pk}/"

    statuses = [
        client.get("/admin/accounts/user/").status_code,
        client.get(f"{page}change/").status_code,
        client.post(f"{page}change/", {"email": "x@example.com", "username": "x", "role": "admin"}).status_code,
        client.post(f"{page}password/", {"password1": PASSWORD, "password2": PASSWORD}).status_code,
        client.post(f"{page}delete/", {"post": "yes"}).status_code,
        client.get("/admin/accounts/user/add/").status_code,
        client.get(GROUPS).status_code,
    ]

    assert statuses == [200, 200, 403, 403, 403, 403, 403]
    assert User.objects.get(pk=other.pk).email == "other@example.com"


def test_a_group_is_made_in_words_and_changed_and_deleted_and_all_of_it_is_noted():
    client = browser(make_user("admin"))

    form = client.get(f"{GROUPS}add/").text
    client.post(f"{GROUPS}add/", {"name": "interns", "rights": ["content.add_page", "content.view_page"]})
    group = Group.objects.get(name="interns")
    client.post(page_of(group), {"name": "trainees", "rights": ["content.view_page"]})
    held = held_by("trainees")
    client.post(f"{GROUPS}{group.pk}/delete/", {"post": "yes"})

    assert all(words in form.replace("&#x27;", "'") for words in permissions.RIGHTS.values())
    assert "Can add" not in form
    assert (held, Group.objects.filter(pk=group.pk).exists()) == ({"content.view_page"}, False)
    assert list(AuditEntry.objects.order_by("id").values_list("action", "changes")) == [
        (
            "group.created",
            {"name": [None, "interns"], "permissions": [None, ["content.add_page", "content.view_page"]]},
        ),
        (
            "group.updated",
            {
                "name": ["interns", "trainees"],
                "permissions": [["content.add_page", "content.view_page"], ["content.view_page"]],
            },
        ),
        ("group.deleted", {"name": ["trainees", None], "permissions": [["content.view_page"], None]}),
    ]


def test_several_groups_are_deleted_at_once_but_no_role():
    client = browser(make_user("admin"))
    several = [group_with("a"), group_with("b")]

    def delete(groups: list[Group]) -> None:
        chosen = [str(group.pk) for group in groups]
        return client.post(
            GROUPS, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}, follow=True
        )

    delete([*several, Group.objects.get(name="author")])
    kept = Group.objects.count()
    delete(several)

    assert (kept, set(Group.objects.values_list("name", flat=True))) == (6, set(Role.values))


@pytest.mark.parametrize("name", ["author", "Admin", "", "two\nlines", "x" * 151, "interns"])
def test_a_name_that_is_a_roles_or_makes_no_sense_is_refused_at_the_field(name):
    group_with("interns")

    response = browser(make_user("admin")).post(f"{GROUPS}add/", {"name": name})

    assert (response.status_code, "name" in response.context["adminform"].form.errors) == (200, True)
    assert Group.objects.count() == 5


def test_a_role_is_neither_renamed_nor_deleted_and_what_it_allows_can_be_changed():
    admin = make_user("admin")
    client, author = browser(admin), Group.objects.get(name="author")

    client.post(page_of(author), {"name": "writer", "rights": ["content.add_page"]})
    client.post(f"{GROUPS}{author.pk}/delete/", {"post": "yes"})

    assert held_by("author") == {"content.add_page"}
    with pytest.raises(roles.RoleIsBuiltIn):
        roles.change(author, name="writer", permissions=[], by=admin)
    with pytest.raises(roles.RoleIsBuiltIn):
        roles.delete(author, by=admin)
    assert held_by("author") == {"content.add_page"}


def test_what_is_not_on_our_list_stays_in_a_group_and_takes_a_superuser():
    foreign = Permission.objects.get(codename="delete_session")
    group = group_with("interns", "content.add_page")
    group.permissions.add(foreign)
    root = User.objects.create_superuser("root@example.com", "root", PASSWORD)

    browser(root).post(page_of(group), {"name": "interns", "rights": ["content.view_page"]})

    assert held_by("interns") == {"sessions.delete_session", "content.view_page"}


def test_who_changes_groups_hands_out_no_more_than_they_have():
    one = make_one_who_may(
        "accounts.use_desk", *(f"auth.{name}_group" for name in ("view", "add", "change", "delete")), "content.add_page"
    )
    own = one.groups.get(name__startswith="group of")
    client = browser(one)

    offered = client.get(page_of(own)).text
    client.post(page_of(own), {"name": own.name, "rights": ["auth.change_group", "content.publish_page"]})
    client.post(f"{GROUPS}add/", {"name": "more", "rights": ["content.publish_page"]})
    client.post(f"{GROUPS}add/", {"name": "same", "rights": ["content.add_page"]})
    more_than_own = [
        client.post(page_of(Group.objects.get(name="author")), {"name": "author", "rights": []}).status_code,
        client.post(page_of(Group.objects.get(name="admin")), {"name": "admin", "rights": []}).status_code,
    ]

    assert ("write pages" in offered, "publish and unpublish pages" in offered) == (True, False)
    assert more_than_own == [403, 403]
    assert ("content.publish_page" in held_by(own.name), held_by("same")) == (False, {"content.add_page"})
    assert not Group.objects.filter(name="more").exists()
    assert held_by("author") == permissions.GRANTS[Role.AUTHOR]


def test_the_verbs_of_groups_ask_for_the_right_themselves():
    nobody, group = make_user("approver"), group_with("interns")

    for verb in (
        lambda: roles.create("x", [], by=nobody),
        lambda: roles.change(group, name="x", permissions=[], by=nobody),
        lambda: roles.delete(group, by=nobody),
    ):
        with pytest.raises(errors.Forbidden):
            verb()

    assert set(Group.objects.values_list("name", flat=True)) == {*Role.values, "interns"}


def test_the_list_of_groups_costs_the_same_for_few_and_for_many(django_assert_num_queries):
    client = browser(User.objects.create_superuser("root@example.com", "root", PASSWORD))
    for number in range(3):
        with django_assert_num_queries(6):
            response = client.get(GROUPS)
        make_user().groups.add(group_with(f"group {number}", "content.add_page"))

    assert response.status_code == 200
