"""/auth over HTTP: what goes in, what comes out, and in which order refusals are given."""

import base64
import json
import logging
from urllib.parse import urlencode

import pytest

from accounts.models import TokenFamily
from core.models import IdempotentAnswer
from tests.accounts.shapes import problem, public_shape
from tests.factories import PASSWORD, make_user, pair_for, token_for

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


def log_in(api, user, password=PASSWORD, **options):
    return api.post("/auth/login", {"email": user.email, "password": password}, **options)


def post_form(api, fields, **options):
    raw = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return api.post("/auth/token", raw=raw, content_type=FORM, **options)


def wrong_fields(response) -> list[tuple[str, str]]:
    assert problem(response) == (422, "validation_error")
    return [(one["field"], one["code"]) for one in response.json()["errors"]]


# --- Login ---------------------------------------------------------------------------------------------------------


def test_a_login_answers_with_a_pair_and_the_user(api):
    user = make_user("author", display_name="Author")

    response = log_in(api, user)

    body = response.json()
    assert (response.status_code, set(body)) == (
        200,
        {"access_token", "refresh_token", "token_type", "expires_in", "user"},
    )
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["user"] == public_shape(user, "author")
    assert response["Cache-Control"] == "no-store"


def test_a_login_remembers_address_and_agent(api):
    user = make_user()

    log_in(api, user, headers={"User-Agent": "Browser\x07/1.0"})

    family = user.token_families.get()
    assert (family.address, family.user_agent) == ("127.0.0.1", "Browser\\x07/1.0")


def test_a_login_takes_the_email_in_any_case_and_the_password_as_it_is(api):
    user = make_user(password="  Spaces Count  ")

    statuses = [
        api.post("/auth/login", {"email": f" {user.email.upper()} ", "password": password}).status_code
        for password in ("  Spaces Count  ", "Spaces Count", "  spaces count  ")
    ]

    assert statuses == [200, 401, 401]


def test_wrong_unknown_and_inactive_are_one_answer_to_the_byte(api):
    make_user(email="wrong@example.com")
    make_user(email="inactive@example.com", is_active=False)

    answers = [
        api.post("/auth/login", {"email": f"{name}@example.com", "password": password})
        for name, password in (("wrong", "not it"), ("unknown", "not it"), ("inactive", PASSWORD))
    ]

    contents = {answer.content.replace(answer["X-Request-ID"].encode(), b"id") for answer in answers}
    headers = {tuple((k, v) for k, v in sorted(answer.items()) if k != "X-Request-ID") for answer in answers}
    assert (len(contents), len(headers)) == (1, 1)
    assert {problem(answer) for answer in answers} == {(401, "invalid_credentials")}
    assert answers[0]["WWW-Authenticate"] == "Bearer"
    assert TokenFamily.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("email", "required"), ("password", "required")]),
        ({"email": "", "password": ""}, [("email", "blank"), ("password", "blank")]),
        ({"email": None, "password": None}, [("email", "null"), ("password", "null")]),
        ({"email": 1, "password": True}, [("email", "invalid"), ("password", "invalid")]),
        ({"email": ["a"], "password": {"b": 1}}, [("email", "invalid"), ("password", "invalid")]),
        ({"email": "a" * 255, "password": "x"}, [("email", "max_length")]),
        ({"email": "a", "password": "x" * 1025}, [("password", "max_length")]),
        ({"email": "a", "password": "x", "remember": True}, [("remember", "unknown_field")]),
        ([], [("", "invalid")]),
        ("text", [("", "invalid")]),
    ],
)
def test_a_login_that_makes_no_sense_is_refused_field_by_field(api, body, expected):
    assert wrong_fields(api.post("/auth/login", body)) == expected


@pytest.mark.parametrize("raw", [b"{", b'{"email":"a","email":"b","password":"x"}', b'{"email":"\\u0000"}', b"\xff"])
def test_what_cannot_be_parsed_is_400(api, raw):
    assert problem(api.post("/auth/login", raw=raw)) == (400, "malformed_request")


def test_a_form_is_no_login(api):
    response = api.post("/auth/login", raw=b"email=a&password=b", content_type=FORM)

    assert problem(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize("door", ["login", "token", "refresh", "logout"])
def test_a_door_takes_post_only(api, door):
    response = api.get(f"/auth/{door}")

    assert (problem(response), response["Allow"]) == ((405, "method_not_allowed"), "POST, OPTIONS")


@pytest.mark.parametrize("door", ["login", "token", "refresh", "logout"])
def test_a_door_has_no_query_parameters(api, door):
    fields = {"grant_type": "password", "username": "a", "password": "b"}
    bodies = {"login": {"email": "a", "password": "b"}, "refresh": {"refresh_token": "x"}}

    if door == "token":
        response = api.post("/auth/token?next=/", raw=urlencode(fields).encode(), content_type=FORM)
    else:
        response = api.post(f"/auth/{door}?next=/", bodies.get(door, bodies["refresh"]))

    assert wrong_fields(response) == [("next", "unknown_parameter")]


def test_a_token_in_the_query_string_is_no_token(api):
    user = make_user()

    assert problem(api.get(f"/auth/me?access_token={token_for(user)}")) == (401, "not_authenticated")


def test_an_expired_token_in_the_header_does_not_keep_anybody_from_logging_in(api):
    assert log_in(api, make_user(), token="expired").status_code == 200


def test_an_idempotency_key_is_ignored(api):
    user = make_user()

    answers = [log_in(api, user, headers={"Idempotency-Key": "once"}).json() for _ in range(2)]

    assert answers[0]["refresh_token"] != answers[1]["refresh_token"]
    assert (user.token_families.count(), IdempotentAnswer.objects.count()) == (2, 0)


def test_no_password_or_token_reaches_the_log(api, caplog):
    user = make_user()

    with caplog.at_level(logging.DEBUG):
        body = log_in(api, user).json()
        log_in(api, user, password="a wrong passphrase")
        api.post("/auth/refresh", {"refresh_token": body["refresh_token"]})
        api.post("/auth/refresh", {"refresh_token": body["refresh_token"]})

    text = "\n".join(str(record.__dict__) for record in caplog.records)
    secrets = (PASSWORD, "a wrong passphrase", body["access_token"], body["refresh_token"], user.email)
    assert [secret for secret in secrets if secret in text] == []
    assert str(user.pk) in text


# --- The OAuth2 password form ---------------------------------------------------------------------------------------


def test_the_password_form_answers_like_a_login(api):
    user = make_user("author")

    response = post_form(api, {"grant_type": "password", "username": user.email, "password": PASSWORD})

    body = response.json()
    assert (response.status_code, body["token_type"], body["user"]) == (200, "Bearer", public_shape(user, "author"))
    assert api.get("/auth/me", token=body["access_token"]).status_code == 200


def test_the_password_form_is_sent_as_swagger_ui_sends_it(api):
    user = make_user()
    fields = {"grant_type": "password", "username": user.email, "password": PASSWORD, "scope": ""}
    basic = f"Basic {base64.b64encode(b':').decode()}"

    headers = {"Authorization": basic, "X-Requested-With": "XMLHttpRequest"}
    response = post_form(api, fields | {"client_id": "", "client_secret": ""}, headers=headers)

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"username": "a", "password": "b"}, [("grant_type", "required")]),
        ({"grant_type": "authorization_code", "username": "a", "password": "b"}, [("grant_type", "invalid_choice")]),
        ({"grant_type": "password"}, [("username", "required"), ("password", "required")]),
        ({"grant_type": "password", "username": "a", "password": "x" * 1025}, [("password", "max_length")]),
        (
            {"grant_type": "password", "username": "a", "password": "b", "email": "c"},
            [("email", "unknown_field")],
        ),
        (
            b"grant_type=password&username=a&username=b&password=c&password=d",
            [("password", "duplicate"), ("username", "duplicate")],
        ),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_field_by_field(api, fields, expected):
    assert wrong_fields(post_form(api, fields)) == expected


@pytest.mark.parametrize(
    "raw", [b"username=\xff", b"username=%ff", b"username=%00", b"username=%ED%A0%80", b"a=1&" * 30]
)
def test_a_form_that_cannot_be_parsed_is_400(api, raw):
    assert problem(post_form(api, raw)) == (400, "malformed_request")


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_the_password_form_is_a_form_only(api, content_type):
    response = api.post("/auth/token", raw=b"grant_type=password", content_type=content_type)

    assert problem(response) == (415, "unsupported_media_type")


def test_a_wrong_password_in_the_form_is_the_same_refusal(api):
    user = make_user()

    response = post_form(api, {"grant_type": "password", "username": user.email, "password": "not it"})

    assert problem(response) == (401, "invalid_credentials")


# --- Refresh --------------------------------------------------------------------------------------------------------


def test_a_refresh_answers_with_a_new_pair_of_the_same_shape(api):
    user = make_user("author")
    first = log_in(api, user).json()

    response = api.post("/auth/refresh", {"refresh_token": first["refresh_token"]})

    second = response.json()
    assert (response.status_code, set(second), second["user"]) == (200, set(first), first["user"])
    assert second["refresh_token"] != first["refresh_token"]
    assert api.get("/auth/me", token=second["access_token"]).status_code == 200


def test_a_used_refresh_token_ends_the_family_although_the_request_is_refused(api):
    user = make_user()
    first = log_in(api, user).json()
    second = api.post("/auth/refresh", {"refresh_token": first["refresh_token"]}).json()

    replay = api.post("/auth/refresh", {"refresh_token": first["refresh_token"]})

    assert problem(replay) == (401, "token_reused")
    assert problem(api.get("/auth/me", token=second["access_token"])) == (401, "token_invalid")
    assert problem(api.post("/auth/refresh", {"refresh_token": second["refresh_token"]})) == (401, "token_invalid")


@pytest.mark.parametrize("raw", ["garbage", "a.b.c", "x" * 4096])
def test_garbage_is_no_refresh_token(api, raw):
    assert problem(api.post("/auth/refresh", {"refresh_token": raw})) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("refresh_token", "required")]),
        ({"refresh_token": 1}, [("refresh_token", "invalid")]),
        ({"refresh_token": ""}, [("refresh_token", "blank")]),
        ({"refresh_token": "x" * 4097}, [("refresh_token", "max_length")]),
        ({"refresh_token": "x", "access_token": "y"}, [("access_token", "unknown_field")]),
    ],
)
@pytest.mark.parametrize("door", ["refresh", "logout"])
def test_a_body_that_makes_no_sense_is_refused_field_by_field(api, door, body, expected):
    assert wrong_fields(api.post(f"/auth/{door}", body)) == expected


@pytest.mark.parametrize("door", ["refresh", "logout"])
def test_an_access_token_opens_no_door_for_refresh_tokens(api, door):
    response = api.post(f"/auth/{door}", {"refresh_token": token_for(make_user())})

    assert problem(response) == (401, "token_invalid")


# --- Logout ---------------------------------------------------------------------------------------------------------


def test_a_logout_ends_both_tokens_and_may_be_repeated(api):
    pair = pair_for(make_user())

    answers = [api.post("/auth/logout", {"refresh_token": pair.refresh_token}) for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert problem(api.get("/auth/me", token=pair.access_token)) == (401, "token_invalid")
    assert problem(api.post("/auth/refresh", {"refresh_token": pair.refresh_token})) == (401, "token_invalid")


def test_a_logout_of_one_session_leaves_the_others(api):
    user = make_user()
    here, there = pair_for(user), pair_for(user)

    api.post("/auth/logout", {"refresh_token": here.refresh_token})

    assert api.get("/auth/me", token=there.access_token).status_code == 200


def test_a_logout_with_garbage_is_401(api):
    assert problem(api.post("/auth/logout", {"refresh_token": "garbage"})) == (401, "token_invalid")


def test_a_path_with_a_slash_at_the_end_is_the_same_path(api):
    user = make_user()

    response = api.post("/auth/login/", {"email": user.email, "password": PASSWORD})

    assert (response.status_code, json.loads(response.content)["user"]["id"]) == (200, str(user.pk))
