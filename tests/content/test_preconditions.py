"""If-Match, If-None-Match with a token, and Idempotency-Key."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from content.models import BlogPost
from core.api import idempotency
from core.models import IdempotentAnswer
from tests.conftest import Api
from tests.content.factory import make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def test_a_write_with_the_version_that_was_read_is_applied(api: Api, admin: str) -> None:
    make_post(title="Hello")
    etag = api.get("/posts/hello", token=admin)["ETag"]

    first = api.patch("/posts/hello", {"title": "First"}, token=admin, headers={"If-Match": etag})
    second = api.patch("/posts/hello", {"title": "Second"}, token=admin, headers={"If-Match": etag})

    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "precondition_failed")
    assert (BlogPost.objects.get().title, first["ETag"] == etag) == ("First", False)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("etag", ['"other"', 'W/"x"', "nonsense", ""])
def test_any_other_version_is_refused(api: Api, admin: str, method: str, etag: str) -> None:
    make_post(title="Hello")
    body = None if method == "DELETE" else {"title": "Changed"}

    response = api.request(method, "/posts/hello", body, token=admin, headers={"If-Match": etag})

    assert (response.status_code, BlogPost.objects.get().title) == (412, "Hello")


def test_a_weak_form_of_the_right_version_is_refused_and_a_star_is_accepted(api: Api, admin: str) -> None:
    make_post(title="Hello")
    etag = api.get("/posts/hello", token=admin)["ETag"]

    weak = api.patch("/posts/hello", {"title": "x"}, token=admin, headers={"If-Match": f"W/{etag}"})
    among = api.patch("/posts/hello", {"title": "y"}, token=admin, headers={"If-Match": f'"a", {etag}'})
    star = api.patch("/posts/hello", {"title": "z"}, token=admin, headers={"If-Match": "*"})

    assert (weak.status_code, among.status_code, star.status_code) == (412, 200, 200)


def test_publishing_moves_the_version_too(api: Api, admin: str) -> None:
    make_post(title="Hello", published=False)
    before = api.get("/posts/hello", token=admin)["ETag"]

    api.patch("/posts/hello", {"published": True}, token=admin)

    assert api.get("/posts/hello", token=admin, headers={"If-None-Match": before}).status_code == 200


def test_an_editor_gets_304_for_the_version_at_hand(api: Api, admin: str) -> None:
    make_post(title="Hello")
    etag = api.get("/posts/hello", token=admin)["ETag"]

    response = api.get("/posts/hello", token=admin, headers={"If-None-Match": etag})

    assert (response.status_code, response["Cache-Control"]) == (304, "private, no-store")


def test_every_read_has_an_etag(api: Api, admin: str) -> None:
    make_post(title="Hello")

    for path in ("/posts?status=all", "/auth/me", "/posts", "/settings", "/pages"):
        etag = api.get(path, token=admin)["ETag"]
        assert api.get(path, token=admin, headers={"If-None-Match": etag}).status_code == 304


def test_a_setting_requires_if_match(api: Api, admin: str, settings: object) -> None:
    settings.REQUIRE_IF_MATCH = True  # type: ignore[attr-defined]
    make_post(title="Hello")

    response = api.patch("/posts/hello", {"title": "x"}, token=admin)

    assert (response.status_code, response.json()["code"]) == (428, "precondition_required")
    assert api.patch("/posts/hello", {"title": "x"}, token=admin, headers={"If-Match": "*"}).status_code == 200


def test_invalid_content_is_told_before_a_stale_version(api: Api, admin: str) -> None:
    make_post(title="Hello")

    response = api.patch("/posts/hello", {"title": ""}, token=admin, headers={"If-Match": '"old"'})

    assert response.status_code == 422


def test_a_repeated_post_gets_the_first_answer(api: Api, admin: str) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = api.post("/posts", {"title": "Hello"}, token=admin, headers=key)

    again = api.post("/posts", {"title": "Hello"}, token=admin, headers=key)

    assert (again.status_code, again.content, again["Location"], again["ETag"]) == (
        201, first.content, first["Location"], first["ETag"],
    )  # fmt: skip
    assert (again["Idempotency-Replayed"], BlogPost.objects.count()) == ("true", 1)


def test_a_key_belongs_to_one_caller_and_one_body(api: Api, admin: str) -> None:
    key = {"Idempotency-Key": "order-1"}
    api.post("/posts", {"title": "Hello"}, token=admin, headers=key)

    other_body = api.post("/posts", {"title": "Other"}, token=admin, headers=key)
    other_path = api.post("/pages", {"title": "Hello"}, token=admin, headers=key)
    other_caller = api.post("/posts", {"title": "Hello"}, token=token_for(make_user("author")), headers=key)

    assert [one.status_code for one in (other_body, other_path, other_caller)] == [422, 422, 201]
    assert other_body.json()["errors"][0] == {
        "field": "Idempotency-Key", "code": "reused", "detail": "This key was used for another request.",
    }  # fmt: skip


def test_a_refused_post_leaves_its_key_free(api: Api, admin: str) -> None:
    key = {"Idempotency-Key": "order-1"}

    refused = api.post("/posts", {"title": ""}, token=admin, headers=key)
    accepted = api.post("/posts", {"title": "Hello"}, token=admin, headers=key)

    assert (refused.status_code, accepted.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ümlaut"])
def test_a_key_is_visible_ascii(api: Api, admin: str, key: str) -> None:
    response = api.post("/posts", {"title": "Hello"}, token=admin, headers={"Idempotency-Key": key})

    assert (response.status_code, BlogPost.objects.count()) == (422, 0)


def test_keys_are_forgotten_after_a_day(api: Api, admin: str) -> None:
    from datetime import timedelta

    key = {"Idempotency-Key": "order-1"}
    api.post("/posts", {"title": "Hello"}, token=admin, headers=key)
    row = IdempotentAnswer.objects.get()
    IdempotentAnswer.objects.update(created_at=row.created_at - timedelta(hours=24))

    assert api.post("/posts", {"title": "Another"}, token=admin, headers=key).status_code == 201


def test_what_the_first_request_did_is_known_everywhere_before_it_is_answered_again(
    api: Api, admin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(idempotency, "_before_replays", [lambda: asked.append("settled")])
    key = {"Idempotency-Key": "order-1"}

    api.post("/posts", {"title": "Hello"}, token=admin, headers=key)
    before = list(asked)
    api.post("/posts", {"title": "Hello"}, token=admin, headers=key)

    assert (before, asked) == ([], ["settled"])


def test_a_right_that_was_taken_away_while_a_request_waited_is_gone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waited for another one with its key."""
    user = make_user("approver")
    begin = idempotency.begin

    def after_a_while(request: HttpRequest, **options: Any) -> HttpResponse | None:
        user.groups.clear()
        return begin(request, **options)

    monkeypatch.setattr(idempotency, "begin", after_a_while)

    response = api.post("/posts", {"title": "Hello"}, token=token_for(user), headers={"Idempotency-Key": "order-1"})

    assert (response.status_code, BlogPost.objects.count()) == (403, 0)
