"""API keys: making, listing and revoking them."""

import hashlib
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, AuditEntry, User
from core import errors
from core.models import IdempotentAnswer
from tests.accounts.at_once import at_once
from tests.accounts.machines import WRITE, make_key, with_key
from tests.accounts.shapes import problem
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def wrong_fields(response) -> list[tuple[str, str]]:
    assert problem(response) == (422, "validation_error")
    return [(one["field"], one["code"]) for one in response.json()["errors"]]


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


# --- Making ----------------------------------------------------------------------------------------------------------


def test_making_a_key_shows_it_whole_this_once(api):
    user = make_user("author")

    response = api.post("/api-keys", {"name": " Newsletter ", "scopes": WRITE[::-1]}, token=token_for(user))

    body, row = response.json(), ApiKey.objects.get()
    assert (response.status_code, response["Location"]) == (201, f"/api/v1/api-keys/{row.pk}")
    assert re.fullmatch(keys.PATTERN, body["key"])
    assert body == {
        "id": str(row.pk),
        "name": "Newsletter",
        "prefix": body["key"][:16],
        "scopes": WRITE,
        "expires_at": None,
        "user": {"id": str(user.pk), "username": user.username},
        "created_at": row.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "last_used_at": None,
        "key": body["key"],
    }
    shown = api.get(response["Location"].removeprefix("/api/v1"), token=token_for(user)).json()
    assert shown == {name: value for name, value in body.items() if name != "key"}


def test_only_a_hash_is_stored_and_no_log_or_trail_has_the_key(api, caplog):
    user = make_user("author")

    with caplog.at_level(logging.DEBUG):
        raw = api.post("/api-keys", {"name": "x", "scopes": WRITE}, token=token_for(user)).json()["key"]
        api.get("/auth/me", **with_key(raw))
        api.get("/auth/me", **with_key(raw[:-1] + "-"))

    rows = str(list(ApiKey.objects.values())) + str(list(AuditEntry.objects.values()))
    log = "\n".join(str(record.__dict__) for record in caplog.records)
    assert ApiKey.objects.get().hash == hashlib.sha256(raw.encode()).hexdigest()
    assert [text for text in (rows, log) if raw[17:] in text] == []


def test_a_retry_with_an_idempotency_key_makes_another_key_and_remembers_none(api):
    token = token_for(make_user("author"))

    answers = [
        api.post("/api-keys", {"name": "x", "scopes": WRITE}, token=token, headers={"Idempotency-Key": "once"}).json()[
            "key"
        ]
        for _ in range(2)
    ]

    assert answers[0] != answers[1]
    assert IdempotentAnswer.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": None}, [("name", "null")]),
        ({"name": " "}, [("name", "blank")]),
        ({"name": 1}, [("name", "invalid")]),
        ({"name": "x" * 101}, [("name", "max_length")]),
        ({"name": "two\nlines"}, [("name", "control_character")]),
        ({"scopes": []}, [("scopes", "empty")]),
        ({"scopes": None}, [("scopes", "null")]),
        ({"scopes": "content.add_page"}, [("scopes", "not_a_list")]),
        ({"scopes": [1]}, [("scopes.0", "invalid")]),
        ({"scopes": ["content.add_page"] * 101}, [("scopes", "max_length")]),
        ({"scopes": ["content.add_page", "content.publish_page"]}, [("scopes.1", "not_held")]),
        ({"scopes": ["content.fly", "*"]}, [("scopes.0", "unknown_scope"), ("scopes.1", "unknown_scope")]),
        ({"scopes": ["content.add_page", "content.add_page"]}, [("scopes.1", "duplicate")]),
        ({"expires_at": "2020-01-01T00:00:00Z"}, [("expires_at", "in_the_past")]),
        ({"expires_at": "2999-01-01T00:00:00"}, [("expires_at", "invalid")]),
        ({"expires_at": "2999-01-01"}, [("expires_at", "invalid")]),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, [("expires_at", "invalid")]),
        ({"expires_at": 32503680000}, [("expires_at", "invalid")]),
        ({"key": "mine"}, [("key", "unknown_field")]),
        ({"user": "somebody"}, [("user", "unknown_field")]),
    ],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_refused_field_by_field(api, change, expected):
    token = token_for(make_user("author"))

    response = api.post("/api-keys", {"name": "x", "scopes": WRITE, **change}, token=token)

    assert wrong_fields(response) == expected
    assert (ApiKey.objects.count(), "api_key.created" in actions()) == (0, False)


def test_a_key_ends_at_the_moment_that_was_said_in_any_zone(api):
    token = token_for(make_user("author"))

    body = {"name": "x", "scopes": WRITE, "expires_at": "2999-01-01T02:00:00+02:00"}
    response = api.post("/api-keys", body, token=token)

    assert response.json()["expires_at"] == "2999-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(("role", "status"), [("member", 403), ("author", 201), ("admin", 201)])
def test_making_a_key_takes_the_right_to(api, role, status):
    scopes = ["content.add_page"] if role != "member" else ["accounts.view_user"]

    response = api.post("/api-keys", {"name": "x", "scopes": scopes}, token=token_for(make_user(role)))

    assert (response.status_code, ApiKey.objects.count()) == (status, int(status == 201))


def test_the_right_comes_before_the_body(api):
    response = api.post("/api-keys", raw=b"{", token=token_for(make_user("member")))

    assert problem(response) == (403, "permission_denied")


def test_a_key_makes_no_keys_whatever_it_may(api):
    _, raw = make_key(make_user("admin"), ["accounts.add_apikey", "accounts.view_apikey"])

    response = api.post("/api-keys", {"name": "x", "scopes": ["accounts.add_apikey"]}, **with_key(raw))

    assert (problem(response), ApiKey.objects.count()) == ((403, "api_key_not_allowed"), 1)


def test_fifty_living_keys_are_enough(api):
    user = make_user("author")
    made = [make_key(user)[0] for _ in range(keys.MAX_LIVING)]
    body = {"name": "x", "scopes": WRITE}

    refused = api.post("/api-keys", body, token=token_for(user))
    keys.revoke(made[0], by=user, now=timezone.now())
    ApiKey.objects.filter(pk=made[1].pk).update(expires_at=timezone.now())
    granted = [api.post("/api-keys", body, token=token_for(user)).status_code for _ in range(3)]

    assert (problem(refused), granted) == ((409, "too_many_api_keys"), [201, 201, 409])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_that_make_the_last_key_at_once_one_does(committed):
    user = make_user("author")
    for _ in range(keys.MAX_LIVING - 1):
        make_key(user)

    def make() -> bool:
        try:
            make_key(User.objects.get(pk=user.pk))
        except keys.TooManyApiKeys:
            return False
        return True

    assert sorted(at_once(8, make)) == [False] * 7 + [True]


# --- Looking ---------------------------------------------------------------------------------------------------------


def test_a_list_shows_ones_own_newest_first_and_no_hash(api):
    user = make_user("author")
    now = timezone.now()
    mine = [make_key(user, name=name, now=now + timedelta(seconds=n))[0] for n, name in enumerate("ab")]
    keys.revoke(make_key(user, name="revoked")[0], by=user, now=now)
    make_key(make_user("author"), name="somebody else's")

    body = api.get("/api-keys", token=token_for(user)).json()

    assert ([item["name"] for item in body["items"]], body["total"]) == (["b", "a"], 2)
    assert not any({"hash", "key"} & set(item) for item in body["items"])
    assert mine[0].hash not in str(body)


@pytest.mark.parametrize("number", [1, 3])
def test_a_list_takes_as_many_queries_for_one_as_for_many(api, django_assert_num_queries, number):
    admin = make_user("admin")
    for _ in range(number):
        make_key(make_user("author"))
    token = token_for(admin)

    with django_assert_num_queries(3):  # session with rights, total, rows
        response = api.get("/api-keys?all=true", token=token)

    assert response.json()["total"] == number


def test_everybodys_keys_are_for_those_who_may_see_them(api):
    owner, other, admin = make_user("author"), make_user("author"), make_user("admin")
    make_key(owner)
    make_key(other)

    def totals(user, *queries):
        answers = [api.get(f"/api-keys{query}", token=token_for(user)) for query in queries]
        return [one.json().get("total", one.status_code) for one in answers]

    queries = ("", f"?user={owner.pk}", f"?user={other.pk}", "?all=true", "?all=false")
    assert totals(admin, *queries) == [0, 1, 1, 2, 0]
    assert totals(owner, *queries) == [1, 1, 403, 403, 1]
    assert totals(make_user("member"), *queries) == [0, 403, 403, 403, 0]


def test_a_key_sees_keys_only_where_it_names_that_right(api):
    admin = make_user("admin")
    own, raw = make_key(admin, ["accounts.view_user", "accounts.delete_apikey"])
    _, seeing = make_key(admin, ["accounts.view_apikey"])

    blind = [api.get("/api-keys", **with_key(raw)), api.get(f"/api-keys/{own.pk}", **with_key(raw))]

    assert [problem(one) for one in blind] == [(403, "permission_denied")] * 2
    assert api.get("/api-keys", **with_key(seeing)).json()["total"] == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?name=x", [("name", "unknown_parameter")]),
        ("?user=me", [("user", "invalid")]),
        ("?all=1", [("all", "invalid")]),
        ("?all=true&user=01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3", [("user", "conflicts_with_all")]),
        ("?per_page=101", [("per_page", "out_of_range")]),
    ],
)
def test_a_list_takes_known_parameters_only(api, query, expected):
    assert wrong_fields(api.get(f"/api-keys{query}", token=token_for(make_user("admin")))) == expected


# --- Revoking --------------------------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_at_once_and_gone_from_the_list(api):
    user = make_user("author")
    key, raw = make_key(user)
    token = token_for(user)

    answers = [api.delete(f"/api-keys/{key.pk}", token=token) for _ in range(2)]

    assert (answers[0].status_code, problem(answers[1])) == (204, (404, "not_found"))
    assert problem(api.get("/auth/me", **with_key(raw))) == (401, "api_key_invalid")
    assert api.get("/api-keys", token=token).json()["items"] == []


@pytest.mark.parametrize(("role", "status"), [("member", 404), ("author", 404), ("approver", 404), ("admin", 204)])
def test_somebody_elses_key_is_for_administrators_to_revoke(api, role, status):
    key, raw = make_key()

    response = api.delete(f"/api-keys/{key.pk}", token=token_for(make_user(role)))

    assert response.status_code == status
    assert api.get("/auth/me", **with_key(raw)).status_code == (401 if status == 204 else 200)


def test_who_may_see_everybodys_keys_may_not_yet_revoke_them(api):
    user = make_user("member")
    user.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    key, _ = make_key()

    response = api.delete(f"/api-keys/{key.pk}", token=token_for(user))

    key.refresh_from_db()
    assert (problem(response), key.revoked_at) == ((403, "permission_denied"), None)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["accounts.view_user"], 403),
        (["accounts.view_apikey"], 403),
        (["accounts.view_apikey", "accounts.delete_apikey"], 204),
    ],
)
def test_a_key_revokes_the_keys_beside_it_only_where_it_names_that_right(api, scopes, status):
    admin = make_user("admin")
    target, _ = make_key(admin)
    _, raw = make_key(admin, scopes)

    response = api.delete(f"/api-keys/{target.pk}", **with_key(raw))

    target.refresh_from_db()
    assert (response.status_code, target.revoked_at is not None) == (status, status == 204)


@pytest.mark.parametrize("key_id", ["x", "0", "01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3"])
def test_a_key_that_is_not_there_is_404(api, key_id):
    token = token_for(make_user("admin"))

    answers = [api.get(f"/api-keys/{key_id}", token=token), api.delete(f"/api-keys/{key_id}", token=token)]

    assert [problem(one) for one in answers] == [(404, "not_found")] * 2


def test_making_and_revoking_stand_in_the_trail(api):
    user, admin = make_user("author"), make_user("admin")
    created = api.post("/api-keys", {"name": "x", "scopes": WRITE}, token=token_for(user)).json()

    api.delete(f"/api-keys/{created['id']}", token=token_for(admin))

    made, revoked = AuditEntry.objects.filter(kind="api_key").order_by("id")
    assert (made.action, made.actor_id, made.facts) == (
        "api_key.created",
        user.pk,
        {"scopes": WRITE, "expires_at": None},
    )
    assert (revoked.action, revoked.actor_id, revoked.object_id) == ("api_key.revoked", admin.pk, created["id"])
    assert made.object_name == f"x ({created['prefix']}…)"


# --- The verbs themselves --------------------------------------------------------------------------------------------


def test_the_verb_refuses_what_is_wrong_whoever_calls():
    user = make_user("author")

    with pytest.raises(errors.Invalid) as refused:
        make_key(user, ["content.publish_page"], name="", expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert [(one.field, one.code) for one in refused.value.errors] == [
        ("name", "blank"),
        ("scopes.0", "not_held"),
        ("expires_at", "in_the_past"),
    ]
    assert ApiKey.objects.count() == 0


def test_no_two_keys_are_alike_and_each_carries_its_checksum():
    made = {keys._new_text() for _ in range(1000)}

    assert (len(made), all(map(keys._is_well_formed, made))) == (1000, True)
    assert {len(one) for one in made} == {66}


def test_whoever_has_a_new_key_is_told_by_mail_and_not_its_text(api, run_jobs):
    user = make_user("author")

    made = api.post("/api-keys", {"name": "Import", "scopes": ["content.view_page"]}, token=token_for(user))
    run_jobs()

    (message,) = mail.outbox
    assert (message.to, "“Import”" in message.alternatives[0].content) == ([user.email], True)
    assert made.json()["key"] not in message.body
