"""The way of a browser: to the provider, and back. The provider is a forger: an honest one never says most of this."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.http import HttpResponse

from accounts import tokens
from accounts.models import ExternalIdentity, TokenFamily, User
from accounts.sso import provider, tickets
from tests.conftest import Api
from tests.sso.forger import CLIENT_ID, Forger, Signer, json_answer
from tests.sso.steps import (
    CHALLENGE,
    COOKIE,
    FRONTEND,
    callback,
    come_back,
    exchange,
    sent_to_provider,
    start,
    told,
)

pytestmark = pytest.mark.django_db


# --- To the provider --------------------------------------------------------------------------------------------------


def test_the_browser_goes_to_the_provider_with_all_that_binds_the_answer_to_it(api: Api, office: Forger) -> None:
    first, second = sent_to_provider(start(api)), sent_to_provider(start(api))

    assert {name: first[name] for name in first if name not in ("state", "nonce", "code_challenge")} == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "http://localhost:8000/api/v1/auth/sso/callback",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
    }
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43
        assert first[name] != second[name]


def test_the_way_back_is_built_from_configuration_and_not_from_the_host(api: Api, office: Forger) -> None:
    sent = api.get(
        f"/auth/sso/start?{urlencode({'return_to': FRONTEND, 'challenge': CHALLENGE})}",
        headers={"X-Forwarded-Host": "evil.example.com"},
    )

    assert sent.asgi_request.get_host() == "testserver"
    assert sent_to_provider(sent)["redirect_uri"] == "http://localhost:8000/api/v1/auth/sso/callback"


def test_the_cookie_is_short_lived_and_for_no_script(api: Api, office: Forger, settings: Any) -> None:
    plain = start(api).cookies[COOKIE]
    settings.IS_HTTPS = True
    secure = start(api).cookies[f"__Host-{COOKIE}"]

    assert (plain["httponly"], plain["samesite"], plain["max-age"], plain["path"]) == (True, "Lax", 600, "/")
    assert (secure["secure"], secure["domain"], secure["path"]) == (True, "", "/")


def test_the_cookie_holds_nothing_that_the_provider_is_sent(api: Api, office: Forger) -> None:
    response = start(api)

    value = response.cookies[COOKIE].value
    shown = base64.urlsafe_b64decode(value.split(":")[0] + "==").decode()
    for secret in sent_to_provider(response).values():
        assert secret not in shown


FOREIGN = [
    "https://evil.example.com/",
    "http://localhost:5173.evil.example.com/",
    "http://localhost:5173@evil.example.com/",
    "http://localhost:51733/",
    "https://localhost:5173/",
    "HTTP://LOCALHOST:5173/",
    "//localhost:5173/",
    "/relative",
    "javascript:alert(1)//http://localhost:5173/",
    "http://localhost:5173\\@evil.example.com/",
    "http://localhost:5173/\r\nSet-Cookie: a=b",
    " http://localhost:5173/",
    "http://localhost:5173/#fragment",
    "http://localhost:5173/?sso_code=somebody-elses",
    "http://localhost:5173/?sso_error=",
    "http://[localhost:5173/",
    "http://localhost:5173/ünïcode",
    "http://localhost:5173/" + "a" * 1000,
]


@pytest.mark.parametrize("return_to", FOREIGN)
def test_nobody_is_sent_to_an_address_that_was_not_named(api: Api, office: Forger, return_to: str) -> None:
    response = start(api, return_to=return_to)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "return_to")
    assert office.asked == []
    assert COOKIE not in response.cookies


@pytest.mark.parametrize("challenge", ["", "short", "c" * 44, "c" * 42 + "=", "c" * 42 + "\n"])
def test_without_a_challenge_nothing_begins(api: Api, office: Forger, challenge: str) -> None:
    response = start(api, challenge=challenge)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "challenge")


def test_unknown_parameters_are_refused(api: Api, office: Forger) -> None:
    assert start(api, prompt="none").status_code == 422


def test_the_start_is_no_door_and_the_documents_are_read_once(api: Api, office: Forger, settings: Any) -> None:
    settings.RATELIMIT_ENABLE = True

    statuses = [start(api).status_code for _ in range(8)]

    assert statuses == [302] * 8
    assert office.times("/.well-known/openid-configuration") == 1


# --- And back ---------------------------------------------------------------------------------------------------------


def test_a_known_user_comes_back_with_a_code_and_gets_a_pair(api: Api, office: Forger, author: User) -> None:
    back = told(come_back(api, office))

    answer = exchange(api, back["sso_code"])

    assert (answer.status_code, answer.json()["user"]["id"]) == (200, str(author.pk))
    assert tokens.identify(answer.json()["access_token"])[0] == author
    assert answer["Cache-Control"] == "no-store"


def test_the_provider_is_asked_as_the_standard_says(api: Api, office: Forger, author: User) -> None:
    challenge = sent_to_provider(start(api))["code_challenge"]
    come_back(api, office)
    come_back(api, office)

    asked = [one for one in office.asked if one.path == "/token"]
    basic = base64.b64decode(asked[0].headers["Authorization"].removeprefix("Basic ")).decode()
    verifiers = [one.form.pop("code_verifier") for one in asked]
    assert basic == "stitch:a+secret%3A+with%2Fall%2Bsorts%25"
    assert asked[0].form == {
        "grant_type": "authorization_code",
        "code": "c-1",
        "redirect_uri": "http://localhost:8000/api/v1/auth/sso/callback",
    }
    assert len(set(verifiers)) == 2
    assert tickets.challenge_of(verifiers[0]) != challenge


def test_the_verifier_belongs_to_the_challenge_of_this_very_login(api: Api, office: Forger, author: User) -> None:
    sent = sent_to_provider(start(api))
    office.claims["nonce"] = sent["nonce"]

    callback(api, state=sent["state"], code="c-1")

    (asked,) = (one for one in office.asked if one.path == "/token")
    assert tickets.challenge_of(asked.form["code_verifier"]) == sent["code_challenge"]


def test_a_provider_that_takes_secrets_in_the_form_gets_it_there(api: Api, office: Forger, author: User) -> None:
    office.discovery["token_endpoint_auth_methods_supported"] = ["client_secret_post", "private_key_jwt"]

    come_back(api, office)

    (asked,) = (one for one in office.asked if one.path == "/token")
    assert (asked.form["client_id"], asked.form["client_secret"]) == (CLIENT_ID, "a secret: with/all+sorts%")
    assert "Authorization" not in asked.headers


def refused_at_the_door(response: HttpResponse, office: Forger) -> bool:
    problem = response.json()
    return (response.status_code, problem["code"], office.times("/token")) == (401, "sso_not_begun", 0)


def test_without_the_cookie_of_the_browser_that_began_nothing_is_asked(api: Api, office: Forger, author: User) -> None:
    state = sent_to_provider(start(api))["state"]

    response = callback(Api(), state=state, code="c-1")

    assert refused_at_the_door(response, office)


def test_a_state_of_another_browser_is_refused(api: Api, office: Forger, author: User) -> None:
    attacker = Api()
    state = sent_to_provider(start(attacker))["state"]
    start(api)

    response = callback(api, state=state, code="c-of-the-attacker")

    assert refused_at_the_door(response, office)


@pytest.mark.parametrize("state", ["", "ä", "x" * 5000])
def test_a_state_that_is_none_is_refused(api: Api, office: Forger, state: str) -> None:
    start(api)

    assert refused_at_the_door(callback(api, state=state, code="c-1"), office)


def test_a_cookie_that_was_tampered_with_is_refused(api: Api, office: Forger, author: User) -> None:
    sent = sent_to_provider(start(api))
    sealed = api.client.cookies[COOKIE].value
    payload, stamp, signature = sealed.split(":")
    content = base64.urlsafe_b64decode(payload + "==").replace(b"localhost:5173", b"localhost:6666")
    forged = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    api.client.cookies[COOKIE] = f"{forged}:{stamp}:{signature}"

    assert refused_at_the_door(callback(api, state=sent["state"], code="c-1"), office)


def test_a_login_takes_ten_minutes_at_most(api: Api, office: Forger, author: User) -> None:
    begun = datetime.now(UTC)
    sent = sent_to_provider(start(api))
    cookie = api.client.cookies[COOKIE].value

    with time_machine.travel(begun + timedelta(minutes=10, seconds=5)):
        api.client.cookies[COOKIE] = cookie
        response = callback(api, state=sent["state"], code="c-1")

    assert refused_at_the_door(response, office)


def test_a_callback_is_good_once_also_if_it_failed(api: Api, office: Forger, author: User) -> None:
    sent = sent_to_provider(start(api))
    cookie = api.client.cookies[COOKIE].value
    office.claims["nonce"] = "another"

    first = callback(api, state=sent["state"], code="c-1")
    office.claims["nonce"] = sent["nonce"]
    api.client.cookies[COOKIE] = cookie
    second = callback(api, state=sent["state"], code="c-1")

    assert told(first) == {"sso_error": "sso_answer_invalid"}
    assert (second.status_code, office.times("/token")) == (401, 1)


def test_the_cookie_is_gone_after_the_callback(api: Api, office: Forger, author: User) -> None:
    response = come_back(api, office)

    assert (response.cookies[COOKIE].value, response.cookies[COOKIE]["max-age"]) == ("", 0)
    assert response["Referrer-Policy"] == "no-referrer"


def test_what_the_provider_adds_is_ignored_and_what_counts_comes_once(api: Api, office: Forger, author: User) -> None:
    sent = sent_to_provider(start(api))
    office.claims["nonce"] = sent["nonce"]

    twice = api.get(f"/auth/sso/callback?state={sent['state']}&code=c-1&code=c-2")
    once = callback(api, state=sent["state"], code="c-1", session_state="abc", scope="openid", authuser="0")

    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "code")
    assert "sso_code" in told(once)


@pytest.mark.parametrize("error", ["access_denied", "server_error", "<script>"])
def test_an_error_of_the_provider_is_told_by_our_code(api: Api, office: Forger, error: str) -> None:
    response = come_back(api, office, code="", error=error)

    assert told(response) == {"sso_error": "sso_denied"}
    assert office.times("/token") == 0


@pytest.mark.parametrize("code", ["", "c\n1", "ü", "c" * 4097])
def test_a_code_that_cannot_be_one_is_not_sent_on(api: Api, office: Forger, code: str) -> None:
    response = come_back(api, office, code=code)

    assert told(response)["sso_error"] in ("sso_denied", "sso_answer_invalid")
    assert office.times("/token") == 0


def test_another_sender_than_the_issuer_is_not_believed(api: Api, office: Forger, author: User) -> None:
    wrong = told(come_back(api, office, iss="https://evil.example.com"))
    right = come_back(api, office, iss=office.issuer)
    office.claims.pop("nonce")
    office.discovery["authorization_response_iss_parameter_supported"] = True
    provider.forget()
    missing = told(come_back(api, office))

    assert wrong == missing == {"sso_error": "sso_answer_invalid"}
    assert right.status_code == 302


def test_a_code_that_the_provider_does_not_know_ends_the_login(api: Api, office: Forger, author: User) -> None:
    office.answers["/token"] = json_answer(400, {"error": "invalid_grant"})

    assert told(come_back(api, office)) == {"sso_error": "sso_answer_invalid"}


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"aud": "another-client"},
        {"iss": "https://evil.example.com"},
        {"exp": 1},
        {"azp": "another-client"},
        {"at_hash": "AAAA"},
    ],
)
def test_an_id_token_that_does_not_prove_it_lets_nobody_in(
    api: Api, office: Forger, author: User, changed: dict[str, Any]
) -> None:
    office.claims.update(changed)

    assert told(come_back(api, office)) == {"sso_error": "sso_answer_invalid"}
    assert not ExternalIdentity.objects.exists()
    assert not TokenFamily.objects.exists()


def test_a_new_key_of_the_provider_is_fetched_when_it_is_used(api: Api, office: Forger, author: User) -> None:
    come_back(api, office)
    office.claims.pop("nonce")
    office.signer = Signer.make(kid="new")

    assert "sso_code" in told(come_back(api, office))
    assert office.times("/keys") == 2


def test_a_browser_gets_a_page_and_a_program_a_problem(api: Api, office: Forger) -> None:
    page = api.get("/auth/sso/callback?state=x", headers={"Accept": "text/html,*/*"})

    assert (page.status_code, page["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "This login was not begun in this browser" in page.content.decode()
    assert "default-src 'none'" in page["Content-Security-Policy"]


def test_callback_and_exchange_are_counted_doors(api: Api, office: Forger, settings: Any) -> None:
    settings.RATELIMIT_ENABLE = True

    statuses = [callback(api, state="x").status_code for _ in range(3)]
    statuses += [exchange(api, "x").status_code for _ in range(3)]

    assert statuses == [401] * 5 + [429]
