"""A real server on a database of its own, and a real browser that notes whatever goes wrong in it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.faults.processes import free_port

ROOT = Path(__file__).parent.parent.parent
EMAIL, PASSWORD = "editor@example.com", "a long enough passphrase"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server with an empty database and the one user EMAIL. Yields its address."""
    database = folder / "db.sqlite3"
    port = free_port()
    address = f"http://localhost:{port}"
    environment = os.environ | {
        "ENV_FILE": "",
        "DEBUG": "1",
        "SECRET_KEY": "a-key-for-tests-that-is-long-enough-to-be-one",
        "DATABASE_URL": f"sqlite:///{database}",
        "PUBLIC_BASE_URL": address,
        "RATELIMIT_ENABLE": "0",
        "DJANGO_SETTINGS_MODULE": "cms_project.settings",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    environment.pop("REDIS_URL", None)
    manage = [sys.executable, "manage.py"]
    new_user = ["createsuperuser", "--noinput", "--email", EMAIL, "--username", "editor"]
    for command in (["migrate", "--verbosity", "0"], new_user):
        subprocess.run([*manage, *command], cwd=ROOT, env=environment, check=True, capture_output=True)
    serve = [
        sys.executable,
        "-m",
        "uvicorn",
        "cms_project.asgi:application",
        "--port",
        str(port),
        "--no-proxy-headers",
        "--log-level",
        "error",
    ]
    with subprocess.Popen(
        serve, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(f"{address}/healthz")
            yield address
        finally:
            process.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urlopen(url):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """``CHROMIUM`` names the browser where it is not in the path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("These tests drive Chromium, which is not installed; CHROMIUM=/path/to/it names one.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Editor:
    """Somebody at the desk. ``troubles`` holds errors in the console and requests to anybody but us."""

    context: BrowserContext
    address: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.goto(self.address + path)
        return page

    def log_in(self) -> None:
        page = self.first_step()
        page.get_by_text("Welcome").first.wait_for()
        page.close()

    def first_step(self, path: str = "/admin/") -> Page:
        """The right e-mail and password; what comes then may be another step."""
        page = self.open(path)
        page.get_by_label("E-mail").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        with page.expect_navigation():
            page.get_by_role("button", name="Log in").click()
        return page

    def posts(self) -> list[str]:
        """The titles that visitors get at this moment."""
        answer = self.context.request.get(f"{self.address}/api/v1/posts?per_page=100").json()
        return [item["title"] for item in answer["items"]]

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(f"request to {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console: {message.text}")


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[Editor]:
    """Somebody in a browser of their own, who has not logged in."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    yield Editor(context, address)
    context.close()


@pytest.fixture
def editor(browser: Browser, server: str) -> Iterator[Editor]:
    with visiting(browser, server) as someone:
        someone.log_in()
        yield someone
