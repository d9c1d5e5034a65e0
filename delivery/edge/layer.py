"""The ASGI application in front of Django's: public reads from memory, everything else untouched.

A hit costs one look into a dictionary under what was literally asked. What is not found there is looked up under its
name (``asking``); what is not found there either is fetched once, however many ask for it at the same time.

With ``memory`` None nothing is kept, and every answer is made anew, in the same way and byte by byte the same.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from random import getrandbits
from time import monotonic
from typing import Any, Protocol

from django.conf import settings

from core import metrics
from core.asgi import HEAD, KEEP, Receive, Scope, Send
from core.observability import log_line, log_request, request_id_from
from delivery.edge import answers, asking
from delivery.edge.answers import Answer, Header, Variant
from delivery.edge.asking import NOT_PLAIN, READS, Asked, Headers
from delivery.edge.memory import Address, Entry, Memory

App = Callable[[Scope, Receive, Send], Awaitable[None]]

_NO_BODY = {"type": "http.response.body", "body": b""}
_ASKED_ON = frozenset({b"host", b"origin", b"x-forwarded-proto", b"x-forwarded-for"})  # nothing else may matter

hits = metrics.counter("stitch_edge_hits_total", "Public reads answered from memory.")
misses = metrics.counter("stitch_edge_misses_total", "Public reads that had to be fetched, or waited for one that was.")
passed = metrics.counter("stitch_edge_passed_total", "Public reads made anew, because memory was off or not current.")


class Source(Protocol):
    """Knows of changes, and whether it knows of all of them."""

    def is_current(self, now: float) -> bool:
        """Every change whose write was answered before this call has ended its keys in memory."""


class Direct(Protocol):
    """A shorter way to a public answer than Django's handler."""

    async def ask(self, asked: Asked) -> Answer | None:
        """None: let Django answer."""

    def learn(self, asked: Asked, answer: Answer) -> None:
        """Is shown what Django has answered, for the headers."""


class Mark:
    """What a public answer of Django's says of itself (``delivery.api.answers``)."""

    def __init__(self) -> None:
        self.keys: list[str] | None = None
        self.changes_in: float | None = None

    def mark(self, keys: list[str], changes_in: float | None) -> None:
        self.keys, self.changes_in = keys, changes_in


class Edge:
    """``prefixes`` are the paths of which anything may be kept. ``memory`` needs a ``source``."""

    def __init__(
        self,
        app: App,
        *,
        prefixes: tuple[str, ...],
        source: Source | None = None,
        memory: Memory | None = None,
        direct: Direct | None = None,
    ) -> None:
        self._app, self._prefixes = app, prefixes
        self._source, self._memory, self._direct = source, memory, direct
        self._addresses: dict[Address, Variant] = memory.addresses if memory is not None else {}
        self._logs_hits = settings.EDGE_LOG_HITS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The first part is the whole of a hit, written out for speed: every call in it would be felt."""
        if scope["type"] != "http" or scope["method"] not in READS:
            await self._app(scope, receive, send)
            return
        headers: Headers = dict(scope["headers"])
        address = _address(scope, headers)
        now = monotonic()
        is_current = self._source is not None and self._source.is_current(now)
        variant = self._addresses.get(address)
        is_plain = NOT_PLAIN.isdisjoint(headers) and len(headers) == len(scope["headers"])
        if variant is not None and is_plain and is_current and now < variant.serves_until and not self._logs_hits:
            variant.used_at = now
            hits.value += 1
            if b"if-none-match" not in headers and b"x-request-id" not in headers and scope["method"] == "GET":
                body, request_id = variant.body, b"%016x" % getrandbits(64)
                await send(
                    {
                        "type": "http.response.start",
                        "status": variant.status,
                        "headers": [*variant.headers, (b"X-Request-ID", request_id)],
                        HEAD: ((variant.lines, b"x-request-id: ", request_id, b"\r\n"), len(body["body"])),
                    }
                )
                await send(body)
            else:
                await _send(variant, variant.headers, scope, headers, send, _request_id(headers))
        elif is_plain and scope["path"].startswith(self._prefixes):
            await self._look_up(address, is_current, scope, headers, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _look_up(
        self, address: Address, is_current: bool, scope: Scope, headers: Headers, receive: Receive, send: Send
    ) -> None:
        asked = asking.asked_by(scope, headers)
        if asked is None:
            await self._app(scope, receive, send)
            return
        encoding = answers.encoding_for(headers.get(b"accept-encoding"))
        entry = self._find(asked) if is_current else None
        if entry is not None:
            await self._hit(*self._kept(entry, encoding, address), scope, headers, send)
            return
        started, request_id = time.perf_counter(), _request_id(headers)
        answer = await self._fetch(asked, scope, request_id, is_current=is_current)
        entry = self._find(asked)
        if answer.keys is None:
            status = await _relay(answer, request_id, send)
        elif entry is not None and entry.answer is answer:
            status = await _send(*self._kept(entry, encoding, address), scope, headers, send, request_id)
        else:
            variant = answers.variant(answer, encoding)
            status = await _send(variant, variant.headers, scope, headers, send, request_id)
        _log(scope, status, started, request_id)

    # --- From memory --------------------------------------------------------------------------------------------

    async def _hit(self, variant: Variant, found: list[Header], scope: Scope, headers: Headers, send: Send) -> None:
        hits.value += 1
        if not self._logs_hits:
            await _send(variant, found, scope, headers, send, _request_id(headers))
            return
        started, request_id = time.perf_counter(), _request_id(headers)
        status = await _send(variant, found, scope, headers, send, request_id)
        log_line(**_line(scope, status, request_id), seconds=time.perf_counter() - started)

    def _find(self, asked: Asked) -> Entry | None:
        return self._memory.find(asked, time.monotonic()) if self._memory is not None else None

    def _kept(self, entry: Entry, encoding: str, address: Address) -> tuple[Variant, list[Header]]:
        """The variant and the headers to send it with; next time it is found under its address."""
        assert self._memory is not None
        now = time.monotonic()
        variant = self._memory.variant(entry, encoding, now)
        if now >= variant.serves_until:
            return variant, answers.with_lifetime(variant.headers, entry.answer.changes_at - now)
        self._memory.remember(address, variant, now)
        return variant, variant.headers

    # --- From the database --------------------------------------------------------------------------------------

    async def _fetch(self, asked: Asked, scope: Scope, request_id: str, *, is_current: bool) -> Answer:
        """Fetches an answer, or waits for somebody who is fetching it; keeps it where it may be kept."""
        if self._memory is None or not is_current:
            passed.value += 1
            return await self._ask(asked, scope, request_id)
        misses.value += 1
        flight = self._memory.flights.get(asked)
        if flight is None:
            return await self._fly(self._memory, asked, scope, request_id)
        shared = await asyncio.shield(flight)
        return shared or await self._ask(asked, scope, request_id)

    async def _fly(self, memory: Memory, asked: Asked, scope: Scope, request_id: str) -> Answer:
        flight: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        memory.flights[asked] = flight
        since, shared = memory.take_off(), None
        try:
            answer = await self._ask(asked, scope, request_id)
            if answer.keys is not None:
                shared = answer
                memory.keep(asked, answer, since=since, fixed_until=_fixed_until(answer), now=time.monotonic())
            return answer
        finally:
            memory.land()
            flight.set_result(shared)
            if memory.flights.get(asked) is flight:
                del memory.flights[asked]

    async def _ask(self, asked: Asked, scope: Scope, request_id: str) -> Answer:
        answer = await self._direct.ask(asked) if self._direct is not None else None
        if answer is None:
            answer = await _ask_django(self._app, asked, scope, request_id)
            if self._direct is not None and answer.keys is not None:
                self._direct.learn(asked, answer)
        return answer


async def _ask_django(app: App, asked: Asked, scope: Scope, request_id: str) -> Answer:
    """The whole answer of the application to the plainest form of the question."""
    mark, started = Mark(), time.monotonic()
    kept = [header for header in scope["headers"] if header[0] in _ASKED_ON]
    inner = {
        **scope,
        "method": "GET",
        "query_string": asked.query.encode(),
        "headers": [*kept, (b"x-request-id", request_id.encode())],
        KEEP: mark,
    }
    messages: list[Any] = []
    to_come = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return to_come.pop() if to_come else await asyncio.Future()  # nobody hangs up

    async def send(message: Any) -> None:
        messages.append(message)

    await app(inner, receive, send)
    if not messages:
        raise RuntimeError("The application did not answer.")
    headers = [header for header in messages[0]["headers"] if header[0].lower() != b"x-request-id"]
    body = b"".join(message.get("body", b"") for message in messages[1:])
    changes_at = math.inf if mark.changes_in is None else started + mark.changes_in
    return Answer(messages[0]["status"], headers, body, mark.keys, changes_at)


async def _send(
    variant: Variant, found: list[Header], scope: Scope, headers: Headers, send: Send, request_id: str
) -> int:
    """Returns the status. Takes hold of everything first: the variant may end while the first part is being sent."""
    body, status = variant.body, variant.status
    if b"if-none-match" in headers and status == 200 and answers.is_unchanged(variant.etag, headers[b"if-none-match"]):
        found, body, status = answers.without_body(found), _NO_BODY, 304
    elif scope["method"] == "HEAD":
        body = _NO_BODY
    start = [*found, (b"X-Request-ID", request_id.encode())]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send(body)
    return status


async def _relay(answer: Answer, request_id: str, send: Send) -> int:
    start = [*answer.headers, (b"X-Request-ID", request_id.encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": start})
    await send({"type": "http.response.body", "body": answer.body})
    return answer.status


def _address(scope: Scope, headers: Headers) -> Address:
    """What was asked, to the letter: everything that ``asking.asked_by`` and the choice of an encoding look at."""
    get = headers.get
    return (
        scope["path"],
        scope["query_string"],
        get(b"host"),
        get(b"origin"),
        get(b"accept-encoding"),
        get(b"x-forwarded-proto"),
        scope["scheme"],
    )


def _fixed_until(answer: Answer) -> float:
    """Until then the Cache-Control that was sent with it is right: shared caches keep it no longer than it is true."""
    return answer.changes_at - settings.PUBLIC_MAX_AGE - settings.PUBLIC_STALE_WHILE_REVALIDATE


def _request_id(headers: Headers) -> str:
    given = headers.get(b"x-request-id")
    return request_id_from(given.decode("latin-1") if given else None)


def _log(scope: Scope, status: int, started: float, request_id: str) -> None:
    log_request(**_line(scope, status, request_id), started=started)


def _line(scope: Scope, status: int, request_id: str) -> dict[str, Any]:
    return {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "user": None,
        "request_id": request_id,
    }
