"""A plain HTTP client that tells a connection that was refused from a request that was dropped."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Barrier
from typing import Any

from tests.faults.processes import HOST

PATIENCE = 40.0  # longer than anything may take, so that what hangs is seen as what it is


class NotConnected(Exception):
    """The server did not take the connection: nothing was promised."""


class Dropped(Exception):
    """The server took the connection and gave no answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    content: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """Of a problem body."""
        code: str = self.json()["code"]
        return code


def connection_to(port: int, source: str = "") -> HTTPConnection:
    return HTTPConnection(HOST, port, timeout=PATIENCE, source_address=(source, 0) if source else None)


@dataclass(frozen=True)
class Client:
    """One connection per request, so that every worker gets its share; or ``kept``, for one thread."""

    port: int
    token: str = ""
    source: str = ""  # the address to come from
    kept: HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """A path that starts with ``//`` is taken as it is, less one slash; any other is below /api/v1."""
        started = time.monotonic()
        connection = self.kept or connection_to(self.port, self.source)
        try:
            if connection.sock is None:
                connection.connect()
        except OSError as error:
            raise NotConnected(str(error)) from error
        try:
            target = path[1:] if path.startswith("//") else f"/api/v1{path}"
            connection.request(method, target, None if body is None else json.dumps(body), self._headers(headers))
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            connection.close()
            raise Dropped(f"{method} {path}: {error!r}") from error
        finally:
            if self.kept is None:
                connection.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, content, time.monotonic() - started)

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("POST", path, body, headers)

    def patch(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("PATCH", path, body, headers)

    def _headers(self, more: dict[str, str] | None) -> dict[str, str]:
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Content-Type": "application/json", **token, **(more or {})}


def at_once(*requests: Callable[[], Answer]) -> list[Answer]:
    """Starts all together, each in a thread; the answers in the order of the requests."""
    start = Barrier(len(requests))

    def run(request: Callable[[], Answer]) -> Answer:
        start.wait(10)
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, requests))


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


def slowest(answers: Iterable[Answer]) -> float:
    return max(answer.seconds for answer in answers)
