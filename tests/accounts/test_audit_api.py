"""The audit trail over REST."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts import audit, audit_search, keys
from accounts.models import AuditEntry
from core import addresses
from core.observability import request_id_var
from tests.accounts.shapes import problem
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def record(action="group.updated", *, at: datetime | None = None, address="", request_id="-", by=None, **options):
    tokens = addresses.client_address_var.set(address), request_id_var.set(request_id)
    audit.record(action, by=by, **options)
    addresses.client_address_var.reset(tokens[0])
    request_id_var.reset(tokens[1])
    row = AuditEntry.objects.latest("id")
    if at is not None:
        raw = AuditEntry(**{**AuditEntry.objects.filter(pk=row.pk).values().get(), "id": None, "at": at})
        raw.save()
        return raw
    return row


def reader() -> str:
    """The token of somebody who may do nothing but read the trail; their login is not in it."""
    user = make_user("member")
    user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    return token_for(user)


def wrong_fields(response) -> list[tuple[str, str]]:
    assert problem(response) == (422, "validation_error")
    return [(one["field"], one["code"]) for one in response.json()["errors"]]


def test_an_item_says_everything_that_the_row_does(api):
    user = make_user("author", display_name="Somebody")
    token = reader()
    row = record(
        "user.updated",
        by=user,
        on=user,
        changes={"username": ("a", "b"), "password": ("c", "d")},
        facts={"reason": 1},
        address="192.0.2.1",
        request_id="mine",
    )

    before = api.get("/audit?action=user.updated", token=token).json()["items"]
    audit.seal()
    after = api.get("/audit?action=user.updated", token=token).json()["items"]

    row.refresh_from_db()
    expected = {
        "id": row.pk,
        "at": row.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "action": "user.updated",
        "actor": {"id": str(user.pk), "username": user.username},
        "api_key_id": None,
        "kind": "user",
        "object_id": str(user.pk),
        "object_name": "Somebody",
        "changes": {"username": ["a", "b"], "password": [audit.MASK, audit.MASK]},
        "facts": {"reason": 1},
        "address": "192.0.2.1",
        "request_id": "mine",
        "position": None,
        "sealed": False,
    }
    assert before == [expected]
    assert after == [expected | {"position": row.position, "sealed": True}]


def test_nobody_is_null(api):
    record()

    assert api.get("/audit?action=group.updated", token=reader()).json()["items"][0]["actor"] is None


@pytest.mark.parametrize(("role", "status"), [("member", 403), ("author", 403), ("approver", 403), ("admin", 200)])
def test_reading_the_trail_takes_the_right_to(api, role, status):
    response = api.get("/audit", token=token_for(make_user(role)))

    assert response.status_code == status


def test_nobody_reads_it_without_a_token(api):
    assert problem(api.get("/audit")) == (401, "not_authenticated")


def test_the_right_comes_before_the_question(api):
    assert problem(api.get("/audit?nonsense=1", token=token_for(make_user("author")))) == (403, "permission_denied")


def test_a_key_that_names_the_right_reads_it(api):
    admin = make_user("admin")
    _, raw = keys.make(admin, name="x", scopes=["accounts.view_auditentry"], expires_at=None, now=timezone.now())

    assert api.get("/audit", headers={"Authorization": f"Api-Key {raw}"}).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_there_is_nothing_but_reading(api, method):
    assert getattr(api, method)("/audit", token=token_for(make_user("admin"))).status_code == 405


@pytest.mark.parametrize("number", [1, 3])
def test_a_page_takes_as_many_queries_for_one_row_as_for_many(api, django_assert_num_queries, number):
    token = reader()
    for _ in range(number):
        record(by=make_user("author"))

    with django_assert_num_queries(3):  # session with rights, total, rows
        response = api.get("/audit?action=group.updated", token=token)

    assert response.json()["total"] == number


def test_newest_first_in_pages(api):
    token = reader()
    for n in range(5):
        record(object_id=n)

    pages = [api.get(f"/audit?action=group.updated&per_page=2&page={n}", token=token) for n in (1, 2, 3, 4)]

    assert [[item["object_id"] for item in one.json()["items"]] for one in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    assert {(one.json()["total"], one.json()["total_pages"]) for one in pages} == {(5, 3)}
    assert 'page=2>; rel="next"' in pages[0]["Link"]


def test_a_list_reaches_back_so_far_and_counts_no_further(api, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(audit_search, "REACH", 4)
    token = reader()
    for n in range(7):
        record(object_id=n)

    answers = [api.get(f"/audit?action=group.updated&per_page=3&page={n}", token=token).json() for n in (1, 2, 3)]
    with django_assert_num_queries(2):  # no rows are asked for
        far = api.get("/audit?page=1000000000&per_page=100", token=token)

    assert [[item["object_id"] for item in one["items"]] for one in answers] == [["6", "5", "4"], ["3"], []]
    assert {(one["total"], one["total_pages"]) for one in answers} == {(4, 2)}
    assert (far.status_code, far.json()["items"]) == (200, [])


def test_each_filter_finds_what_it_names_and_nothing_else(api):
    token = reader()
    user, other = make_user("author"), make_user("author")
    key, _ = keys.make(user, name="x", scopes=["content.add_page"], expires_at=None, now=timezone.now())
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with_key = type(user).objects.get(pk=user.pk)
    with_key.api_key = key
    rows = {
        "actor": record(by=user).pk,
        "action": record("group.deleted").pk,
        "kind": record(kind="post", object_id="7").pk,
        "other kind": record(kind="page", object_id="7").pk,
        "address": record(address="2001:db8::1").pk,
        "request": record(request_id="mine").pk,
        "key": record(by=with_key, kind="page").pk,
        "time": record(by=other, at=noon).pk,
    }
    names = {pk: name for name, pk in rows.items()}

    def found(query: str) -> list[str]:
        answer = api.get(f"/audit?per_page=100&{query}", token=token)
        assert answer.status_code == 200, answer.content
        return [names[item["id"]] for item in answer.json()["items"] if item["id"] in names]

    assert {
        query: found(query)
        for query in (
            f"actor={user.pk}",
            f"actor={user.username}",
            "actor=nobody",
            "action=group.deleted",
            "action=group.",
            "kind=post",
            "object_id=7",
            "kind=page&object_id=7",
            "address=2001:DB8:0::1",
            "request_id=mine",
            f"api_key={key.pk}",
            "api_key=01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3",
            "since=2026-03-01T12:00:00Z&until=2026-03-01T12:00:00.000001Z",
            "since=2026-03-01T13:00:00%2B01:00&until=2026-03-01T12:00:01Z",
            "until=2026-03-01T12:00:00Z",
        )
    } == {
        f"actor={user.pk}": ["key", "actor"],
        f"actor={user.username}": ["key", "actor"],
        "actor=nobody": [],
        "action=group.deleted": ["action"],
        "action=group.": ["time", "key", "request", "address", "other kind", "kind", "action", "actor"],
        "kind=post": ["kind"],
        "object_id=7": ["other kind", "kind"],
        "kind=page&object_id=7": ["other kind"],
        "address=2001:DB8:0::1": ["address"],
        "request_id=mine": ["request"],
        f"api_key={key.pk}": ["key"],
        "api_key=01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3": [],
        "since=2026-03-01T12:00:00Z&until=2026-03-01T12:00:00.000001Z": ["time"],
        "since=2026-03-01T13:00:00%2B01:00&until=2026-03-01T12:00:01Z": ["time"],
        "until=2026-03-01T12:00:00Z": [],
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("user=x", [("user", "unknown_parameter")]),
        ("action=a&action=b", [("action", "duplicate")]),
        ("actor=a%20b", [("actor", "invalid")]),
        ("actor=", [("actor", "invalid")]),
        ("action=", [("action", "invalid_choice")]),
        ("action=nope", [("action", "invalid_choice")]),
        ("action=nope.", [("action", "invalid_choice")]),
        ("action=auth", [("action", "invalid_choice")]),
        ("action=auth.log", [("action", "invalid_choice")]),
        ("action=%25", [("action", "invalid_choice")]),
        ("kind=", [("kind", "invalid_choice")]),
        ("kind=foo", [("kind", "invalid_choice")]),
        ("kind=%F0%9F%98%80", [("kind", "invalid_choice")]),
        ("object_id=" + "x" * 65, [("object_id", "length")]),
        ("address=here", [("address", "invalid")]),
        ("address=192.0.2.0/24", [("address", "invalid")]),
        ("request_id=a/b", [("request_id", "invalid")]),
        ("api_key=stitch_k3J9aB2xQ", [("api_key", "invalid")]),
        ("since=yesterday", [("since", "invalid")]),
        ("since=2026-03-01", [("since", "invalid")]),
        ("until=2026-03-01T12:00:00", [("until", "invalid")]),
        ("until=2026-02-30T12:00:00Z", [("until", "invalid")]),
        ("until=9999-12-31T23:59:59-23:59", [("until", "invalid")]),
        ("until=2026-03-01T12:00:00+01:00", [("until", "invalid")]),
        ("page=0", [("page", "out_of_range")]),
        ("per_page=101", [("per_page", "out_of_range")]),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(api, query, expected):
    assert wrong_fields(api.get(f"/audit?{query}", token=reader())) == expected


@pytest.mark.parametrize("text", ["%00", "%ff"])
def test_what_no_database_takes_is_400(api, text):
    assert problem(api.get(f"/audit?object_id={text}", token=reader())) == (400, "malformed_request")


def test_a_text_that_is_no_address_of_a_row_is_no_fault(api):
    token = reader()

    answers = [api.get(f"/audit?object_id={text}", token=token) for text in ("'%22;--", "%25", "%F0%9F%98%80")]

    assert [(one.status_code, one.json()["items"]) for one in answers] == [(200, [])] * 3


def test_what_was_read_is_not_sent_again(api):
    token = reader()
    first = api.get("/audit", token=token)

    again = api.get("/audit", token=token, headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, first["Cache-Control"]) == (304, "private, no-store")


def test_the_trail_holds_still_while_it_is_read(api):
    token = reader()
    number = AuditEntry.objects.count()

    api.get("/audit", token=token)

    assert AuditEntry.objects.count() == number


def test_times_to_the_moment(api):
    token = reader()
    moment = timezone.now() - timedelta(days=1)
    record(at=moment)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    totals = [
        api.get(f"/audit?{query}={text}&action=group.updated", token=token).json()["total"]
        for query in ("since", "until")
    ]

    assert totals == [2, 0]
