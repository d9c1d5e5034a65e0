"""Attacks that once worked."""

import json
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.test import Client

from accounts.factors import passkeys
from accounts.models import AuditEntry, User
from tests.accounts import mailbox
from tests.accounts.desk import NEW_PASSWORD, browser
from tests.accounts.devices import Device, with_app
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

EMAIL = "member@example.com"
STRANGERS = "the passphrase of a stranger"
PASSWORD_CHANGE = "/admin/password_change/"
FORM = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


def register(api, username: str, password: str) -> None:
    wanted = {"email": EMAIL, "username": username, "password": password}
    assert api.post("/auth/register", wanted).status_code == 202


def log_in(api, password: str) -> int:
    status: int = api.post("/auth/login", {"email": EMAIL, "password": password}).status_code
    return status


@pytest.fixture
def unlimited(settings):
    settings.RATELIMIT_ENABLE = False
    settings.REGISTRATION = "open"


# --- A stranger registers with the e-mail of somebody who registers too -------------------------------------------


def test_the_link_of_a_stranger_in_ones_own_mailbox_does_not_make_the_strangers_password_ones_own(
    api, run_jobs, unlimited
):
    register(api, "member", PASSWORD)
    run_jobs()
    register(api, "stranger", STRANGERS)
    api.post("/auth/verify-email/resend", {"email": EMAIL})

    verified = api.post("/auth/verify-email", {"token": mailbox.asked(run_jobs, EMAIL)})

    assert verified.status_code == 204
    assert [log_in(api, STRANGERS), log_in(api, PASSWORD)] == [401, 401]
    assert AuditEntry.objects.get(action="auth.email_verified").facts == {"contested": True}


def test_who_fills_a_mailbox_with_links_of_their_own_gains_nothing(api, run_jobs, unlimited):
    for number in range(3):
        register(api, f"stranger{number}", STRANGERS)
    token = mailbox.asked(run_jobs, EMAIL)
    register(api, "member", PASSWORD)
    run_jobs()

    assert api.post("/auth/verify-email", {"token": token}).status_code == 204
    assert log_in(api, STRANGERS) == 401


def test_the_owner_of_the_mailbox_is_mailed_a_link_to_choose_a_password(api, run_jobs, unlimited):
    register(api, "stranger", STRANGERS)
    register(api, "member", PASSWORD)
    api.post("/auth/verify-email", {"token": mailbox.asked(run_jobs, EMAIL)})

    chosen = {"token": mailbox.asked(run_jobs, EMAIL), "password": NEW_PASSWORD}
    answer = api.post("/auth/password-reset/confirm", chosen)

    assert (answer.status_code, log_in(api, NEW_PASSWORD)) == (204, 200)


def test_the_page_says_that_a_password_is_still_to_be_chosen(api, run_jobs, unlimited):
    register(api, "stranger", STRANGERS)
    register(api, "member", PASSWORD)

    sent = urlencode({"token": mailbox.asked(run_jobs, EMAIL)})
    page = Client().post("/verify-email", sent, content_type="application/x-www-form-urlencoded")

    assert (page.status_code, b"none of the passwords counts" in page.content) == (200, True)


def test_a_registration_that_has_expired_contests_nothing(api, run_jobs, unlimited, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z")
    register(api, "stranger", STRANGERS)
    run_jobs()
    time_machine.shift(86_401)
    register(api, "member", PASSWORD)

    api.post("/auth/verify-email", {"token": mailbox.asked(run_jobs, EMAIL)})

    assert [log_in(api, STRANGERS), log_in(api, PASSWORD)] == [401, 200]


# --- One's own password in the admin ------------------------------------------------------------------------------


def test_a_password_that_was_changed_in_the_admin_is_told_to_its_owner_and_to_the_trail(run_jobs):
    user = make_user("author")

    response = browser(user).post(PASSWORD_CHANGE, FORM)
    run_jobs()

    entry = AuditEntry.objects.get(action="auth.password_changed")
    assert (response.status_code, entry.actor_id, entry.object_id) == (302, user.pk, str(user.pk))
    assert [message.to for message in mail.outbox] == [[user.email]]


@pytest.mark.parametrize("taken", [{"is_active": False}, {"password": "changed"}])
def test_changing_ones_password_in_the_admin_takes_back_nothing_that_was_done_meanwhile(taken, monkeypatch):
    user = make_user("author")
    client = browser(user)
    is_right = User.check_password

    def check_password(self: User, raw: str | None) -> bool:
        found = is_right(self, raw)
        User.objects.filter(pk=user.pk).update(**taken)
        return found

    monkeypatch.setattr(User, "check_password", check_password)
    response = client.post(PASSWORD_CHANGE, FORM)

    stored = User.objects.get(pk=user.pk)
    expected = {"is_active": True, "password": user.password} | taken
    assert (stored.is_active, stored.password) == (expected["is_active"], expected["password"])
    assert response.status_code == 200
    assert not AuditEntry.objects.filter(action="auth.password_changed").exists()


def test_a_new_password_in_the_admin_leaves_alone_what_somebody_else_changed_meanwhile(monkeypatch):
    user = make_user("author")
    client = browser(user)
    is_right = User.check_password

    def check_password(self: User, raw: str | None) -> bool:
        found = is_right(self, raw)
        User.objects.filter(pk=user.pk).update(email="new@example.com")
        return found

    monkeypatch.setattr(User, "check_password", check_password)

    assert client.post(PASSWORD_CHANGE, FORM).status_code == 302
    assert User.objects.get(pk=user.pk).email == "new@example.com"


# --- Second factors -----------------------------------------------------------------------------------------------


def test_a_challenge_of_the_api_is_no_way_into_the_admin_for_those_who_may_not_use_it(api, client):
    user = make_user("member")
    app, _ = with_app(user)
    asked = api.post("/auth/login", {"email": user.email, "password": PASSWORD}).json()

    response = client.post("/admin/login/second-step/", {"challenge": asked["challenge"], "code": app.code()})

    assert (response.status_code, response["Location"]) == (302, "/admin/login/")
    assert "_auth_user_id" not in client.session
    assert not AuditEntry.objects.filter(action="auth.login").exists()


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\u2028b"])
def test_the_name_of_a_passkey_is_one_line_in_the_admin_too(name):
    """PostgreSQL refuses a NUL in JSON with an error of its own."""
    user = make_user("author")
    client, device = browser(user), Device()
    begin = {"step": "begin_passkey", "name": "Laptop", "current_password": PASSWORD}
    ceremony = client.post("/admin/security/", begin).context["ceremony"]
    credential = json.dumps(device.create(ceremony.options))
    added = {"step": "add_passkey", "challenge": ceremony.challenge, "credential": credential, "name": name}

    refused = client.post("/admin/security/", added)

    assert (refused.status_code, passkeys.all_of(user)) == (200, [])
    assert "One line" in refused.context["error"]
