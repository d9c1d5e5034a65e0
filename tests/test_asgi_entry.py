"""Which handler answers which path."""

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
