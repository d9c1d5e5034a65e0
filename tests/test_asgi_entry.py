"""Which handler answers which path."""

import pytest

from cms_project import asgi


@pytest.mark.parametrize(
    ("path", "handler"),
    [("/admin", "site"), ("/admin/", "site"), ("/admin/login/", "site"), ("/static/x.css", "site")]
    + [(path, "api") for path in ("/", "/api/v1/posts", "/administrator", "/statics", "/docs", "/healthz", "//admin/")],
)
def test_the_admin_and_its_files_go_through_djangos_full_list(path: str, handler: str) -> None:
    assert asgi.handler_for(path) is getattr(asgi, handler)
