"""Which handler answers which path."""

import asyncio
import runpy
from typing import Any

import pytest

from cms_project import asgi


@pytest.mark.parametrize(
    ("path", "handler"),
    [("/admin", "site"), ("/admin/", "site"), ("/admin/login/", "site"), ("/static/x.css", "site")]
    + [(path, "api") for path in ("/", "/api/v1/posts", "/administrator", "/statics", "/docs", "/healthz", "//admin/")],
)
def test_the_admin_and_its_files_go_through_djangos_full_list(path: str, handler: str) -> None:
    assert asgi.handler_for(path) is getattr(asgi, handler)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_pages_about_the_api_can_be_switched_off(settings: Any, enabled: bool) -> None:
    settings.DOCS_ENABLED = enabled

    routes = {str(one.pattern) for one in runpy.run_module("cms_project.urls")["urlpatterns"]}

    assert {"healthz", "admin/", "problems"} <= routes
    assert [page in routes for page in ("", "docs", "redoc", "api/schema")] == [enabled] * 4


@pytest.mark.parametrize("target", ["*", "*.example.org"])
def test_a_target_that_is_no_path_gets_a_problem_body(target: str) -> None:
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "OPTIONS",
        "path": target,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asgi.application(scope, receive, send))

    assert sent[0]["status"] == 404
    assert (b"Content-Type", b"application/problem+json") in sent[0]["headers"]
