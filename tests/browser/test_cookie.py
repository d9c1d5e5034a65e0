"""The refresh cookie in a real browser: a page of an allowed origin lives by it, a foreign one cannot touch it."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import EMAIL, PASSWORD
from tests.faults.processes import free_port
from tests.house.commands import KEY, manage
from tests.house.servers import server as running

pytestmark = pytest.mark.browser

SEND = """async ([url, body, type]) => {
    try {
        const headers = type ? { "Content-Type": type } : {}
        const answer = await fetch(url, { method: "POST", credentials: "include", headers, body })
        const text = await answer.text()
        return { status: answer.status, body: text ? JSON.parse(text) : null }
    } catch (error) {
        return { status: 0, body: String(error) }
    }
}"""


class Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title>")

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@contextmanager
def pages() -> Iterator[int]:
    """The port of a server that has a page at every address."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield web.server_port
    web.shutdown()
    web.server_close()


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Of the allowed origin and of another one."""
    with pages() as allowed, pages() as foreign:
        yield allowed, foreign


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("cookie"), free_port()
    variables = {
        "DEBUG": "1",
        "SECRET_KEY": KEY,
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "ALLOWED_ORIGINS": f"http://localhost:{ports[0]},http://127.0.0.1:{ports[0]}",
        "RATELIMIT_ENABLE": "0",
    }
    manage("migrate", "--verbosity", "0", **variables)
    new_user = ("createsuperuser", "--noinput", "--email", EMAIL, "--username", "editor")
    assert manage(*new_user, **variables, DJANGO_SUPERUSER_PASSWORD=PASSWORD).returncode == 0
    serve = (
        sys.executable,
        "-m",
        "uvicorn",
        "cms_project.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "error",
    )
    with running(*serve, log=folder / "log", **variables):
        yield f"http://localhost:{port}/api/v1/auth"


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context
    context.close()


def on(visitor: BrowserContext, origin: str) -> Page:
    page = visitor.new_page()
    page.goto(f"{origin}/")
    return page


def post(page: Page, url: str, body: Any = None) -> tuple[int, Any]:
    sent = [url, json.dumps(body) if body is not None else None, "application/json" if body is not None else ""]
    answer = page.evaluate(SEND, sent)
    return answer["status"], answer["body"]


def log_in(page: Page, api: str) -> tuple[int, Any]:
    return post(page, f"{api}/login", {"email": EMAIL, "password": PASSWORD, "delivery": "cookie"})


def kept(visitor: BrowserContext) -> list[dict[str, Any]]:
    return [dict(one) for one in visitor.cookies() if one["name"] == "refresh_token"]


def test_a_page_of_an_allowed_origin_logs_in_stays_and_logs_out(visitor: BrowserContext, api: str, ports: Any) -> None:
    page = on(visitor, f"http://localhost:{ports[0]}")

    status, body = log_in(page, api)
    (first,) = kept(visitor)
    page.reload()  # whatever the page had in mind is gone
    refreshed, again = post(page, f"{api}/refresh")
    (second,) = kept(visitor)
    left, _ = post(page, f"{api}/logout")
    after, refusal = post(page, f"{api}/refresh")

    assert (status, refreshed, left, after) == (200, 200, 204, 422)
    assert ("refresh_token" in body, "refresh_token" in again, again["user"]["email"]) == (False, False, EMAIL)
    assert (first["httpOnly"], first["sameSite"], first["path"]) == (True, "Strict", "/api/v1/auth")
    assert first["value"] != second["value"]
    assert (page.evaluate("document.cookie"), kept(visitor)) == ("", [])
    assert refusal["errors"][0]["field"] == "refresh_token"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_a_foreign_origin_can_neither_log_in_nor_refresh_nor_log_out(
    visitor: BrowserContext, api: str, ports: Any, host: str
) -> None:
    """``localhost`` with another port is the same site, so the browser does send the cookie; 127.0.0.1 is another."""
    ours, theirs = on(visitor, f"http://localhost:{ports[0]}"), on(visitor, f"http://{host}:{ports[1]}")
    log_in(ours, api)
    before = kept(visitor)

    stolen = [log_in(theirs, api), post(theirs, f"{api}/refresh"), post(theirs, f"{api}/logout")]
    simple = theirs.evaluate(SEND, [f"{api}/refresh", "{}", "text/plain"])

    assert [status for status, _ in stolen] + [simple["status"]] == [0, 0, 0, 0]
    assert kept(visitor) == before
    assert post(ours, f"{api}/refresh")[0] == 200


def test_a_form_of_a_foreign_page_spends_nothing(visitor: BrowserContext, api: str, ports: Any) -> None:
    """No CORS here: the browser navigates, and sends what the rules of cookies allow."""
    ours, theirs = on(visitor, f"http://localhost:{ports[0]}"), on(visitor, f"http://localhost:{ports[1]}")
    log_in(ours, api)
    before = kept(visitor)

    submit = """(url) => {
        const form = document.body.appendChild(document.createElement("form"))
        Object.assign(form, { method: "POST", action: url }).submit()
    }"""
    with theirs.expect_response(f"{api}/logout") as caught:
        theirs.evaluate(submit, f"{api}/logout")

    assert (caught.value.status, kept(visitor)) == (403, before)
    assert post(ours, f"{api}/refresh")[0] == 200


def test_an_allowed_origin_on_another_site_is_told_so(visitor: BrowserContext, api: str, ports: Any) -> None:
    page = on(visitor, f"http://127.0.0.1:{ports[0]}")

    status, refusal = log_in(page, api)

    assert (status, refusal["code"], kept(visitor)) == (403, "csrf_failed", [])
