"""Who sends this request: the header, the user behind it, and what is known of them at this moment."""

import jwt
import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from tests.accounts.shapes import problem, public_shape
from tests.factories import make_user, pair_for, token_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", ["member", "author", "approver", "admin"])
def test_everybody_with_a_token_may_ask_who_they_are(api, role):
    user = make_user(role)

    response = api.get("/auth/me", token=token_for(user))

    assert (response.status_code, response.json()) == (200, public_shape(user, role))
    assert response["Cache-Control"] == "private, no-store"


def test_without_a_token_nobody_is_anybody(api):
    response = api.get("/auth/me")

    assert (problem(response), response["WWW-Authenticate"]) == ((401, "not_authenticated"), "Bearer")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  x",
        "bearer garbage",
        "Basic dXNlcjpwYXNz",
        "Token {}",
        "{}",
        "Bearer {} {}",
        "Bearer\t{}",
    ],
)
def test_a_malformed_header_is_401_and_never_anonymous(api, header):
    raw = token_for(make_user())

    response = api.get("/auth/me", headers={"Authorization": header.format(raw, raw)})

    assert (problem(response), response["WWW-Authenticate"]) == ((401, "token_invalid"), "Bearer")


def test_the_scheme_is_read_in_any_case(api):
    raw = token_for(make_user())

    assert api.get("/auth/me", headers={"Authorization": f"bEARER {raw}"}).status_code == 200


def test_a_cookie_does_not_authenticate(api):
    raw = token_for(make_user())

    response = api.get("/auth/me", headers={"Cookie": f"access_token={raw}; sessionid={raw}"})

    assert problem(response) == (401, "not_authenticated")


def test_asking_who_one_is_takes_one_query_for_session_and_rights_and_one_for_the_role(api, django_assert_num_queries):
    raw = token_for(make_user())

    with django_assert_num_queries(2):
        response = api.get("/auth/me", token=raw)

    assert response.status_code == 200


def test_a_token_that_lies_about_the_role_gives_no_right(api, settings):
    user = make_user("member")
    claims = jwt.decode(token_for(user), options={"verify_signature": False}) | {"role": "admin"}
    kid, key = next(iter(settings.JWT_KEYS.items()))

    body = api.get("/auth/me", token=jwt.encode(claims, key, "HS256", {"kid": kid})).json()

    assert (body["role"], body["permissions"]) == ("member", [])


def test_a_changed_role_acts_at_once(api):
    user = make_user("member")
    raw = token_for(user)
    user.groups.set(Group.objects.filter(name="approver"))

    body = api.get("/auth/me", token=raw).json()

    assert (body["role"], "content.publish_blogpost" in body["permissions"]) == ("approver", True)


def test_a_deactivated_user_is_out_at_once(api):
    user = make_user()
    pair = pair_for(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    answers = [
        api.get("/auth/me", token=pair.access_token),
        api.post("/auth/refresh", {"refresh_token": pair.refresh_token}),
    ]

    assert [problem(answer) for answer in answers] == [(401, "token_invalid")] * 2
