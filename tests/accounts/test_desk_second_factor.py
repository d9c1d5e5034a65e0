"""The second step of the admin's login, and the page on which somebody sets their own factors up; without a browser."""

import json

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import AuditEntry, User
from tests.accounts.devices import Device, with_app
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

LOGIN, STEP, PASSKEY, SECURITY = (
    "/admin/login/",
    "/admin/login/second-step/",
    "/admin/login/passkey/",
    "/admin/security/",
)


@pytest.fixture
def author() -> User:
    return make_user("author")


def first_step(client: Client, user: User, path: str = LOGIN):
    return client.post(path, {"username": user.email, "password": PASSWORD})


def challenge_for(client: Client, user: User) -> str:
    challenge: str = first_step(client, user).context["challenge"]
    return challenge


def is_inside(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def passkey_of(user: User, client: Client) -> Device:
    """Added on the page, by somebody who is logged in."""
    device = Device()
    begun = client.post(SECURITY, {"step": "begin_passkey", "name": "Laptop", "current_password": PASSWORD})
    ceremony = begun.context["ceremony"]
    credential = json.dumps(device.create(ceremony.options))
    added = {"step": "add_passkey", "challenge": ceremony.challenge, "name": "Laptop", "credential": credential}
    assert client.post(SECURITY, added).context["codes"]
    return device


# --- Logging in ----------------------------------------------------------------------------------------------------


def test_without_a_factor_the_password_is_enough(client, author):
    response = first_step(client, author)

    assert (response.status_code, is_inside(client)) == (302, True)


def test_with_an_app_the_password_opens_nothing(client, author):
    with_app(author)

    response = first_step(client, author)

    assert (response.status_code, response.context["methods"]) == (200, ["totp", "recovery_code"])
    assert not is_inside(client)


def test_the_second_step_is_told_after_the_right_password_alone(client, author):
    with_app(author)

    response = client.post(LOGIN, {"username": author.email, "password": "wrong"})

    assert "challenge" not in response.context
    assert b"One more step" not in response.content


def test_the_code_leads_to_the_page_that_was_asked_for(client, author):
    app, _ = with_app(author)
    challenge = challenge_for(client, author)

    response = client.post(STEP, {"challenge": challenge, "code": app.code(), "next": "/admin/content/page/"})

    assert (response.status_code, response["Location"], is_inside(client)) == (302, "/admin/content/page/", True)
    entry = AuditEntry.objects.filter(action="auth.login").get()
    assert (entry.actor_id, entry.facts) == (author.pk, {"door": "admin", "means": "code"})


@pytest.mark.parametrize(
    "target", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)", "\\\\evil"]
)
def test_it_leads_nowhere_else(client, author, target):
    app, _ = with_app(author)
    challenge = challenge_for(client, author)

    response = client.post(STEP, {"challenge": challenge, "code": app.code(), "next": target})

    assert response["Location"] == "/admin/"


def test_a_wrong_code_may_be_mended_and_opens_nothing(client, author):
    app, _ = with_app(author)

    wrong = client.post(STEP, {"challenge": challenge_for(client, author), "code": "000000"})
    was_inside = is_inside(client)
    right = client.post(STEP, {"challenge": wrong.context["challenge"], "code": app.code()})

    assert (wrong.status_code, was_inside, right.status_code, is_inside(client)) == (200, False, 302, True)


@pytest.mark.parametrize("challenge", ["", "nonsense", "a:b:c"])
def test_a_challenge_of_nobody_leads_back_to_the_login(client, author, challenge):
    app, _ = with_app(author)

    response = client.post(STEP, {"challenge": challenge, "code": app.code()})

    assert (response.status_code, response["Location"], is_inside(client)) == (302, LOGIN, False)


def test_guessing_codes_is_a_counted_door(client, author, settings, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    settings.RATELIMIT_ENABLE = True
    app, _ = with_app(author)
    challenge = challenge_for(client, author)

    answers = [client.post(STEP, {"challenge": challenge, "code": "000000"}).status_code for _ in range(4)]
    last = client.post(STEP, {"challenge": challenge, "code": app.code()})

    assert (answers, last.status_code, is_inside(client)) == ([200] * 4, 429, False)


def test_the_forms_ask_for_their_csrf_token(author):
    app, _ = with_app(author)
    challenge = challenge_for(Client(), author)
    strict = Client(enforce_csrf_checks=True)

    answers = [
        strict.post(STEP, {"challenge": challenge, "code": app.code()}).status_code,
        strict.post(PASSKEY, {}).status_code,
    ]

    assert answers == [403, 403]


def test_a_member_gets_no_second_step(client):
    member = make_user("member")
    with_app(member)

    response = first_step(client, member)

    assert (response.status_code, "challenge" in response.context) == (200, False)


def test_a_passkey_is_a_second_step_and_a_login_of_its_own(client, author):
    client.force_login(author)
    device = passkey_of(author, client)
    client.logout()

    step = first_step(client, author)
    answer = json.dumps(device.get(step.context["passkey_options"]))
    second = client.post(STEP, {"challenge": step.context["challenge"], "credential": answer})
    was_inside = is_inside(client)
    client.logout()
    begun = client.post(PASSKEY, {}).json()
    answer = json.dumps(device.get(begun["options"]))
    alone = client.post(PASSKEY, {"challenge": begun["challenge"], "credential": answer})

    assert (second.status_code, was_inside) == (302, True)
    assert (alone.status_code, is_inside(client)) == (302, True)


def test_a_member_with_a_passkey_does_not_get_in(client):
    author = make_user("author")
    client.force_login(author)
    device = passkey_of(author, client)
    client.logout()
    author.groups.clear()

    begun = client.post(PASSKEY, {}).json()
    answer = json.dumps(device.get(begun["options"]))
    response = client.post(PASSKEY, {"challenge": begun["challenge"], "credential": answer})

    assert (response.status_code, response["Location"], is_inside(client)) == (302, LOGIN, False)


@pytest.mark.parametrize("credential", ["{", "[]", "null", '"text"', "[" * 5000, "{}"])
def test_what_is_no_credential_opens_nothing(client, author, credential):
    begun = client.post(PASSKEY, {}).json()

    response = client.post(PASSKEY, {"challenge": begun["challenge"], "credential": credential})

    assert (response.status_code, response["Location"]) == (302, LOGIN)


# --- One's own page ------------------------------------------------------------------------------------------------


def test_the_page_is_for_those_inside(client):
    response = client.get(SECURITY)

    assert (response.status_code, response["Location"]) == (302, f"{LOGIN}?next={SECURITY}")


def test_setting_up_takes_the_password(client, author):
    client.force_login(author)

    response = client.post(SECURITY, {"step": "begin_totp", "current_password": "wrong"})

    assert b"This is not right." in response.content
    assert "setup" not in response.context


def test_a_wrong_code_sets_nothing_up(client, author):
    client.force_login(author)
    setup = client.post(SECURITY, {"step": "begin_totp", "current_password": PASSWORD}).context["setup"]

    response = client.post(SECURITY, {"step": "confirm_totp", "challenge": setup.challenge, "code": "000000"})

    assert (response.status_code, Authenticator.objects.count()) == (200, 0)


@pytest.mark.parametrize("step", ["remove_totp", "renew_codes", "remove_passkey"])
def test_taking_away_takes_the_password(client, author, step):
    with_app(author)
    client.force_login(author)
    before = Authenticator.objects.count()

    response = client.post(SECURITY, {"step": step, "current_password": "wrong"})

    assert (response.status_code, Authenticator.objects.count()) == (200, before)


def test_the_app_is_removed_with_the_password(client, author):
    with_app(author)
    client.force_login(author)

    response = client.post(SECURITY, {"step": "remove_totp", "current_password": PASSWORD})

    assert (response.status_code, Authenticator.objects.count()) == (302, 0)


def test_a_step_that_is_none_is_said_to_be_none(client, author):
    client.force_login(author)

    assert b"There is no such step." in client.post(SECURITY, {"step": "else"}).content
