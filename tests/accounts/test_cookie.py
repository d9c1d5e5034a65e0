"""The refresh token as a cookie: who gets it, what it opens, and to whom it is refused."""

import json

import pytest
from django.urls import get_resolver

from accounts.models import TokenFamily
from tests.accounts.shapes import problem, public_shape
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = pytest.mark.django_db

FRONTEND = "http://localhost:5173"  # of ALLOWED_ORIGINS
CREDENTIAL_PATHS = ["login", "login/second-factor", "login/passkey", "refresh", "logout"]
IN_BODY = {"access_token", "token_type", "expires_in", "user"}


def post(api, door, body=None, *, cookie="", origin=FRONTEND, raw=None, **headers):
    """As a browser would, with exactly this cookie and none that the client of the tests has kept."""
    api.client.cookies.clear()
    sent = {"Origin": origin, "Cookie": cookie, **{name.replace("_", "-"): text for name, text in headers.items()}}
    sent = {name: text for name, text in sent.items() if text}
    return api.request("POST", f"/auth/{door}", body, raw=raw, headers=sent)


def log_in(api, user, **options):
    body = {"email": user.email, "password": PASSWORD, "delivery": "cookie"}
    return post(api, "login", body, **options)


def cookie_of(response) -> str:
    return f"refresh_token={response.cookies['refresh_token'].value}"


def is_deleted(response) -> bool:
    morsel = response.cookies["refresh_token"]
    return (morsel.value, morsel["max-age"], morsel["path"]) == ("", 0, "/api/v1/auth")


def family() -> dict:
    return TokenFamily.objects.values().get()


# --- Who gets it ------------------------------------------------------------------------------------------------------


def test_a_login_puts_the_refresh_token_into_the_cookie_alone(api):
    user = make_user("author")

    response = log_in(api, user)

    body, morsel = response.json(), response.cookies["refresh_token"]
    assert (response.status_code, set(body), body["user"]) == (200, IN_BODY, public_shape(user, "author"))
    assert morsel.value.count(".") == 2
    assert morsel.value not in response.content.decode()
    assert response["Cache-Control"] == "no-store"


def test_the_cookie_is_out_of_reach_of_scripts_of_other_sites_and_of_other_paths(api):
    response = log_in(api, make_user())

    morsel = response.cookies["refresh_token"]
    assert {name: value for name, value in morsel.items() if value and name != "expires"} == {
        "httponly": True,
        "samesite": "Strict",
        "path": "/api/v1/auth",
        "max-age": 7 * 86_400,
    }


def test_behind_https_the_cookie_is_secure(api, settings):
    settings.IS_HTTPS = True

    response = log_in(api, make_user())

    assert response.cookies["refresh_token"]["secure"] is True


@pytest.mark.parametrize("delivery", [{}, {"delivery": "json"}])
def test_without_being_asked_for_there_is_no_cookie(api, delivery):
    user = make_user()

    response = post(api, "login", {"email": user.email, "password": PASSWORD, **delivery}, origin="")

    assert (response.status_code, set(response.json())) == (200, {*IN_BODY, "refresh_token"})
    assert dict(response.cookies) == {}


@pytest.mark.parametrize("delivery", ["Cookie", "header", "", None, 1, ["cookie"]])
def test_there_are_two_ways_of_delivery_and_no_third(api, delivery):
    user = make_user()

    response = post(api, "login", {"email": user.email, "password": PASSWORD, "delivery": delivery})

    assert problem(response) == (422, "validation_error")
    assert [one["field"] for one in response.json()["errors"]] == ["delivery"]
    assert TokenFamily.objects.count() == 0


def test_the_password_form_knows_no_cookie(api):
    user = make_user()
    form = f"grant_type=password&username={user.email}&password={PASSWORD}&delivery=cookie".encode()

    response = api.post("/auth/token", raw=form, content_type="application/x-www-form-urlencoded")

    assert [(one["field"], one["code"]) for one in response.json()["errors"]] == [("delivery", "unknown_field")]


# --- What it opens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_the_cookie_is_exchanged_for_a_new_one(api, raw):
    user = make_user()
    first = log_in(api, user)

    response = post(api, "refresh", raw=raw, cookie=cookie_of(first))

    assert (response.status_code, set(response.json())) == (200, IN_BODY)
    assert cookie_of(response) != cookie_of(first)
    assert response.cookies["refresh_token"]["max-age"] == 7 * 86_400
    assert post(api, "refresh", cookie=cookie_of(response)).status_code == 200
    assert api.get("/auth/me", token=response.json()["access_token"]).status_code == 200


def test_the_page_of_this_server_itself_may_use_it_too(api, settings):
    own = settings.PUBLIC_BASE_URL
    first = log_in(api, make_user(), origin=own, Sec_Fetch_Site="same-origin")

    response = post(api, "refresh", cookie=cookie_of(first), origin=own, Sec_Fetch_Site="same-origin")

    assert response.status_code == 200


def test_a_logout_ends_the_session_and_deletes_the_cookie(api):
    first = log_in(api, make_user())

    response = post(api, "logout", cookie=cookie_of(first))

    assert (response.status_code, response.content, is_deleted(response)) == (204, b"", True)
    assert problem(api.get("/auth/me", token=first.json()["access_token"])) == (401, "token_invalid")
    assert problem(post(api, "refresh", cookie=cookie_of(first))) == (401, "token_invalid")


def test_a_token_in_the_body_wins_over_the_cookie_and_is_answered_in_the_body(api):
    mine = pair_for(make_user())
    other = log_in(api, make_user())

    response = post(api, "refresh", {"refresh_token": mine.refresh_token}, cookie=cookie_of(other))

    assert (response.status_code, response.json()["user"]["id"]) == (200, str(mine.user.pk))
    assert "refresh_token" in response.json()
    assert dict(response.cookies) == {}
    assert post(api, "refresh", cookie=cookie_of(other)).status_code == 200


def test_a_token_in_the_body_needs_no_origin_whatever_cookies_come_along(api):
    mine = pair_for(make_user())

    response = post(api, "logout", {"refresh_token": mine.refresh_token}, cookie="refresh_token=x", origin="")

    assert (response.status_code, dict(response.cookies)) == (204, {})


@pytest.mark.parametrize("door", ["refresh", "logout"])
@pytest.mark.parametrize("raw", [b"", b"{}"])
@pytest.mark.parametrize("cookie", ["", "sessionid=abc", "xrefresh_token=abc", "refresh_token"])
def test_with_neither_body_nor_cookie_the_field_is_missed(api, door, raw, cookie):
    response = post(api, door, raw=raw, cookie=cookie)

    assert problem(response) == (422, "validation_error")
    assert [(one["field"], one["code"]) for one in response.json()["errors"]] == [("refresh_token", "required")]


@pytest.mark.parametrize(
    ("raw", "status"), [(b"[]", 422), (b'{"refresh_token": null}', 422), (b'{"token": "x"}', 422), (b"{", 400)]
)
@pytest.mark.parametrize("door", ["refresh", "logout"])
def test_a_body_that_makes_no_sense_is_refused_although_there_is_a_cookie(api, door, raw, status):
    first = log_in(api, make_user())
    before = family()

    response = post(api, door, raw=raw, cookie=cookie_of(first))

    assert (response.status_code, family()) == (status, before)


def test_a_query_parameter_is_refused_before_anything_is_exchanged(api):
    first = log_in(api, make_user())
    before = family()

    response = post(api, "refresh?next=/", cookie=cookie_of(first))

    assert (problem(response), family()) == ((422, "validation_error"), before)


# --- When it is good for nothing any more -----------------------------------------------------------------------------


def test_a_cookie_that_comes_back_ends_the_session_and_is_deleted(api):
    first = log_in(api, make_user())
    second = post(api, "refresh", cookie=cookie_of(first))

    replay = post(api, "refresh", cookie=cookie_of(first))

    assert (problem(replay), is_deleted(replay)) == ((401, "token_reused"), True)
    assert problem(post(api, "refresh", cookie=cookie_of(second))) == (401, "token_invalid")


@pytest.mark.parametrize("door", ["refresh", "logout"])
@pytest.mark.parametrize("value", ["garbage", "", '"a.b.c"', "ü", "x" * 5000])
def test_a_cookie_that_is_no_token_is_refused_and_deleted(api, door, value):
    response = post(api, door, cookie=f"refresh_token={value}")

    assert (problem(response), is_deleted(response)) == ((401, "token_invalid"), True)


def test_the_loser_of_a_race_keeps_the_cookie_for_the_winner_has_replaced_it(api, monkeypatch):
    first = log_in(api, make_user())
    post(api, "refresh", cookie=cookie_of(first))
    monkeypatch.setattr("accounts.api.views._arrived_at", lambda request: 0.0)

    response = post(api, "refresh", cookie=cookie_of(first))

    assert (problem(response), dict(response.cookies)) == ((401, "already_rotated"), {})


def test_a_refusal_of_a_token_in_the_body_leaves_the_cookie_alone(api):
    response = post(api, "refresh", {"refresh_token": "garbage"}, cookie="refresh_token=x")

    assert (problem(response), dict(response.cookies)) == ((401, "token_invalid"), {})


def test_of_two_cookies_none_is_used(api):
    """A neighbour under the same domain can set a cookie for us, to bring our visitor into the neighbour's account."""
    first, theirs = log_in(api, make_user()), log_in(api, make_user())
    before = list(TokenFamily.objects.order_by("pk").values())

    response = post(api, "refresh", cookie=f"{cookie_of(first)}; {cookie_of(theirs)}")

    assert problem(response) == (401, "token_invalid")
    assert list(TokenFamily.objects.order_by("pk").values()) == before


# --- To whom it is refused --------------------------------------------------------------------------------------------

FOREIGN = {
    "no origin": {"origin": ""},
    "another origin": {"origin": "https://evil.example"},
    "the null origin": {"origin": "null"},
    "a longer name": {"origin": f"{FRONTEND}.evil.example"},
    "another port": {"origin": "http://localhost:5174"},
    "another scheme": {"origin": "https://localhost:5173"},
    "other letters": {"origin": FRONTEND.upper()},
    "a slash at the end": {"origin": f"{FRONTEND}/"},
    "two origins": {"origin": f"{FRONTEND}, https://evil.example"},
    "an allowed origin on another site": {"Sec_Fetch_Site": "cross-site"},
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("door", ["refresh", "logout"])
@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_a_foreign_page_cannot_make_a_browser_spend_the_cookie(api, name, door, raw):
    first = log_in(api, make_user())
    before = family()

    response = post(api, door, raw=raw, cookie=cookie_of(first), **FOREIGN[name])

    assert (problem(response), dict(response.cookies)) == ((403, "csrf_failed"), {})
    assert family() == before
    assert post(api, "refresh", cookie=cookie_of(first)).status_code == 200


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("password", [PASSWORD, "not it"])
def test_a_foreign_page_cannot_log_a_browser_in_nor_learn_whether_it_could(api, name, password):
    user = make_user()
    body = {"email": user.email, "password": password, "delivery": "cookie"}

    response = post(api, "login", body, **FOREIGN[name])

    assert (problem(response), dict(response.cookies)) == ((403, "csrf_failed"), {})
    assert TokenFamily.objects.count() == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_can_send_without_being_asked_is_refused(api, content_type):
    first = log_in(api, make_user())
    before = family()
    headers = {"Cookie": cookie_of(first), "Origin": "https://evil.example"}
    api.client.cookies.clear()

    empty = api.post("/auth/refresh", raw=b"", content_type=content_type, headers=headers)
    filled = api.post("/auth/refresh", raw=b"{}", content_type=content_type, headers=headers)

    assert [problem(empty), problem(filled)] == [(403, "csrf_failed"), (415, "unsupported_media_type")]
    assert family() == before


def test_attempts_with_a_foreign_origin_are_counted_too(api, settings):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "1/m"

    statuses = [post(api, "refresh", cookie="refresh_token=x", origin="").status_code for _ in range(2)]

    assert statuses == [403, 429]


def test_a_cookie_says_nowhere_who_somebody_is(api):
    first = log_in(api, make_user("admin"))
    headers = {"Cookie": f"{cookie_of(first)}; access_token={first.json()['access_token']}", "Origin": FRONTEND}
    api.client.cookies.clear()

    answers = [
        api.get("/auth/me", headers=headers),
        api.post("/posts", {"title": "x"}, headers=headers),
        api.get("/posts?status=all", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


# --- CORS -------------------------------------------------------------------------------------------------------------


def allows_credentials(response) -> bool:
    return response.headers.get("Access-Control-Allow-Credentials") == "true"


@pytest.mark.parametrize("door", CREDENTIAL_PATHS)
def test_pages_of_an_allowed_origin_may_send_cookies_on_the_paths_that_use_them(api, door):
    preflight = {"Origin": FRONTEND, "Access-Control-Request-Method": "POST"}

    asked = api.request("OPTIONS", f"/auth/{door}", headers=preflight)
    answered = post(api, door, {})

    assert [allows_credentials(asked), allows_credentials(answered)] == [True, True]
    assert [answer["Access-Control-Allow-Origin"] for answer in (asked, answered)] == [FRONTEND, FRONTEND]
    assert all("origin" in answer["Vary"].lower() for answer in (asked, answered))


@pytest.mark.parametrize("door", CREDENTIAL_PATHS)
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_pages_of_other_origins_may_not(api, door, origin):
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    answers = [api.request("OPTIONS", f"/auth/{door}", headers=preflight), post(api, door, {}, origin=origin)]

    assert [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")] == []


def every_path() -> list[str]:
    found = get_resolver().reverse_dict.values()
    return sorted({"/" + forms[0][0].replace("%(", "{") for forms, *_ in found if forms})


def test_nowhere_else_are_cookies_allowed(api):
    paths = {f"//{path.lstrip('/')}" for path in every_path()} | {"/auth/token", "/auth/me", "/posts", "/nothing"}
    paths -= {f"//api/v1/auth/{door}" for door in CREDENTIAL_PATHS}
    preflight = {"Origin": FRONTEND, "Access-Control-Request-Method": "GET"}

    answers = {path: api.request("OPTIONS", path, headers=preflight) for path in paths}

    assert len(answers) > 10
    assert [path for path, answer in answers.items() if allows_credentials(answer)] == []


# --- The document -----------------------------------------------------------------------------------------------------


def test_the_document_tells_of_both_answers_and_of_the_refusal(api):
    document = json.loads(api.get("//api/schema").content)
    login, refresh = (document["paths"][f"/api/v1/auth/{door}"]["post"] for door in ("login", "refresh"))

    shapes = document["components"]["schemas"]
    either = shapes["AnyPair"]["oneOf"]
    assert [one["$ref"].rpartition("/")[2] for one in either] == ["TokenPair", "CookiePair"]
    assert set(shapes["CookiePair"]["properties"]) == IN_BODY
    assert shapes["LoginInput"]["properties"]["delivery"]["enum"] == ["json", "cookie"]
    assert refresh["requestBody"]["required"] is False
    assert all("403" in operation["responses"] for operation in (login, refresh))
