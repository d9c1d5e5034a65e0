"""Asks an ASGI application as a server would, and stands in for what surrounds the edge."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from core.asgi import KEEP, Lanes, LeanHandler, Receive, Scope, Send
from delivery.edge import layer
from delivery.edge.layer import App, Edge
from delivery.edge.memory import MIB, Memory

Headers = dict[str, str]


@dataclass(frozen=True)
class Got:
    status: int
    headers: list[tuple[str, str]]  # as they were sent
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        found = [value for one, value in self.headers if one.lower() == name.lower()]
        assert len(found) < 2, f"{name} stands {len(found)} times"
        return found[0] if found else None

    @property
    def comparable(self) -> tuple[int, set[tuple[str, str]], bytes]:
        """All but what may differ between two answers to one question."""
        mine = {pair for pair in self.headers if pair[0].lower() not in ("x-request-id", "date")}
        body = self.body.replace((self["X-Request-ID"] or "-").encode(), b"the request's id")
        return self.status, mine, body


async def ask(
    app: App,
    target: str,
    *,
    method: str = "GET",
    headers: Headers | None = None,
    more: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    scheme: str = "http",
) -> Got:
    """``target`` is path and query below /api/v1; one that starts with ``//`` is taken as it is, less one slash.

    ``headers`` come beside (or instead of) a host, ``more`` after them, as they are.
    """
    path, _, query = (target[1:] if target.startswith("//") else f"/api/v1{target}").partition("?")
    named = {"host": "testserver", **(headers or {})}
    sent: list[Any] = []
    scope: Scope = {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode("latin-1"),
        "headers": [*((name.encode(), value.encode("latin-1")) for name, value in named.items()), *more],
        "client": ("192.0.2.1", 4711),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    assert (start["type"], [one["type"] for one in rest]) == ("http.response.start", ["http.response.body"] * len(rest))
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Got(start["status"], pairs, b"".join(one.get("body", b"") for one in rest))


class Known:
    """A source that hears of everything at once, or of nothing."""

    def __init__(self) -> None:
        self.is_there = True

    def is_current(self, now: float) -> bool:
        return self.is_there


class Small:
    """A small application: any path is public, with the keys that are the rest of its path, separated by commas.

    ``asked`` holds the scopes that came so far. While ``gate`` is closed it answers nobody.
    """

    def __init__(self) -> None:
        self.asked: list[Scope] = []
        self.status = 200
        self.body = b'{"number": %d}'
        self.changes_in: float | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_public = True
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope)
        number, is_public, error = len(self.asked), self.is_public, self.error
        await self.gate.wait()
        if error is not None:
            raise error
        content = self.body % number if b"%d" in self.body else self.body
        if is_public and KEEP in scope:
            scope[KEEP].mark(scope["path"].rpartition("/")[2].split(","), self.changes_in)
        headers = [(b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(content))]
        headers += [(b"ETag", b'"tag-%d"' % number), (b"Cache-Control", b"public"), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def edge_over(app: App, *, source: Known | None = None, memory: Memory | None = None, limit: int = MIB) -> Edge:
    kept = Memory(limit) if memory is None else memory
    return Edge(app, prefixes=settings.EDGE_PREFIXES, source=source or Known(), memory=kept)


def edge_without_memory(app: App) -> Edge:
    """As with EDGE_CACHE=0."""
    return Edge(app, prefixes=settings.EDGE_PREFIXES)


class Stitch(LeanHandler):
    """The product's API, run in the thread and on the database connection of the test."""

    def __init__(self) -> None:
        super().__init__(settings.API_MIDDLEWARE, lanes=Lanes(1), max_body=settings.API_MAX_BODY_BYTES)
        self.asked: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope)
        await self._respond(scope, receive, send)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


@contextmanager
def counted() -> Iterator[Callable[[], tuple[float, ...]]]:
    """Hits, misses and reads that were passed, since then."""
    counters = (layer.hits, layer.misses, layer.passed)
    before = [one.value for one in counters]
    yield lambda: tuple(one.value - old for one, old in zip(counters, before, strict=True))


async def settled() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)
