"""A real OpenID Connect provider in a process of its own (``provider/server.mjs``), and a person with a browser."""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests

from tests.house.servers import free_port

FOLDER = Path(__file__).parent / "provider"
CLIENT_ID, CLIENT_SECRET = "stitch", "s3cret/+ with % and :"
VERIFIER = "a-verifier-that-is-long-enough-for-the-standard-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "/api/v1/auth/sso/callback"


class Provider:
    def __init__(self, port: int, environment: dict[str, str], log: Path) -> None:
        self.issuer, self._environment, self._log = f"http://127.0.0.1:{port}", environment, log
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as out:
            process = subprocess.Popen(
                ["node", "server.mjs"],
                cwd=FOLDER,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + 20
        while time.monotonic() < end and process.poll() is None:
            with suppress(requests.RequestException):
                requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=2).raise_for_status()
                return process
            time.sleep(0.05)
        raise AssertionError(f"The provider does not answer:\n{self._log.read_text()}")

    def start_again(self) -> None:
        """With new keys, as after a rotation."""
        self.process = self._started()

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def settings(self, **more: str) -> dict[str, str]:
        """The variables with which Stitch knows it."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "the office account",
            **more,
        }


@contextmanager
def provider(
    log: Path, *, stitch: str, accounts: dict[str, dict[str, object]], alg: str = "RS256", **variables: str
) -> Iterator[Provider]:
    """``stitch``: the address at which it may send people back. ``accounts``: claims by login name."""
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        pytest.fail(f"The provider is not installed: npm ci --prefix {FOLDER}")
    port = free_port()
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [stitch + CALLBACK],
        "id_token_signed_response_alg": alg,
    }
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "ISSUER": f"http://127.0.0.1:{port}",
        "CLIENT": json.dumps(client),
        "ACCOUNTS": json.dumps(accounts),
        **variables,
    }
    if shutil.which("node") is None:
        pytest.fail("The provider runs on Node, which is not installed.")
    running = Provider(port, environment, log)
    try:
        yield running
    finally:
        running.stop()


class Person:
    """A browser without a screen: it keeps cookies, follows redirects and fills in the provider's forms."""

    def __init__(self, stitch: str) -> None:
        self.stitch, self.session = stitch, requests.Session()
        self.session.trust_env = False

    def get(self, url: str, **headers: str) -> requests.Response:
        sent = {"Accept": "text/html", **headers}
        return self.session.get(urljoin(self.stitch, url), headers=sent, allow_redirects=False, timeout=15)

    def follow(self, response: requests.Response, *, until: str) -> requests.Response:
        """Follows redirects to the first page, or to the redirect that leads to ``until``."""
        while response.is_redirect and not response.headers["Location"].startswith(until):
            response = self.get(urljoin(response.url, response.headers["Location"]))
        return response

    def start(self, return_to: str, challenge: str = CHALLENGE) -> requests.Response:
        parameters = {"return_to": return_to, "challenge": challenge}
        prepared = requests.Request("GET", f"{self.stitch}/api/v1/auth/sso/start", params=parameters).prepare()
        return self.get(str(prepared.url))

    def log_in(self, response: requests.Response, name: str) -> str:
        """From the redirect to the provider on, to the address of the callback, which is not opened."""
        back = self.stitch + CALLBACK
        page = self.follow(response, until=back)
        while not page.is_redirect:
            page = self.follow(self._submit(page, name), until=back)
        return page.headers["Location"]

    def cancel(self, response: requests.Response) -> str:
        page = self.follow(response, until=self.stitch + CALLBACK)
        link = re.search(r'href="([^"]+/abort)"', page.text)
        assert link is not None, page.text
        return self.follow(self.get(link[1]), until=self.stitch + CALLBACK).headers["Location"]

    def _submit(self, page: requests.Response, name: str) -> requests.Response:
        assert page.status_code == 200, (page.status_code, page.url, page.text[:500])
        action = re.search(r'<form[^>]+action="([^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert action is not None
        assert prompt is not None
        fields = {"prompt": prompt[1], **({"login": name, "password": "x"} if prompt[1] == "login" else {})}
        url = urljoin(page.url, html.unescape(action[1]))
        return self.session.post(url, data=fields, allow_redirects=False, timeout=15)

    def exchange(self, code: str, verifier: str = VERIFIER, **more: str) -> requests.Response:
        body = {"code": code, "verifier": verifier, **more}
        return requests.post(f"{self.stitch}/api/v1/auth/sso/exchange", json=body, timeout=15)


def parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
