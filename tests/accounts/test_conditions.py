"""Changing oneself: If-Match, and what an operation without a body makes of one."""

import pytest

from accounts.models import AuditEntry, User
from tests.accounts.at_once import at_once
from tests.accounts.shapes import problem
from tests.conftest import Api
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def test_a_change_with_the_version_that_was_read_is_applied_once(api):
    token = token_for(make_user("author", display_name="Before"))
    etag = api.get("/auth/me", token=token)["ETag"]

    first = api.patch("/auth/me", {"display_name": "First"}, token=token, headers={"If-Match": etag})
    second = api.patch("/auth/me", {"display_name": "Second"}, token=token, headers={"If-Match": etag})

    assert (first.status_code, problem(second)) == (200, (412, "precondition_failed"))
    assert (User.objects.get().display_name, first["ETag"] == etag) == ("First", False)


def test_the_answer_of_a_change_has_the_tag_of_the_next_read(api):
    token = token_for(make_user("author"))

    changed = api.patch("/auth/me", {"display_name": "Changed"}, token=token)

    assert changed["ETag"] == api.get("/auth/me", token=token)["ETag"]


@pytest.mark.parametrize("etag", ['"nonsense"', "nonsense", ""])
def test_any_other_version_is_refused_and_nothing_changes(api, etag):
    token = token_for(make_user("author", display_name="Before"))

    answer = api.patch("/auth/me", {"display_name": "After"}, token=token, headers={"If-Match": etag})

    assert (problem(answer), User.objects.get().display_name) == ((412, "precondition_failed"), "Before")
    assert not AuditEntry.objects.filter(action="user.updated").exists()


def test_a_server_that_requires_a_version_says_so(api, settings):
    settings.REQUIRE_IF_MATCH = True
    token = token_for(make_user("author", display_name="Before"))

    without = api.patch("/auth/me", {"display_name": "After"}, token=token)
    unknown = api.patch("/auth/me", {"nickname": "After"}, token=token)

    assert (problem(without), problem(unknown)) == ((428, "precondition_required"), (422, "validation_error"))
    assert User.objects.get().display_name == "Before"


@pytest.mark.postgres
def test_of_many_at_once_who_read_the_same_one_changes_it(api, committed):
    token = token_for(make_user("author"))
    etag = api.get("/auth/me", token=token)["ETag"]

    def change() -> int:
        body = {"display_name": "Changed"}
        status: int = Api().patch("/auth/me", body, token=token, headers={"If-Match": etag}).status_code
        return status

    statuses = at_once(4, change)

    assert sorted(statuses) == [200, 412, 412, 412]
    assert AuditEntry.objects.filter(action="user.updated").count() == 1


# --- No body -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/auth/logout-all", "/users/{id}/invitation", "/auth/login/passkey/options"])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"raw": b'{"foo": 1}'}, (422, "validation_error")),
        ({"raw": b"[]"}, (422, "validation_error")),
        ({"raw": b"{bad"}, (400, "malformed_request")),
        ({"raw": b"a=b", "content_type": "application/x-www-form-urlencoded"}, (415, "unsupported_media_type")),
    ],
)
def test_a_body_that_nobody_asked_for_is_refused_and_nothing_happens(api, path, sent, expected):
    admin = make_user("admin")
    token = token_for(admin)
    invited = make_user("member", password=None)
    before = AuditEntry.objects.count()

    answer = api.post(path.format(id=invited.pk), token=token, **sent)

    assert problem(answer) == expected
    assert AuditEntry.objects.count() == before
    assert api.get("/auth/me", token=token).status_code == 200


@pytest.mark.parametrize("path", ["/auth/logout-all", "/users/{id}/invitation", "/auth/login/passkey/options"])
@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_no_body_and_an_empty_one_are_the_same(api, path, raw):
    invited = make_user("member", password=None)

    answer = api.post(path.format(id=invited.pk), raw=raw, token=token_for(make_user("admin")))

    assert answer.status_code in (200, 202, 204)
