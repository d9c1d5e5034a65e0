"""Making, inviting, changing and deleting users over REST."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.db import IntegrityError
from django.utils import timezone

from accounts import keys, mails, people
from accounts.models import ApiKey, AuditEntry, PendingRegistration, TokenFamily, User
from content import saving
from content.models import BlogPost
from core import clock
from tests.accounts.groups import group_with
from tests.accounts.people import NEW, UNKNOWN, actions, key_of, last_entry, reloaded, token_in
from tests.factories import PASSWORD, make_user, pair_for, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return make_user("admin", email="boss@example.com", username="boss")


@pytest.fixture
def token(admin) -> str:
    return token_for(admin)


# --- Creating --------------------------------------------------------------------------------------------------------


def test_a_new_user_is_invited_by_mail(api, token, run_jobs):
    interns = group_with("interns", "content.add_page")

    response = api.post("/users", {**NEW, "display_name": "New", "role": "author", "groups": ["interns"]}, token=token)

    run_jobs()
    user = User.objects.get(username="new")
    assert (response.status_code, response["Location"]) == (201, f"/api/v1/users/{user.pk}")
    assert response.json() == api.get(f"/users/{user.pk}", token=token).json()
    assert (user.email, user.display_name, user.role(), user.has_usable_password()) == (
        "new@example.com",
        "New",
        "author",
        False,
    )
    assert (set(user.groups.all()), response.json()["is_invited"]) == (
        {Group.objects.get(name="author"), interns},
        True,
    )
    assert [one.to for one in mail.outbox] == [["new@example.com"]]
    assert actions() == ["user.created", "user.invited"]


def test_who_is_made_without_a_role_is_a_member(api, token):
    response = api.post("/users", NEW, token=token)

    assert (response.status_code, response.json()["role"], response.json()["permissions"]) == (201, "member", [])


def test_the_invitation_leads_to_a_login(api, token, run_jobs):
    api.post("/users", {**NEW, "role": "author"}, token=token)
    run_jobs()
    link = token_in(mail.outbox[0].body)

    accepted = api.post("/auth/invitation/accept", {"token": link, "password": "another long passphrase"})
    login = api.post("/auth/login", {"email": "new@example.com", "password": "another long passphrase"})

    assert (accepted.status_code, login.status_code) == (204, 200)
    assert login.json()["user"]["role"] == "author"


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"email": "BOSS@example.com"}, "email", "unique"),
        ({"username": "BOSS"}, "username", "unique"),
        ({"email": "nonsense"}, "email", "invalid"),
        ({"email": f"{'a' * 250}@example.com"}, "email", "max_length"),
        ({"email": 5}, "email", "invalid"),
        ({"email": None}, "email", "null"),
        ({"username": "two words"}, "username", "invalid"),
        ({"username": ""}, "username", "blank"),
        ({"display_name": "two\nlines"}, "display_name", "invalid"),
        ({"role": "superuser"}, "role", "invalid_choice"),
        ({"role": None}, "role", "null"),
        ({"role": ["admin"]}, "role", "invalid_choice"),
        ({"groups": ["nobody"]}, "groups.0", "unknown_group"),
        ({"groups": ["admin"]}, "groups.0", "is_a_role"),
        ({"groups": "interns"}, "groups", "not_a_list"),
        ({"groups": [1]}, "groups.0", "invalid"),
        ({"groups": ["x"] * 101}, "groups", "max_length"),
        ({"password": "a long enough passphrase"}, "password", "unknown_field"),
        ({"is_active": False}, "is_active", "unknown_field"),
        ({"is_staff": True}, "is_staff", "unknown_field"),
        ({"user_permissions": [1]}, "user_permissions", "unknown_field"),
    ],
)
def test_a_user_that_makes_no_sense_is_refused_and_not_made(api, token, changed, field, code):
    response = api.post("/users", NEW | changed, token=token)

    wrong = [(one["field"], one["code"]) for one in response.json()["errors"]]
    assert (response.status_code, wrong) == (422, [(field, code)])
    assert (User.objects.count(), actions()) == (1, [])


def test_what_is_only_read_may_be_sent_and_makes_no_difference(api, token):
    response = api.post("/users", {**NEW, "is_superuser": True, "id": UNKNOWN, "permissions": ["x"]}, token=token)

    assert (response.status_code, response.json()["is_superuser"], response.json()["id"] == UNKNOWN) == (
        201,
        False,
        False,
    )


def test_an_email_that_is_taken_in_a_race_is_refused_as_ever(api, token, monkeypatch):
    def lose(self, **kwargs):
        raise IntegrityError

    monkeypatch.setattr(User, "save", lose)

    response = api.post("/users", {**NEW, "email": "boss@example.com"}, token=token)

    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "unique")


def test_a_retry_with_the_same_key_makes_nobody_twice(api, token, run_jobs):
    headers = {"Idempotency-Key": "once"}

    first, second = (api.post("/users", NEW, token=token, headers=headers) for _ in range(2))

    run_jobs()
    assert (first.status_code, second.status_code, first.json() == second.json()) == (201, 201, True)
    assert len(mail.outbox) == 1


def test_an_invitation_is_sent_again(api, token, run_jobs):
    user_id = api.post("/users", NEW, token=token).json()["id"]

    response = api.post(f"/users/{user_id}/invitation", token=token)

    run_jobs()
    assert (response.status_code, len(mail.outbox)) == (202, 2)


@pytest.mark.parametrize("fields", [{"password": PASSWORD}, {"password": None, "is_active": False}])
def test_who_has_a_password_or_is_not_active_is_not_invited(api, token, run_jobs, fields):
    user = make_user(**fields)

    response = api.post(f"/users/{user.pk}/invitation", token=token)

    run_jobs()
    assert (response.status_code, response.json()["code"], mail.outbox) == (409, "cannot_invite", [])


# --- Changing --------------------------------------------------------------------------------------------------------


def test_profile_role_groups_and_activity_are_changed_at_once(api, token, admin):
    user = make_user("author", email="old@example.com", username="old")
    group_with("interns", "content.publish_page")
    body = {"username": "newer", "display_name": "Newer", "role": "approver", "groups": ["interns"], "is_active": False}

    response = api.patch(f"/users/{user.pk}", body, token=token)

    assert (response.status_code, {name: response.json()[name] for name in body}) == (200, body)
    assert response.json() == api.get(f"/users/{user.pk}", token=token).json()
    assert actions() == ["user.updated", "user.role_changed", "user.deactivated"]
    changes = {entry.action: entry.changes for entry in AuditEntry.objects.all()}
    assert changes["user.updated"] == {"username": ["old", "newer"], "display_name": ["", "Newer"]}
    assert changes["user.role_changed"] == {"role": ["author", "approver"], "groups": [[], ["interns"]]}
    assert changes["user.deactivated"] == {"is_active": [True, False]}
    assert {entry.actor_id for entry in AuditEntry.objects.filter(kind="user")} == {admin.pk}


def test_the_same_as_before_is_no_change(api, token):
    user = make_user("author")
    before = api.get(f"/users/{user.pk}", token=token)

    response = api.patch(f"/users/{user.pk}", before.json() | {"role": "author"}, token=token)

    assert (response.status_code, response.json(), response["ETag"]) == (200, before.json(), before["ETag"])
    assert actions() == []


def test_a_role_takes_the_place_of_every_other_role(api, token):
    user = make_user("author")
    user.groups.add(Group.objects.get(name="approver"))

    api.patch(f"/users/{user.pk}", {"role": "member"}, token=token)

    assert [group.name for group in reloaded(user).groups.all()] == ["member"]


def test_a_role_acts_on_the_next_request_of_a_token_an_api_key_and_a_browser(api, token, client):
    user = make_user("approver")
    theirs = token_for(user)
    _, key = keys.make(user, name="k", scopes=["content.view_page"], expires_at=None, now=timezone.now())
    client.force_login(user)
    asked = {"headers": {"Authorization": f"Api-Key {key}"}}
    before = [api.get("/pages?status=all", token=theirs), api.get("/pages?status=all", **asked), client.get("/admin/")]

    api.patch(f"/users/{user.pk}", {"role": "member"}, token=token)

    after = [api.get("/pages?status=all", token=theirs), api.get("/pages?status=all", **asked), client.get("/admin/")]
    assert [one.status_code for one in (*before, *after)] == [200, 200, 200, 403, 403, 302]


def test_a_deactivated_user_is_out_everywhere_and_stays_logged_out_when_activated_again(api, token, client):
    user = make_user("approver")
    theirs = token_for(user)
    _, key = keys.make(user, name="k", scopes=["content.view_page"], expires_at=None, now=timezone.now())
    client.force_login(user)
    asked = {"headers": {"Authorization": f"Api-Key {key}"}}

    api.patch(f"/users/{user.pk}", {"is_active": False}, token=token)
    off = [api.get("/auth/me", token=theirs), api.get("/pages?status=all", **asked), client.get("/admin/")]
    api.patch(f"/users/{user.pk}", {"is_active": True}, token=token)
    on = [api.get("/auth/me", token=theirs), client.get("/admin/")]

    assert [one.status_code for one in (*off, *on)] == [401, 401, 302, 401, 302]


def test_a_new_email_is_told_to_the_old_one(api, token, run_jobs):
    user = make_user(email="old@example.com")
    PendingRegistration.objects.create(
        email="new@example.com", username="x", password="x", created_at=timezone.now(), expires_at=timezone.now()
    )

    response = api.patch(f"/users/{user.pk}", {"email": "NEW@example.com"}, token=token)

    run_jobs()
    assert (response.json()["email"], [one.to for one in mail.outbox]) == ("new@example.com", [["old@example.com"]])
    assert not PendingRegistration.objects.exists()


def test_a_slip_in_an_invitation_is_mended_and_the_right_mailbox_is_asked(api, token, run_jobs):
    user_id = api.post("/users", {**NEW, "email": "slip@example.com"}, token=token).json()["id"]
    run_jobs()
    old_link = token_in(mail.outbox[0].body)

    api.patch(f"/users/{user_id}", {"email": "right@example.com"}, token=token)

    run_jobs()
    assert [one.to[0] for one in mail.outbox] == ["slip@example.com", "right@example.com"]
    refused = api.post("/auth/invitation/accept", {"token": old_link, "password": "another long passphrase"})
    assert refused.json()["code"] == "link_invalid"


@pytest.mark.parametrize("changed", [{"email": "BOSS@example.com"}, {"username": "BOSS"}])
def test_what_somebody_else_has_is_refused(api, token, changed):
    user = make_user(email="mine@example.com", username="mine")

    response = api.patch(f"/users/{user.pk}", {**changed, "role": "approver"}, token=token)

    same = reloaded(user)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "unique")
    assert (same.email, same.username, same.role(), actions()) == ("mine@example.com", "mine", "author", [])


def test_a_write_to_another_version_is_refused(api, token):
    user = make_user("author")
    etag = api.get(f"/users/{user.pk}", token=token)["ETag"]
    first = api.patch(f"/users/{user.pk}", {"role": "approver"}, token=token, headers={"If-Match": etag})

    second = api.patch(f"/users/{user.pk}", {"role": "member"}, token=token, headers={"If-Match": etag})
    third = api.delete(f"/users/{user.pk}", token=token, headers={"If-Match": etag})

    assert [one.status_code for one in (first, second, third)] == [200, 412, 412]
    assert reloaded(user).role() == "approver"
    with_new = api.patch(f"/users/{user.pk}", {"role": "member"}, token=token, headers={"If-Match": first["ETag"]})
    assert with_new.status_code == 200


def test_nobody_deactivates_or_deletes_themselves(api, token, admin):
    make_user("admin")

    answers = [
        api.patch(f"/users/{admin.pk}", {"is_active": False}, token=token),
        api.delete(f"/users/{admin.pk}", token=token),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (409, "cannot_deactivate_yourself"),
        (409, "cannot_delete_yourself"),
    ]
    assert (reloaded(admin).is_active, actions()) == (True, [])
    assert api.get("/auth/me", token=token).status_code == 200


def test_an_administrator_may_step_down_while_another_is_there(api, token, admin):
    make_user("admin")

    response = api.patch(f"/users/{admin.pk}", {"role": "author"}, token=token)

    assert (response.status_code, reloaded(admin).role()) == (200, "author")
    assert api.get("/users", token=token).status_code == 403


# --- Deleting --------------------------------------------------------------------------------------------------------


def test_a_deleted_user_is_gone_with_all_ways_in_and_what_they_wrote_stays(api, token):
    user = make_user("author", email="gone@example.com", username="gone")
    pair = pair_for(user)
    headers = key_of(user, "content.view_page")
    post = saving.save_new(BlogPost, {"title": "Kept"}, published=None, by=user, now=clock.now())

    response = api.delete(f"/users/{user.pk}", token=token)

    assert (response.status_code, User.objects.filter(pk=user.pk).exists()) == (204, False)
    assert api.get("/auth/me", token=pair.access_token).status_code == 401
    assert api.get("/pages?status=all", headers=headers).status_code == 401
    assert (TokenFamily.objects.filter(user_id=user.pk).count(), ApiKey.objects.count()) == (0, 0)
    kept = BlogPost.objects.get(pk=post.pk)
    assert (kept.title, kept.created_by) == ("Kept", None)
    entry = last_entry()
    assert (entry.action, entry.object_id, entry.changes["email"]) == (
        "user.deleted",
        str(user.pk),
        ["gone@example.com", None],
    )


def test_the_names_of_a_deleted_user_are_free_and_the_id_is_not_given_again(api, token):
    user = make_user("author", email="again@example.com", username="again")
    api.delete(f"/users/{user.pk}", token=token)

    response = api.post("/users", {"email": "again@example.com", "username": "again"}, token=token)

    assert (response.status_code, response.json()["id"] == str(user.pk)) == (201, False)
    assert api.get(f"/users/{user.pk}", token=token).status_code == 404


def test_a_mail_to_somebody_deleted_meanwhile_is_not_sent(admin, run_jobs):
    user = people.create(NEW, by=admin, now=timezone.now())
    people.delete(user, by=admin)
    mails.send_invitation.enqueue(user_id=UNKNOWN)

    run_jobs()

    assert mail.outbox == []


def test_who_may_not_is_refused_before_the_body_and_the_query_are_looked_at(api):
    token = token_for(make_user("author"))

    answers = [
        api.post("/users", raw=b"{", token=token),
        api.post("/users", raw=b"x", content_type="text/plain", token=token),
        api.get("/users?nonsense=1", token=token),
    ]

    assert [one.status_code for one in answers] == [403] * 3


def test_nothing_of_a_users_secrets_is_ever_shown(api, token, admin):
    user = make_user()
    pair_for(user)
    stored = reloaded(user)

    text = "".join(api.get(path, token=token).content.decode() for path in ("/users", f"/users/{user.pk}"))

    family = TokenFamily.objects.filter(user=user).get()
    assert not any(secret in text for secret in (stored.password, stored.session_stamp, family.jti))
    assert timezone.now() - stored.created_at < timedelta(minutes=5)
