"""The admin: its login, groups and sessions, as a browser sees them."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.desk.site import DeskSite
from accounts.models import TokenFamily, User
from tests.accounts.desk import LOGIN, SESSIONS, USERS, browser, log_in, run, superuser
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = pytest.mark.django_db


# --- The door --------------------------------------------------------------------------------------------------------


def test_the_admin_is_our_site_wherever_it_is_asked_for():
    assert (type(admin.site._wrapped), admin.site.name) == (DeskSite, "admin")


@pytest.mark.parametrize("role", ["author", "approver", "admin"])
def test_whoever_may_use_the_desk_logs_in_with_the_email(role):
    client = Client()

    response = log_in(make_user(role).email.upper(), client=client)

    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("account", ["wrong", "unknown", "inactive", "member", "too long"])
def test_every_refusal_of_the_login_form_is_the_same(account):
    make_user("admin", email="wrong@example.com")
    make_user("admin", email="inactive@example.com", is_active=False)
    make_user("member", email="member@example.com")
    passwords = {"wrong": "not it", "too long": "x" * 1025}

    response = log_in(f"{account.split()[0]}@example.com", passwords.get(account, PASSWORD))

    form = response.context["form"]
    assert (response.status_code, form.errors.get_json_data()) == (
        200,
        {
            "__all__": [
                {
                    "message": "E-mail and password do not fit together, or this account may not use the admin.",
                    "code": "invalid_login",
                }
            ]
        },
    )
    assert "_auth_user_id" not in response.client.session


def test_the_login_leads_whoever_forgot_to_the_page_for_a_new_password():
    page = Client().get(LOGIN).text

    assert [words in page for words in ('href="/password-reset"', "Forgotten your password?")] == [True, True]


@pytest.mark.parametrize(("page", "status"), [(USERS, 403), ("/admin/nothing/", 404)])
def test_a_refusal_leads_back_to_the_admin(page, status):
    response = browser(make_user("approver")).get(page)

    assert (response.status_code, 'href="/admin/"' in response.text, "style=" in response.text) == (status, True, False)


def test_a_form_from_elsewhere_is_refused_with_a_way_back():
    user = make_user("author")
    strict = Client(enforce_csrf_checks=True)

    response = strict.post(LOGIN, {"username": user.email, "password": PASSWORD})

    assert (response.status_code, "Back to the admin" in response.text) == (403, True)
    assert "_auth_user_id" not in strict.session


def test_without_a_session_every_page_leads_to_the_login():
    for page in ("/admin/", USERS, SESSIONS):
        assert Client().get(page)["Location"] == f"{LOGIN}?next={page}"


def test_a_login_without_a_page_to_go_on_to_leads_to_the_start():
    response = Client().post(LOGIN, {"username": make_user("author").email, "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_a_member_with_a_session_does_not_get_in():
    assert browser(make_user("member")).get("/admin/").status_code == 302


def test_beyond_the_limit_the_login_shows_a_page_that_says_how_long_to_wait(settings, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"
    user = make_user("admin")
    for _ in range(5):
        log_in(user.email, "not it")

    response = log_in(user.email)

    assert (response.status_code, "_auth_user_id" in response.client.session) == (429, False)
    assert f"Please wait {response['Retry-After']} second" in response.text
    assert Client().get(LOGIN).status_code == 200


def test_guessing_the_old_password_in_a_stolen_session_is_limited_too(settings, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"
    client, guess = browser(make_user("admin")), {"old_password": "x", "new_password1": "y", "new_password2": "y"}

    statuses = [client.post("/admin/password_change/", guess).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]


def test_a_deactivated_user_is_out_of_the_admin_at_once():
    user = make_user("admin")
    client = browser(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert client.get("/admin/").status_code == 302


# --- Groups and sessions ---------------------------------------------------------------------------------------------


def test_an_operator_makes_a_group_of_their_own():
    client = browser(make_user("admin"))
    right = Group.objects.get(name="author").permissions.get(codename="add_page")

    client.post("/admin/auth/group/add/", {"name": "interns", "rights": ["content.add_page"]})

    assert list(Group.objects.get(name="interns").permissions.all()) == [right]


def test_the_list_of_sessions_costs_the_same_for_one_and_for_many(django_assert_num_queries):
    client = browser(superuser())
    for _ in range(3):
        pair_for(make_user())
        with django_assert_num_queries(4):
            response = client.get(SESSIONS)

    assert response.status_code == 200
    assert response.text.count("192.0.2.1") == 3


def test_a_session_is_shown_without_what_identifies_its_token():
    client = browser(superuser())
    pair_for(make_user())
    family = TokenFamily.objects.get()

    response = client.get(f"{SESSIONS}{family.pk}/change/")

    assert (response.status_code, family.jti in response.text, "192.0.2.1" in response.text) == (200, False, True)


def test_a_session_can_be_neither_added_nor_changed_nor_deleted():
    client = browser(superuser())
    pair_for(make_user())
    family = TokenFamily.objects.get()

    statuses = [
        client.post(f"{SESSIONS}{path}").status_code
        for path in ("add/", f"{family.pk}/change/", f"{family.pk}/delete/")
    ]

    assert (statuses, TokenFamily.objects.get().jti) == ([403] * 3, family.jti)


def test_an_admin_revokes_a_session_and_no_other(api):
    client, user = browser(make_user("admin")), make_user()
    gone, kept = pair_for(user), pair_for(user)

    run(client, SESSIONS, "revoke", TokenFamily.objects.earliest("created_at"))

    statuses = [api.get("/auth/me", token=pair.access_token).status_code for pair in (gone, kept)]
    assert statuses == [401, 200]


def test_seeing_sessions_is_not_yet_ending_them():
    watchers = Group.objects.create(name="watchers")
    watchers.permissions.set(
        Group.objects.get(name="admin").permissions.filter(codename__in=["use_desk", "view_tokenfamily"])
    )
    user = make_user("member")
    user.groups.set([watchers])
    pair_for(make_user())

    run(browser(user), SESSIONS, "revoke", TokenFamily.objects.get())

    assert TokenFamily.objects.get().revoked_at is None


def test_the_admin_has_an_address_of_its_own():
    assert reverse("admin:index") == "/admin/"
