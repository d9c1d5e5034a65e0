"""Users in the admin, as a browser sees them."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core import mail

from accounts.models import AuditEntry, TokenFamily, User
from tests.accounts.desk import NEW_PASSWORD, SESSIONS, USERS, browser, log_in, run, superuser, user_page
from tests.accounts.groups import make_one_who_may
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = pytest.mark.django_db


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
    client = browser(make_user("admin"))
    form = {"email": "New@Example.com", "username": "new", "display_name": "New", "role": "author"}

    response = client.post(f"{USERS}add/", form | {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    user = User.objects.get(username="new")
    assert (response.status_code, user.email, user.role(), user.is_active) == (302, "new@example.com", "author", True)
    assert (user.is_superuser, user.check_password(NEW_PASSWORD)) == (False, True)


def test_whoever_is_created_without_a_password_is_invited(run_jobs):
    client = browser(make_user("admin"))

    response = client.post(f"{USERS}add/", {"email": "new@example.com", "username": "new", "role": "member"})

    run_jobs()
    user = User.objects.get(username="new")
    assert (response.status_code, user.has_usable_password(), [one.to for one in mail.outbox]) == (
        302,
        False,
        [["new@example.com"]],
    )


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
    form = {"email": "new@example.com", "username": "new", "role": "member"}
    form |= {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}

    response = client.post(f"{USERS}add/", form | changed)

    assert (response.status_code, wrong in response.context["adminform"].form.errors) == (200, True)
    assert User.objects.filter(username="new").count() == 0


def test_an_admin_changes_name_role_and_groups():
    user, client = make_user("author"), browser(make_user("admin"))
    interns = Group.objects.create(name="interns")
    form = {"email": user.email, "username": user.username, "display_name": "Renamed"}

    response = client.post(user_page(user), form | {"role": "approver", "groups": [interns.pk]})

    changed = User.objects.get(pk=user.pk)
    names = set(changed.groups.values_list("name", flat=True))
    assert (response.status_code, changed.display_name, names) == (302, "Renamed", {"approver", "interns"})


def test_neither_activity_nor_superuser_can_be_smuggled_into_the_form():
    user, client = make_user("author"), browser(make_user("admin"))
    form = {"email": user.email, "username": user.username, "role": "author"}

    client.post(user_page(user), form | {"is_superuser": "on", "is_active": "", "password": "plain", "id": "x"})

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
    form = {"email": user.email, "username": user.username, "role": "admin", "is_superuser": "on"}

    client.post(user_page(user), form)

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
    user, _ = make_user("admin"), make_user("admin")

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


def test_several_users_are_deleted_at_once_after_a_question():
    several, client = [make_user("author", email=f"gone{n}@example.com") for n in range(2)], browser(make_user("admin"))
    chosen = {"action": "delete_selected", "_selected_action": [str(user.pk) for user in several]}

    asked = client.post(USERS, chosen)
    kept = User.objects.count()
    client.post(USERS, {**chosen, "post": "yes"})

    assert ("gone1@example.com" in asked.text, "what they wrote stays" in asked.text) == (True, True)
    assert (kept, User.objects.count()) == (3, 1)


def test_an_admin_sets_no_password_of_their_own_without_the_present_one():
    user = make_user("admin")
    client = browser(user)

    response = client.post(f"{USERS}{user.pk}/password/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/admin/password_change/")
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_a_weak_password_is_refused_at_the_field():
    user, client = make_user("author"), browser(make_user("admin"))

    response = client.post(f"{USERS}{user.pk}/password/", {"password1": "12345678", "password2": "12345678"})

    assert (response.status_code, "password2" in response.context["form"].errors) == (200, True)
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_a_password_set_by_an_admin_is_noted_and_told_to_its_owner(run_jobs):
    user, admin = make_user("author"), make_user("admin")

    browser(admin).post(f"{USERS}{user.pk}/password/", {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    run_jobs()
    entry = AuditEntry.objects.get(action="auth.password_changed")
    assert (entry.actor_id, entry.object_id, entry.changes) == (admin.pk, str(user.pk), {})
    assert [one.to for one in mail.outbox] == [[user.email]]


def test_an_invitation_is_sent_again_to_those_who_wait_for_one(run_jobs):
    waiting, here = make_user(password=None), make_user()

    response = run(browser(make_user("admin")), USERS, "invite", waiting, here)

    run_jobs()
    assert [one.to for one in mail.outbox] == [[waiting.email]]
    assert "Only somebody active who has no password yet can be invited" in response.text


def test_somebody_is_logged_out_everywhere_and_may_come_back(api):
    user, client = make_user("author"), browser(make_user("admin"))
    pair, theirs = pair_for(user), browser(user)

    run(client, USERS, "log_out", user)

    assert (api.get("/auth/me", token=pair.access_token).status_code, theirs.get("/admin/").status_code) == (401, 302)
    assert log_in(user.email).status_code == 302


def test_somebodys_second_factors_are_taken_away_and_never_ones_own():
    user, admin = make_user("author"), make_user("admin")
    for owner in (user, admin):
        Authenticator.objects.create(user=owner, type=Authenticator.Type.TOTP, data={"secret": "x"})

    run(browser(admin), USERS, "reset_factors", user, admin)

    assert [factor.user_id for factor in Authenticator.objects.all()] == [admin.pk]


@pytest.mark.parametrize(
    "lookup",
    [
        "session_stamp__startswith=a",
        "password__startswith=md5",
        "token_families__jti__startswith=a",
        "api_keys__hash__startswith=a",
        "groups__user__password__startswith=md5",
    ],
)
def test_nobody_learns_secrets_by_asking_the_list_for_them(lookup):
    assert browser(superuser()).get(f"{USERS}?{lookup}").status_code == 400


def test_nobody_learns_the_tokens_of_sessions_by_asking_the_list_for_them():
    client = browser(superuser())

    statuses = [client.get(f"{SESSIONS}?{ask}").status_code for ask in ("jti__startswith=a", "revoked_at__isempty=1")]

    assert statuses == [400, 200]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("role=author", {"an-author"}),
        ("role=admin", {"root"}),
        ("is_active__exact=0", {"off"}),
        ("q=AN-author", {"an-author"}),
        ("role=nonsense", {"root", "an-author", "off", "grouped"}),
    ],
)
def test_users_are_filtered(filters, expected):
    make_user("author", username="an-author")
    make_user("member", username="off", is_active=False)
    make_user("member", username="grouped")
    client = browser(superuser())

    response = client.get(f"{USERS}?{filters}")

    assert {user.username for user in response.context["cl"].result_list} == expected


def test_users_are_filtered_by_the_groups_of_the_site():
    interns = Group.objects.create(name="interns")
    make_user("member", username="grouped").groups.add(interns)
    client = browser(superuser())

    found, all_of_them = (client.get(f"{USERS}?group={value}") for value in (interns.pk, "nonsense"))

    counts = [len(response.context["cl"].result_list) for response in (found, all_of_them)]
    assert counts == [1, 2]


def test_the_pages_of_other_packages_are_not_there():
    """Through them rows could be changed past our verbs."""
    names = {model._meta.label for model in admin.site._registry}

    assert not {name for name in names if name.startswith(("mfa.", "account.", "token_blacklist."))}


def test_a_new_user_gets_no_more_than_the_one_who_makes_it_has():
    maker = make_one_who_may("accounts.use_desk", "accounts.view_user", "accounts.add_user")
    client, form = browser(maker), {"email": "new@example.com", "username": "new"}

    refused = client.post(f"{USERS}add/", {**form, "role": "admin"})
    made = client.post(f"{USERS}add/", {**form, "role": "member"})

    assert (refused.status_code, made.status_code) == (200, 302)
    assert User.objects.get(username="new").role() == "member"


def test_where_no_group_was_made_yet_the_form_leads_to_making_one():
    client, member = browser(make_user("admin")), make_user("member")

    before = client.get(user_page(member)).text
    Group.objects.create(name="Newsroom")
    after = client.get(user_page(member)).text

    assert ["None yet." in page for page in (before, after)] == [True, False]
    assert 'href="/admin/auth/group/add/">Add a group' in before
