"""Every status of the contract, for every kind of thing: one request each that must get it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from cms_project import asgi
from content import saving
from content.models import SiteSettings
from core import clock
from delivery import reads
from tests.conftest import Api
from tests.content.factory import make_page, make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db

KINDS: dict[str, Callable[..., Any]] = {"/pages": make_page, "/posts": make_post}
BAD = {"raw": b"{"}
TEXT = {"raw": b"x", "content_type": "text/plain"}
STALE = {"headers": {"If-Match": '"stale"'}}


@pytest.fixture
def member() -> str:
    return token_for(make_user("member"))


@pytest.mark.parametrize("path", KINDS)
def test_a_collection(api: Api, path: str, admin: str, member: str) -> None:
    KINDS[path](title="There")
    etag = api.get(path)["ETag"]
    valid = {"title": "New"}

    asked = {
        200: api.get(path),
        201: api.post(path, valid, token=admin),
        304: api.get(path, headers={"If-None-Match": api.get(path)["ETag"]}),
        400: api.post(path, token=admin, **BAD),
        401: api.post(path, valid),
        403: api.post(path, valid, token=member),
        405: api.delete(path, token=admin),
        415: api.post(path, token=admin, **TEXT),
        422: api.post(path, {}, token=admin),
    }

    assert {status: response.status_code for status, response in asked.items()} == {status: status for status in asked}
    assert etag != ""
    assert api.request("OPTIONS", path).status_code == 204
    assert api.get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert api.get(f"{path}?nonsense=1").status_code == 422


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_writing_to_one(api: Api, path: str, method: str, admin: str, member: str, settings: Any) -> None:
    KINDS[path](title="There")
    one = f"{path}/there"
    body = None if method == "DELETE" else {"title": "New"}

    asked = {
        401: api.request(method, one, body),
        403: api.request(method, one, body, token=member),
        404: api.request(method, f"{path}/nothing", body, token=admin),
        412: api.request(method, one, body, token=admin, **STALE),
        422: api.request(method, f"{one}?nonsense=1", body, token=admin),
    }
    if method != "DELETE":
        asked |= {
            400: api.request(method, one, token=admin, **BAD),
            415: api.request(method, one, token=admin, **TEXT),
        }
    settings.REQUIRE_IF_MATCH = True
    asked[428] = api.request(method, one, body, token=admin)
    settings.REQUIRE_IF_MATCH = False
    done = 204 if method == "DELETE" else 200
    asked[done] = api.request(method, one, body, token=admin)

    assert {status: response.status_code for status, response in asked.items()} == {status: status for status in asked}


@pytest.mark.parametrize("path", KINDS)
def test_reading_one(api: Api, path: str, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = make_user("admin")
    there = KINDS[path](title="There", by=writer)
    KINDS[path](title="Moved", slug="old", by=writer)
    api.patch(f"{path}/old", {"slug": "new"}, token=admin)
    etag = api.get(f"{path}/there")["ETag"]

    asked = {
        200: api.get(f"{path}/{there.pk}"),
        301: api.get(f"{path}/old"),
        304: api.get(f"{path}/there", headers={"If-None-Match": etag}),
        401: api.get(f"{path}/there", token="nonsense"),
        404: api.get(f"{path}/nothing"),
        405: api.post(f"{path}/there", {}),
        422: api.get(f"{path}/there?fields=nothing"),
    }
    monkeypatch.setattr(reads, "single", _away)
    asked[503] = api.get(f"{path}/there")

    assert {status: response.status_code for status, response in asked.items()} == {status: status for status in asked}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_the_settings(api: Api, method: str, admin: str, member: str, settings: Any) -> None:
    valid = {"site_name": "New"}
    etag = api.get("/settings")["ETag"]

    asked = {
        304: api.get("/settings", headers={"If-None-Match": etag}),
        400: api.request(method, "/settings", token=admin, **BAD),
        401: api.request(method, "/settings", valid),
        403: api.request(method, "/settings", valid, token=member),
        405: api.delete("/settings", token=admin),
        412: api.request(method, "/settings", valid, token=admin, **STALE),
        415: api.request(method, "/settings", token=admin, **TEXT),
        422: api.request(method, "/settings", {"site_name": ""}, token=admin),
    }
    settings.REQUIRE_IF_MATCH = True
    asked[428] = api.request(method, "/settings", valid, token=admin)
    settings.REQUIRE_IF_MATCH = False
    asked[200] = api.request(method, "/settings", valid, token=admin)

    assert {status: response.status_code for status, response in asked.items()} == {status: status for status in asked}
    assert SiteSettings.objects.get().site_name == "New"


@pytest.mark.parametrize("path", ["/pages", "/posts", "/posts/there", "/settings", "/auth/login", "/auth/token"])
def test_a_body_that_is_far_too_long_is_413_everywhere(path: str) -> None:
    sent = asyncio.run(_send(f"/api/v1{path}", b"x" * (asgi.api._max_body + 1)))

    headers = {name.lower(): value for name, value in sent[0]["headers"]}
    assert (sent[0]["status"], headers[b"content-type"]) == (413, b"application/problem+json")
    assert b"x-request-id" in headers


def test_the_state_that_does_not_allow_a_step_is_409() -> None:
    from content import publishing
    from core.api import problems

    admin = make_user("admin")
    post = make_post(published=False, by=admin)

    with pytest.raises(publishing.NotPublished) as refusal:
        publishing.unpublish(post, by=admin, now=clock.now())

    assert problems.answer(refusal.value).status_code == 409
    saving.save(post, {}, published=False, by=admin, now=clock.now())  # the same value as before does nothing


def _away(*args: Any) -> None:
    raise OperationalError("away")


async def _send(path: str, body: bytes) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
    }
    await asgi.application(scope, receive, send)
    return sent
