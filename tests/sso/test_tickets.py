"""The one-time code with which a frontend gets its pair."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts import activation, tokens
from accounts.models import TokenFamily, User
from tests.conftest import Api
from tests.factories import make_user
from tests.sso.forger import Forger
from tests.sso.steps import CHALLENGE, VERIFIER, code_of, exchange

pytestmark = pytest.mark.django_db


def test_a_code_is_good_once(api: Api, office: Forger, author: User) -> None:
    code = code_of(api, office)

    answers = [exchange(api, code) for _ in range(2)]

    assert [one.status_code for one in answers] == [200, 401]
    assert answers[1].json()["code"] == "sso_code_invalid"
    assert TokenFamily.objects.count() == 1


def test_a_stolen_code_is_worthless_and_still_its_owners(api: Api, office: Forger, author: User) -> None:
    code = code_of(api, office)

    guesses = [exchange(api, code, verifier).status_code for verifier in ("v" * 43, CHALLENGE, "", VERIFIER + "x")]

    assert set(guesses) <= {401, 422}
    assert exchange(api, code).status_code == 200


def test_a_code_is_good_for_a_minute(api: Api, office: Forger, author: User) -> None:
    code = code_of(api, office)

    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=65)):
        assert exchange(api, code).status_code == 401
    assert not TokenFamily.objects.exists()


@pytest.mark.parametrize("code", ["x", ":" * 3, "WyJhIl0:1:x", "ü"])
def test_a_code_that_is_none_is_refused(api: Api, office: Forger, code: str) -> None:
    assert exchange(api, code).status_code == 401


def test_two_codes_of_the_same_second_are_two(api: Api, office: Forger, author: User) -> None:
    with time_machine.travel(datetime.now(UTC), tick=False):
        codes = [code_of(api, office) for _ in range(2)]

        assert [exchange(api, code).status_code for code in codes] == [200, 200]


@pytest.mark.parametrize("end", ["logout of all", "deactivation", "no longer active", "new password"])
def test_what_ends_all_sessions_ends_a_login_that_is_under_way(
    api: Api, office: Forger, author: User, end: str
) -> None:
    code = code_of(api, office)

    match end:
        case "logout of all":
            tokens.revoke_all(author, now=datetime.now(UTC))
        case "deactivation":
            activation.deactivate(author, by=make_user("admin"), now=datetime.now(UTC))
        case "no longer active":
            User.objects.filter(pk=author.pk).update(is_active=False)
        case "new password":
            author.set_password("another long passphrase")
            author.save()

    refused = exchange(api, code)
    assert (refused.status_code, refused.json()["code"]) == (401, "sso_code_invalid")
    assert not TokenFamily.objects.filter(user=author).exists()


def test_the_refresh_token_comes_as_a_cookie_on_request(api: Api, office: Forger, author: User) -> None:
    code = code_of(api, office)

    answer = api.post(
        "/auth/sso/exchange",
        {"code": code, "verifier": VERIFIER, "delivery": "cookie"},
        headers={"Origin": "http://localhost:5173"},
    )

    assert (answer.status_code, "refresh_token" in answer.json()) == (200, False)
    assert answer.cookies["refresh_token"]["httponly"]


def test_unknown_fields_are_refused(api: Api, office: Forger) -> None:
    assert exchange(api, "x", role="admin").status_code == 422
