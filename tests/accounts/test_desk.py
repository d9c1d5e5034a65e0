"""The admin: its login, users, groups and sessions, as a browser sees them."""

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.desk import DeskSite
from accounts.models import TokenFamily, User
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
USERS = "/admin/accounts/user/"
SESSIONS = "/admin/accounts/tokenfamily/"
NEW_PASSWORD = "another long passphrase"


def superuser() -> User:
    return User.objects.create_superuser("root@example.com", "root", PASSWORD)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def log_in(email: str, password: str = PASSWORD, client: Client | None = None):
    return (client or Client()).post(f"{LOGIN}?next=/admin/", {"username": email, "password": password})


def user_page(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


def run(client: Client, page: str, action: str, *rows):
    return client.post(page, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)


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
                    "message": "Please enter the correct e-mail and password for a staff account. "
                    "Note that both fields may be case-sensitive.",
                    "code": "invalid_login",
                }
            ]
        },
    )
    assert "_auth_user_id" not in response.client.session


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


# --- Users -----------------------------------------------------------------------------------------------------------


def test_the_list_of_users_costs_the_same_for_one_and_for_many(django_assert_num_queries):
    client = browser(superuser())
    queries = 6
    for _ in range(3):
        with django_assert_num_queries(queries):
            response = client.get(USERS)
        make_user("author")
        make_user("approver")

    assert response.status_code == 200
    assert all(text in client.get(USERS).text for text in ("root@example.com", "author", "approver"))


@pytest.mark.parametrize("sought", ["needle@", "the_handle", "Shown Name"])
def test_users_are_found_by_email_username_and_name(sought):
    client = browser(superuser())
    make_user(email="needle@example.com", username="the_handle", display_name="Shown Name")
    make_user(email="hay@example.com")

    text = client.get(USERS, {"q": sought}).text

    assert ("needle@example.com" in text, "hay@example.com" in text) == (True, False)


def test_an_admin_creates_a_user_in_a_role():
    client, author = browser(make_user("admin")), Group.objects.get(name="author")
    form = {"email": "New@Example.com", "username": "new", "display_name": "New", "groups": [author.pk]}

    response = client.post(f"{USERS}add/", form | {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    user = User.objects.get(username="new")
    assert (response.status_code, user.email, user.role(), user.is_active) == (302, "new@example.com", "author", True)
    assert (user.is_superuser, user.check_password(NEW_PASSWORD)) == (False, True)


def test_nobody_is_created_without_a_password():
    client = browser(make_user("admin"))

    response = client.post(f"{USERS}add/", {"email": "new@example.com", "username": "new", "usable_password": "false"})

    assert (response.status_code, User.objects.filter(username="new").exists()) == (200, False)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"email": "TAKEN@example.com"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"username": "TAKEN"}, "username"),
        ({"username": "two words"}, "username"),
        ({"password1": "short", "password2": "short"}, "password2"),
        ({"password2": "something else entirely"}, "password2"),
    ],
)
def test_a_user_that_makes_no_sense_is_refused_beside_the_field(changed, wrong):
    client = browser(make_user("admin"))
    make_user(email="taken@example.com", username="taken")
    form = {"email": "new@example.com", "username": "new"}
    form |= {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    response = client.post(f"{USERS}add/", form | changed)

    assert (response.status_code, wrong in response.context["adminform"].form.errors) == (200, True)
    assert User.objects.filter(username="new").count() == 0


def test_an_admin_changes_name_and_groups():
    user, client = make_user("author"), browser(make_user("admin"))
    approver = Group.objects.get(name="approver")
    form = {"email": user.email, "username": user.username, "display_name": "Renamed", "groups": [approver.pk]}

    response = client.post(user_page(user), form)

    changed = User.objects.get(pk=user.pk)
    assert (response.status_code, changed.display_name, changed.role()) == (302, "Renamed", "approver")


def test_neither_activity_nor_superuser_can_be_smuggled_into_the_form():
    user, client = make_user("author"), browser(make_user("admin"))
    form = {"email": user.email, "username": user.username, "is_superuser": "on", "password": "plain", "id": "x"}

    client.post(user_page(user), form)

    changed = User.objects.get(pk=user.pk)
    assert (changed.is_active, changed.is_superuser, changed.password) == (True, False, user.password)


def test_only_superusers_touch_superusers():
    root, client = superuser(), browser(make_user("admin"))

    answers = [
        client.post(user_page(root), {"email": "taken@example.com", "username": "taken"}),
        client.post(f"{USERS}{root.pk}/password/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}),
        client.post(f"{USERS}{root.pk}/delete/", {"post": "yes"}),
    ]
    run(client, USERS, "deactivate", root)
    client.post(USERS, {"action": "delete_selected", "_selected_action": [str(root.pk)], "post": "yes"})

    kept = User.objects.get(pk=root.pk)
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (kept.email, kept.is_active, kept.check_password(PASSWORD)) == ("root@example.com", True, True)


def test_a_superuser_makes_a_superuser():
    user, client = make_user("author"), browser(superuser())

    client.post(user_page(user), {"email": user.email, "username": user.username, "is_superuser": "on"})

    assert User.objects.get(pk=user.pk).is_superuser is True


@pytest.mark.parametrize("role", ["author", "approver"])
def test_who_is_no_admin_sees_neither_users_nor_sessions_nor_groups(role):
    client = browser(make_user(role))

    statuses = [client.get(page).status_code for page in (USERS, f"{USERS}add/", SESSIONS, "/admin/auth/group/")]

    assert statuses == [403] * 4


def test_a_new_password_set_by_an_admin_logs_the_user_out_everywhere():
    user, client = make_user("author"), browser(make_user("admin"))
    pair_for(user)
    form = {"usable_password": "true", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "set-password": "1"}

    response = client.post(f"{USERS}{user.pk}/password/", form)

    assert (response.status_code, User.objects.get(pk=user.pk).check_password(NEW_PASSWORD)) == (302, True)
    assert user.token_families.get().revoked_at is not None


def test_a_password_changed_by_its_owner_ends_the_tokens_and_keeps_this_browser():
    user = make_user("author")
    client = browser(user)
    pair_for(user)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}

    response = client.post("/admin/password_change/", form)

    assert (response.status_code, client.get("/admin/").status_code) == (302, 200)
    assert user.token_families.get().revoked_at is not None


def test_deactivating_logs_out_everywhere_and_activating_does_not_bring_tokens_back(api):
    user, client = make_user("author"), browser(make_user("admin"))
    pair = pair_for(user)

    run(client, USERS, "deactivate", user)
    inactive = User.objects.get(pk=user.pk).is_active
    run(client, USERS, "activate", user)

    assert (inactive, User.objects.get(pk=user.pk).is_active) == (False, True)
    assert api.get("/auth/me", token=pair.access_token).status_code == 401
    messages = LogEntry.objects.filter(object_id=str(user.pk)).order_by("action_time").values_list("change_message")
    assert [text for (text,) in messages] == ["Deactivated.", "Activated."]


def test_nobody_deactivates_themselves():
    user = make_user("admin")

    response = run(browser(user), USERS, "deactivate", user)

    assert (User.objects.get(pk=user.pk).is_active, "You cannot deactivate yourself" in response.text) == (True, True)


def test_a_user_with_sessions_can_be_deleted():
    user, client = make_user("author"), browser(make_user("admin"))
    pair_for(user)

    response = client.post(f"{USERS}{user.pk}/delete/", {"post": "yes"})

    assert (response.status_code, User.objects.filter(pk=user.pk).exists(), TokenFamily.objects.count()) == (
        302,
        False,
        0,
    )


# --- Groups and sessions ---------------------------------------------------------------------------------------------


def test_an_operator_makes_a_group_of_their_own():
    client = browser(make_user("admin"))
    right = Group.objects.get(name="author").permissions.get(codename="add_page")

    client.post("/admin/auth/group/add/", {"name": "interns", "permissions": [right.pk]})

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
