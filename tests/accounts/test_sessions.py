"""Where somebody is logged in, and ending it: one, all, one's own, and nobody else's."""

import json

import pytest
from django.utils import timezone

from accounts import activation
from accounts.models import AuditEntry, TokenFamily, User
from tests.accounts.shapes import problem, public_shape
from tests.factories import PASSWORD, make_user, pair_for, token_for

pytestmark = pytest.mark.django_db


def listed(api, token, query="") -> list[dict]:
    response = api.get(f"/auth/sessions{query}", token=token)
    assert response.status_code == 200
    return response.json()["items"]


def last_entry() -> tuple[str, str, str]:
    return AuditEntry.objects.order_by("-id").values_list("action", "actor_name", "object_id").first()


# --- The list --------------------------------------------------------------------------------------------------------


def test_a_session_says_when_from_where_and_with_what(api, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user = make_user()
    login = api.post(
        "/auth/login", {"email": user.email, "password": PASSWORD}, headers={"User-Agent": "Browser/1.0"}
    ).json()
    time_machine.shift(600)
    pair = api.post("/auth/refresh", {"refresh_token": login["refresh_token"]}).json()

    response = api.get("/auth/sessions", token=pair["access_token"])

    family = user.token_families.get()
    assert response.json() == {
        "items": [
            {
                "id": str(family.pk),
                "created_at": "2026-03-01T12:00:00.000000Z",
                "last_used_at": "2026-03-01T12:10:00.000000Z",
                "expires_at": "2026-03-08T12:10:00.000000Z",
                "address": "127.0.0.1",
                "user_agent": "Browser/1.0",
                "current": True,
            }
        ],
        "total": 1,
        "page": 1,
        "per_page": 50,
        "total_pages": 1,
    }
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_of_any_length_takes_three_queries_and_shows_nobody_elses(api, django_assert_num_queries, count):
    user = make_user()
    pairs = [pair_for(user) for _ in range(count)]
    pair_for(make_user())

    with django_assert_num_queries(3):
        items = listed(api, pairs[-1].access_token)

    own = user.token_families.order_by("-created_at", "-id").values_list("pk", flat=True)
    assert [item["id"] for item in items] == [str(pk) for pk in own]
    assert [item["current"] for item in items] == [True] + [False] * (count - 1)


def test_what_is_over_is_not_listed(api, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user = make_user()
    pair_for(user)
    time_machine.shift(8 * 86_400)
    gone = pair_for(user)
    api.post("/auth/logout", {"refresh_token": gone.refresh_token})
    present = token_for(user)

    assert [item["current"] for item in listed(api, present)] == [True]


def test_the_list_has_pages(api):
    user = make_user()
    token = [token_for(user) for _ in range(3)][-1]

    response = api.get("/auth/sessions?per_page=2&page=2", token=token)

    body = response.json()
    assert (len(body["items"]), body["total"], body["page"], body["total_pages"]) == (1, 3, 2, 2)
    assert 'rel="prev"' in response["Link"]


def test_a_parameter_that_does_not_exist_is_refused(api):
    assert problem(api.get("/auth/sessions?user=1", token=token_for(make_user()))) == (422, "validation_error")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/auth/sessions"), ("DELETE", "/auth/sessions/x"), ("POST", "/auth/logout-all"), ("PATCH", "/auth/me")],
)
def test_nobody_does_it_without_a_token(api, method, path):
    answers = [api.request(method, path, token=token) for token in (None, "garbage")]

    assert [problem(answer) for answer in answers] == [(401, "not_authenticated"), (401, "token_invalid")]


# --- Ending one ------------------------------------------------------------------------------------------------------


def test_ending_a_session_ends_its_tokens_and_no_others(api):
    user = make_user()
    here, there = pair_for(user), pair_for(user)
    victim = str(user.token_families.order_by("id").last().pk)

    answer = api.delete(f"/auth/sessions/{victim}", token=here.access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(api.get("/auth/me", token=there.access_token)) == (401, "token_invalid")
    assert problem(api.post("/auth/refresh", {"refresh_token": there.refresh_token})) == (401, "token_invalid")
    assert api.get("/auth/me", token=here.access_token).status_code == 200
    assert last_entry() == ("auth.session_revoked", user.username, victim)


def test_the_present_session_may_be_ended_too(api):
    user = make_user()
    token = token_for(user)

    api.delete(f"/auth/sessions/{user.token_families.get().pk}", token=token)

    assert problem(api.get("/auth/me", token=token)) == (401, "token_invalid")


def test_somebody_elses_session_a_dead_one_and_none_are_not_found(api):
    user, other = make_user(), make_user()
    pair_for(other)
    gone = pair_for(user)
    dead = user.token_families.get().pk
    api.post("/auth/logout", {"refresh_token": gone.refresh_token})
    token = token_for(user)
    trail = AuditEntry.objects.count()

    for session in (other.token_families.get().pk, dead, "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11", "x", "1"):
        assert problem(api.delete(f"/auth/sessions/{session}", token=token)) == (404, "not_found")

    assert other.token_families.alive(timezone.now()).count() == 1
    assert AuditEntry.objects.count() == trail


# --- Ending all ------------------------------------------------------------------------------------------------------


def test_logging_out_everywhere_ends_every_session_those_of_the_admin_too(api, client):
    user, other = make_user("admin"), make_user()
    pairs, others = [pair_for(user) for _ in range(3)], token_for(other)
    client.force_login(user)
    assert client.get("/admin/").status_code == 200

    answer = api.post("/auth/logout-all", token=pairs[0].access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [api.get("/auth/me", token=pair.access_token).status_code for pair in pairs] == [401] * 3
    assert [api.post("/auth/refresh", {"refresh_token": pair.refresh_token}).status_code for pair in pairs] == [401] * 3
    assert client.get("/admin/").status_code == 302
    assert api.get("/auth/me", token=others).status_code == 200
    assert last_entry() == ("auth.logout_all", user.username, str(user.pk))
    assert AuditEntry.objects.order_by("-id").first().facts == {"sessions": 3}


def test_whoever_logged_out_everywhere_logs_in_again(api):
    user = make_user()
    api.post("/auth/logout-all", token=token_for(user))

    assert api.post("/auth/login", {"email": user.email, "password": PASSWORD}).status_code == 200


def test_a_session_of_the_admin_stays_dead_when_its_owner_is_activated_again(client):
    user, admin = make_user(), make_user("admin")
    client.force_login(user)
    assert client.get("/admin/").status_code == 200

    activation.deactivate(User.objects.get(pk=user.pk), by=admin, now=timezone.now())
    during = client.get("/admin/").status_code
    activation.activate(User.objects.get(pk=user.pk), by=admin)

    assert (during, client.get("/admin/").status_code) == (302, 302)


# --- The trail -------------------------------------------------------------------------------------------------------


def test_the_trail_tells_of_login_logout_and_a_token_that_came_back(api):
    user = make_user()
    login = api.post("/auth/login", {"email": user.email, "password": PASSWORD}).json()
    api.post("/auth/refresh", {"refresh_token": login["refresh_token"]})
    api.post("/auth/refresh", {"refresh_token": login["refresh_token"]})
    second = pair_for(user)
    for _ in range(2):
        api.post("/auth/logout", {"refresh_token": second.refresh_token})

    first, last = TokenFamily.objects.order_by("id")
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor_name", "kind", "object_id")) == [
        ("auth.login", user.username, "session", str(first.pk)),
        ("auth.token_reused", "", "session", str(first.pk)),
        ("auth.login", user.username, "session", str(last.pk)),
        ("auth.logout", user.username, "session", str(last.pk)),
    ]


# --- Oneself ---------------------------------------------------------------------------------------------------------


def test_somebody_changes_their_names(api):
    user = make_user("author")

    answer = api.patch("/auth/me", {"display_name": " Ann Author ", "username": "Ann.A"}, token=token_for(user))

    user = User.objects.get()
    assert (answer.status_code, answer.json()) == (200, public_shape(user, "author"))
    assert (user.display_name, user.username) == ("Ann Author", "Ann.A")
    entry = AuditEntry.objects.order_by("-id").first()
    assert (entry.action, entry.changes["display_name"]) == ("user.updated", ["", "Ann Author"])


def test_what_was_read_may_be_sent_back_and_only_names_change(api):
    user = make_user("member")
    token = token_for(user)
    read = api.get("/auth/me", token=token).json()
    sent = read | {"role": "admin", "email": "x@example.com", "is_active": False, "permissions": ["all"], "id": "1"}

    answer = api.patch("/auth/me", sent, token=token)

    assert (answer.status_code, answer.json()) == (200, read)
    assert AuditEntry.objects.filter(action="user.updated").count() == 0


def test_one_name_alone_leaves_the_other(api):
    user = make_user(display_name="Ann")

    api.patch("/auth/me", {"username": "other"}, token=token_for(user))

    user = User.objects.get()
    assert (user.username, user.display_name) == ("other", "Ann")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"username": "TAKEN"}, [("username", "unique")]),
        ({"username": "two words"}, [("username", "invalid")]),
        ({"username": ""}, [("username", "blank")]),
        ({"username": None}, [("username", "null")]),
        ({"display_name": "two\nlines"}, [("display_name", "invalid")]),
        ({"display_name": 1}, [("display_name", "invalid")]),
        ({"password": "x", "display_name": "Ann"}, [("password", "unknown_field")]),
        ({"is_superuser": True}, [("is_superuser", "unknown_field")]),
    ],
)
def test_a_refused_change_of_names_changes_nothing(api, fields, expected):
    make_user(username="taken")
    user = make_user(username="mine", display_name="Mine")

    answer = api.patch("/auth/me", fields, token=token_for(user))

    assert problem(answer) == (422, "validation_error")
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == expected
    user = User.objects.get(pk=user.pk)
    assert (user.username, user.display_name) == ("mine", "Mine")


def test_ones_own_username_in_another_case_is_not_taken(api):
    user = make_user(username="ann")

    answer = api.patch("/auth/me", {"username": "Ann"}, token=token_for(user))

    assert (answer.status_code, json.loads(answer.content)["username"]) == (200, "Ann")
