"""How far somebody gets who manages users: nobody hands out, or takes over, more than they have."""

import pytest
from django.contrib.auth.models import Group

from accounts.models import ApiKey, AuditEntry, User
from accounts.permissions import RIGHTS
from tests.accounts.groups import group_with, make_one_who_may
from tests.accounts.people import NEW, actions, key_of, last_entry, reloaded, superuser
from tests.factories import PASSWORD, make_user, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return make_user("admin", email="boss@example.com", username="boss")


@pytest.fixture
def token(admin) -> str:
    return token_for(admin)


@pytest.mark.parametrize(
    "body",
    [
        {"role": "admin"},
        {"role": "author"},
        {"groups": ["publishers"]},
        {"groups": ["managers", "publishers"]},
    ],
)
def test_who_manages_users_raises_neither_themselves_nor_others(api, body):
    manager, other = make_one_who_may("accounts.view_user", "accounts.change_user"), make_user("member")
    group_with("publishers", "content.publish_page")
    group_with("managers", "accounts.change_user")
    token = token_for(manager)

    answers = [api.patch(f"/users/{user.pk}", body, token=token) for user in (manager, other)]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "may_not_grant")] * 2
    assert (reloaded(other).get_all_permissions(), reloaded(manager).role(), actions()) == (set(), "member", [])


def test_who_creates_users_gives_them_no_more_than_they_have(api):
    token = token_for(make_one_who_may("accounts.add_user", "content.publish_page"))
    group_with("publishers", "content.publish_page")

    made = api.post("/users", {**NEW, "groups": ["publishers"]}, token=token)
    refused = api.post("/users", {"email": "b@example.com", "username": "b", "role": "author"}, token=token)

    assert (made.status_code, refused.status_code, refused.json()["code"]) == (201, 403, "may_not_grant")
    assert not User.objects.filter(username="b").exists()


@pytest.mark.parametrize(
    "body", [{"email": "mine@example.com"}, {"is_active": False}, {"role": "member"}, {"display_name": "x"}]
)
@pytest.mark.parametrize("is_active", [True, False])
def test_nobody_touches_somebody_who_may_more_or_would_when_active(api, body, is_active):
    manager = make_one_who_may("accounts.change_user", "accounts.delete_user")
    victim = make_user("admin", email="victim@example.com", is_active=is_active)
    make_user("admin")
    token = token_for(manager)

    answers = [api.patch(f"/users/{victim.pk}", body, token=token), api.delete(f"/users/{victim.pk}", token=token)]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "may_not_manage")] * 2
    same = reloaded(victim)
    assert (same.email, same.role(), same.is_active) == ("victim@example.com", "admin", is_active)


def test_who_manages_users_manages_those_who_may_less(api):
    token, user = token_for(make_one_who_may("accounts.change_user")), make_user("member")

    response = api.patch(f"/users/{user.pk}", {"display_name": "Renamed", "is_active": False}, token=token)

    assert (response.status_code, reloaded(user).is_active) == (200, False)


@pytest.mark.parametrize("body", [{"email": "x@example.com"}, {"role": "member"}, {"is_active": False}])
def test_superusers_are_managed_by_superusers_only(api, token, body):
    root = superuser()

    answers = [api.patch(f"/users/{root.pk}", body, token=token), api.delete(f"/users/{root.pk}", token=token)]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(403, "may_not_manage")] * 2
    assert (reloaded(root).is_superuser, reloaded(root).is_active) == (True, True)


def test_a_role_below_admin_ends_being_a_superuser(api):
    root, other = superuser(), User.objects.create_superuser("other@example.com", "other", PASSWORD)

    response = api.patch(f"/users/{other.pk}", {"role": "author"}, token=token_for(root))

    assert (response.json()["role"], response.json()["is_superuser"]) == ("author", False)
    assert last_entry().changes == {"role": ["admin", "author"], "is_superuser": [True, False]}


def test_an_admin_hands_out_what_was_taken_from_the_role(api, token):
    Group.objects.get(name="admin").permissions.remove(
        *Group.objects.get(name="admin").permissions.filter(codename__startswith="publish")
    )
    user = make_user("author")

    response = api.patch(f"/users/{user.pk}", {"role": "approver"}, token=token)

    assert (response.status_code, reloaded(user).role()) == (200, "approver")


@pytest.mark.parametrize("make", [superuser, lambda: make_user("admin")])
def test_an_api_key_of_an_administrator_reaches_as_far_as_its_scopes(api, make):
    maker, author, member = make(), make_user("author"), make_user("member")
    headers = key_of(maker, "accounts.change_user", "accounts.view_user")

    answers = [
        api.patch(f"/users/{maker.pk}", {"email": "x@example.com"}, headers=headers),
        api.patch(f"/users/{author.pk}", {"email": "x@example.com"}, headers=headers),
        api.patch(f"/users/{member.pk}", {"role": "admin"}, headers=headers),
        api.patch(f"/users/{member.pk}", {"display_name": "Renamed"}, headers=headers),
        api.post("/users", NEW, headers=headers),
        api.delete(f"/users/{member.pk}", headers=headers),
    ]

    codes = [one.json().get("code") for one in answers]
    assert codes == ["may_not_manage", "may_not_manage", "may_not_grant", None, *["permission_denied"] * 2]
    assert (reloaded(member).display_name, reloaded(member).role()) == ("Renamed", "member")
    assert AuditEntry.objects.get(action="user.updated").api_key_id == ApiKey.objects.get().pk


def test_an_api_key_touches_no_superuser_whatever_its_scopes(api):
    root, other = superuser(), User.objects.create_superuser("other@example.com", "other", PASSWORD)

    response = api.patch(f"/users/{other.pk}", {"role": "member"}, headers=key_of(root, *RIGHTS))

    assert (response.status_code, reloaded(other).is_superuser) == (403, True)


def test_one_who_only_sees_users_changes_none(api):
    token, user = token_for(make_one_who_may("accounts.view_user")), make_user("member")

    answers = [
        api.get("/users", token=token),
        api.get(f"/users/{user.pk}", token=token),
        api.get("/roles", token=token),
        api.patch(f"/users/{user.pk}", {"display_name": "x"}, token=token),
        api.post("/users", NEW, token=token),
        api.delete(f"/users/{user.pk}", token=token),
        api.post(f"/users/{user.pk}/invitation", token=token),
        api.get("/pages?status=all", token=token),
    ]

    assert [one.status_code for one in answers] == [200, 200, 200, 403, 403, 403, 403, 403]


def test_a_key_does_not_manage_whoever_made_it(api, admin):
    headers = key_of(admin, *RIGHTS)

    answer = api.patch(f"/users/{admin.pk}", {"display_name": "x"}, headers=headers)

    assert (answer.status_code, answer.json()["code"], reloaded(admin).display_name) == (403, "may_not_manage", "")


def test_ones_own_email_is_changed_where_the_password_is_asked_for(api, admin, token):
    answer = api.patch(f"/users/{admin.pk}", {"email": "other@example.com"}, token=token)

    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_change_your_own_email")
    assert reloaded(admin).email == "boss@example.com"


def test_the_role_admin_is_the_highest_however_little_it_holds(api, admin):
    make_user("admin")
    role, held = Group.objects.get(name="admin"), ("accounts.view_user", "accounts.change_user")
    role.permissions.set(group_with("little", *held).permissions.all())
    manager = make_one_who_may(*held)
    token = token_for(manager)

    raised = api.patch(f"/users/{manager.pk}", {"role": "admin"}, token=token)
    taken = api.patch(f"/users/{admin.pk}", {"email": "mine@example.com"}, token=token)

    assert [(one.status_code, one.json()["code"]) for one in (raised, taken)] == [
        (403, "may_not_grant"),
        (403, "may_not_manage"),
    ]
