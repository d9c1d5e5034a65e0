"""What we ask of a provider, and what becomes of it when the answer is broken, endless, late or somebody else's."""

import time
from typing import Any

import pytest
from django.http import HttpResponse

from accounts.models import ExternalIdentity, User
from accounts.sso import flow, linking, outbound, tickets
from tests.conftest import Api
from tests.sso.forger import Forger, dripping_answer, json_answer, raw_answer, silent_answer
from tests.sso.steps import callback, come_back, enter, exchange, sent_to_provider, start, told

pytestmark = pytest.mark.django_db


DISCOVERY = "/.well-known/openid-configuration"


def unavailable(response: HttpResponse) -> bool:
    return (response.status_code, response.json()["code"], response["Retry-After"]) == (503, "sso_unavailable", "5")


BROKEN: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example.com"},
    "an issuer with a slash": {"issuer": "http://127.0.0.1/"},
    "no token endpoint": {"token_endpoint": None},
    "a token endpoint in the clear": {"token_endpoint": "http://login.example.com/token"},
    "keys from a file": {"jwks_uri": "file:///etc/passwd"},
    "an address that is none": {"authorization_endpoint": ["https://login.example.com"]},
    "user info in the clear": {"userinfo_endpoint": "http://login.example.com/me"},
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_document_that_cannot_be_trusted_is_not_used(api: Api, office: Forger, case: str) -> None:
    office.discovery.update(BROKEN[case])

    assert unavailable(start(api))


def test_the_document_of_an_issuer_with_a_slash_is_found(api: Api, office: Forger, settings: Any) -> None:
    settings.OIDC_ISSUER = office.discovery["issuer"] = f"{office.issuer}/"

    assert start(api).status_code == 302


ANSWERS: dict[str, Any] = {
    "an error": json_answer(500, {}),
    "a redirect": raw_answer(302, b"", Location="/elsewhere"),
    "no JSON": raw_answer(200, b"<html>"),
    "no object": json_answer(200, []),
    "a key twice": raw_answer(200, b'{"issuer": "a", "issuer": "b"}'),
    "depth": raw_answer(200, b"[" * 100_000),
    "no end": raw_answer(200, b'{"a": "' + b"a" * 1_100_000 + b'"}'),
    "silence": silent_answer(1.5),
    "drops": dripping_answer(1.5),
    "something packed": raw_answer(200, b"\x1f\x8b", **{"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_whatever_a_broken_provider_answers_is_a_503_in_bounded_time(
    api: Api, office: Forger, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "SECONDS", 0.5)
    office.answers[DISCOVERY] = ANSWERS[case]
    started = time.monotonic()

    response = start(api)

    assert unavailable(response)
    assert time.monotonic() - started < 1.3
    assert len(office.asked) == 1


@pytest.mark.parametrize("path", ["/token", "/keys", "/me"])
@pytest.mark.parametrize("case", ["an error", "a redirect", "no JSON", "no object", "no end"])
def test_a_provider_that_breaks_in_the_middle_ends_the_login_with_a_code(
    api: Api, office: Forger, author: User, path: str, case: str
) -> None:
    office.claims = {}
    office.answers[path] = ANSWERS[case]

    assert enter(api, office) == "sso_unavailable"
    assert office.times("/elsewhere") == 0
    assert not ExternalIdentity.objects.exists()


def test_a_provider_that_just_did_not_answer_is_not_asked_again_at_once(
    api: Api, office: Forger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "SECONDS", 0.2)
    office.answers[DISCOVERY] = silent_answer(0.5)
    start(api)
    started = time.monotonic()

    answers = [start(api) for _ in range(5)]
    office.answers.clear()
    monkeypatch.setattr(time, "monotonic", lambda: started + outbound.REST_SECONDS + 1)
    later = start(api)

    assert all(unavailable(one) for one in answers)
    assert (len(office.asked), later.status_code) == (2, 302)


def test_no_more_than_half_of_the_connections_wait_for_the_provider(api: Api, office: Forger) -> None:
    taken = 0
    while outbound._slots.acquire(blocking=False):
        taken += 1
    try:
        response = start(api)
    finally:
        outbound._slots.release(taken)

    assert unavailable(response)
    assert (taken, office.asked) == (4, [])
    assert start(api).status_code == 302


def test_the_log_says_what_is_wrong_and_names_no_secret(
    api: Api, office: Forger, author: User, caplog: pytest.LogCaptureFixture
) -> None:
    office.answers["/token"] = json_answer(401, {"error": "invalid_client"})

    back = told(come_back(api, office))

    assert back == {"sso_error": "sso_unavailable"}
    assert "its token endpoint answers 401 'invalid_client'" in caplog.text
    assert "a secret" not in caplog.text


def test_a_login_says_nothing_in_the_log_that_is_a_secret(
    api: Api, office: Forger, author: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    sent = sent_to_provider(start(api))
    office.claims["nonce"] = sent["nonce"]
    code = told(callback(api, state=sent["state"], code="the-code-of-the-provider"))["sso_code"]
    pair = exchange(api, code).json()

    for secret in (code, pair["access_token"], pair["refresh_token"], "the-code-of-the-provider", sent["state"]):
        assert secret not in caplog.text


def test_refusals_say_what_to_do() -> None:
    kinds = (flow.NotBegun, flow.Denied, linking.EmailNotVerified, linking.AccountUnknown, tickets.CodeInvalid)

    assert all(kind.meaning for kind in kinds)
