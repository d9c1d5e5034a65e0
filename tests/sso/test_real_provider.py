"""Whole logins over real HTTP: our server, a certified provider (npm's oidc-provider), and a browser between them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.house.servers import free_port
from tests.sso.house import ADMIN, FRONTEND, PASSWORD, House, opened
from tests.sso.real_provider import CALLBACK, CLIENT_SECRET, parameters

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("sso")) as found:
        yield found


def refused(location: str) -> str:
    return parameters(location).get("sso_error", f"none in {location}")


def test_a_login_ends_in_the_same_pair_as_one_with_a_password(house: House) -> None:
    person, location = house.log_in("a1")

    answer = person.exchange(parameters(location)["sso_code"])

    assert location.startswith(f"{FRONTEND}?sso_code=")
    body = answer.json()
    assert (answer.status_code, sorted(body), body["user"]["email"]) == (
        200,
        ["access_token", "expires_in", "refresh_token", "token_type", "user"],
        ADMIN,
    )
    me = requests.get(
        f"{house.address}/api/v1/auth/me", headers={"Authorization": f"Bearer {body['access_token']}"}, timeout=15
    )
    assert (me.status_code, me.json()["email"]) == (200, ADMIN)


def test_no_token_is_in_an_address_and_nothing_that_opens_a_door_is_in_the_log(house: House) -> None:
    person = house.person
    back = person.log_in(person.get("/admin/sso/start"), "a1")
    finish = person.get(back).headers["Location"]
    person.get(finish)
    person, location = house.log_in("a1")
    pair = person.exchange(parameters(location)["sso_code"]).json()

    codes = [parameters(back)["code"], parameters(finish)["sso_code"], parameters(location)["sso_code"]]
    tokens = [pair["access_token"], pair["refresh_token"]]
    for secret in (*codes, *tokens, parameters(back)["state"], CLIENT_SECRET, PASSWORD):
        assert secret not in house.stitch.log
    for token in tokens:
        assert token not in location + finish + back


def test_a_code_is_good_once_and_for_whoever_has_the_verifier(house: House) -> None:
    person, location = house.log_in("a1")
    code = parameters(location)["sso_code"]

    stolen = person.exchange(code, verifier="v" * 43)
    first, second = person.exchange(code), person.exchange(code)

    assert [one.status_code for one in (stolen, first, second)] == [401, 200, 401]
    assert {one.json()["code"] for one in (stolen, second)} == {"sso_code_invalid"}


def test_a_callback_works_once(house: House) -> None:
    person = house.person
    back = person.log_in(person.start(FRONTEND), "a1")
    kept = person.session.cookies.copy()

    first = person.get(back)
    person.session.cookies = kept
    second = person.get(back, Accept="application/json")

    assert first.status_code == 302
    assert (second.status_code, second.json()["code"]) == (401, "sso_not_begun")


def test_a_callback_of_another_browser_is_refused(house: House) -> None:
    attacker, victim = house.person, house.person
    back = attacker.log_in(attacker.start(FRONTEND), "stranger")
    victim.start(FRONTEND)

    without_cookie = requests.get(back, allow_redirects=False, timeout=15)
    with_own_cookie = victim.get(back)

    assert (without_cookie.status_code, without_cookie.json()["code"]) == (401, "sso_not_begun")
    assert with_own_cookie.status_code == 401
    assert "This login was not begun in this browser" in with_own_cookie.text


def test_a_login_that_was_cancelled_says_so(house: House) -> None:
    person = house.person

    location = person.get(person.cancel(person.start(FRONTEND))).headers["Location"]

    assert location == f"{FRONTEND}?sso_error=sso_denied"


def test_an_email_that_is_not_verified_opens_no_account(house: House) -> None:
    _, location = house.log_in("unverified")

    assert refused(location) == "sso_email_unverified"
    assert (
        house.ask("from accounts.models import *; print(ExternalIdentity.objects.filter(subject='unverified').count())")
        == "0"
    )


def test_a_stranger_gets_no_account_unless_accounts_are_made(house: House, tmp_path: Path) -> None:
    _, location = house.log_in("stranger")
    with opened(tmp_path, OIDC_CREATE_USERS="1") as generous:
        person, welcomed = generous.log_in("stranger")
        user = person.exchange(parameters(welcomed)["sso_code"]).json()["user"]
        by_password = requests.post(
            f"{generous.address}/api/v1/auth/login", json={"email": "stranger@example.com", "password": ""}, timeout=15
        )

    assert refused(location) == "sso_account_unknown"
    assert (user["email"], user["username"], user["role"]) == ("stranger@example.com", "stranger", "member")
    assert by_password.status_code != 200


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
@pytest.mark.parametrize("claims_in_id_token", ["0", "1"])
def test_other_keys_and_claims_in_the_id_token_do_as_well(alg: str, claims_in_id_token: str, tmp_path: Path) -> None:
    with opened(tmp_path, alg=alg, claims_in_id_token=claims_in_id_token) as house:
        person, location = house.log_in("a1")

        assert person.exchange(parameters(location)["sso_code"]).status_code == 200


def test_a_wrong_client_secret_is_an_outage_that_the_log_explains(tmp_path: Path) -> None:
    with opened(tmp_path, OIDC_CLIENT_SECRET="wrong-secret") as house:
        _, location = house.log_in("a1")

        assert refused(location) == "sso_unavailable"
        assert "its token endpoint answers 401 'invalid_client'" in house.stitch.log
        assert "wrong-secret" not in house.stitch.log


def test_roles_come_from_the_provider_where_they_are_mapped(tmp_path: Path) -> None:
    mapped = {"OIDC_SCOPES": "openid email profile groups", "OIDC_ROLE_CLAIM": "groups"}
    with opened(tmp_path, OIDC_CREATE_USERS="1", OIDC_ROLES="heads:approver", **mapped) as house:
        house.ask(
            "from accounts.models import *; User.objects.filter(email='admin@example.com')"
            ".update(email='superuser@example.com')"
        )
        person, location = house.log_in("a1")
        head = person.exchange(parameters(location)["sso_code"]).json()["user"]
        person, location = house.log_in("stranger")
        stranger = person.exchange(parameters(location)["sso_code"]).json()["user"]

    assert (head["role"], stranger["role"]) == ("approver", "member")


def test_while_the_provider_is_away_everything_else_works_and_nothing_is_a_500(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        person = house.person
        back = person.log_in(person.start(FRONTEND), "a1")
        house.office.stop()

        in_the_middle = person.get(back).headers["Location"]
        house.stitch.get("/healthz")
        at_the_start = house.person.get(
            f"/api/v1/auth/sso/start?return_to={FRONTEND}&challenge={'c' * 43}", Accept="application/json"
        )
        page = house.person.get("/admin/sso/start")
        by_password = requests.post(
            f"{house.address}/api/v1/auth/login", json={"email": ADMIN, "password": PASSWORD}, timeout=15
        )
        office_was_away = house.stitch.log
        house.office.start_again()
        back_again = _eventually(lambda: house.log_in("a1")[1])

    assert refused(in_the_middle) == "sso_unavailable"
    assert (at_the_start.status_code, page.status_code, by_password.status_code) == (302, 302, 200)
    assert "Traceback" not in office_was_away
    assert "sso_code" in parameters(back_again)


def _eventually(attempt: Callable[[], str]) -> str:
    for _ in range(12):
        found = attempt()
        if "sso_code" in found:
            return found
        time.sleep(1)
    return found


def test_a_server_that_has_never_reached_the_provider_says_so(tmp_path: Path) -> None:
    with opened(tmp_path, OIDC_ISSUER=f"http://127.0.0.1:{free_port()}") as house:
        problem = house.person.get(
            f"/api/v1/auth/sso/start?return_to={FRONTEND}&challenge={'c' * 43}", Accept="application/json"
        )
        page = house.person.get("/admin/sso/start")

    assert (problem.status_code, problem.json()["code"]) == (503, "sso_unavailable")
    assert (page.status_code, "Single sign-on is not available" in page.text) == (503, True)
    assert problem.headers["Retry-After"] == page.headers["Retry-After"] == "5"


def test_the_admin_is_entered_with_the_same_callback(house: House) -> None:
    person = house.person
    back = person.log_in(person.get("/admin/sso/start?next=/admin/accounts/user/"), "a1")

    page = person.follow(person.get(back), until="nowhere")

    assert back.startswith(house.address + CALLBACK)
    assert (page.status_code, page.url) == (200, f"{house.address}/admin/accounts/user/")
    assert ADMIN in page.text


def test_whoever_may_not_use_the_admin_is_told_so(tmp_path: Path) -> None:
    with opened(tmp_path, OIDC_CREATE_USERS="1") as house:
        person = house.person
        back = person.log_in(person.get("/admin/sso/start"), "stranger")

        page = person.follow(person.get(back), until="nowhere")

    assert page.status_code == 403
    assert "You are known, and you may not use the admin" in page.text
    assert "sessionid" not in person.session.cookies


def test_a_code_for_the_admin_works_in_the_browser_that_began_alone(house: House) -> None:
    attacker, victim = house.person, house.person
    back = attacker.log_in(attacker.get("/admin/sso/start"), "a1")
    finish = attacker.get(back).headers["Location"]
    victim.get("/admin/sso/start")

    assert victim.get(finish).status_code == 401
    assert requests.get(finish, timeout=15, allow_redirects=False).status_code == 401
    assert attacker.get(finish).status_code == 302


def test_somebody_who_was_deactivated_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        person, location = house.log_in("a1")
        code = parameters(location)["sso_code"]
        house.ask("from accounts.models import *; User.objects.update(is_active=False)")

        late = person.exchange(code)
        _, again = house.log_in("a1")

    assert (late.status_code, late.json()["code"]) == (401, "sso_code_invalid")
    assert refused(again) == "sso_account_unknown"
