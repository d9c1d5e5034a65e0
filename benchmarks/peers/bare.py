"""The ceiling: answers captured from the product, sent again from a dict by an application that does nothing else.

CAPTURED names a file of JSON: ``{"/path?query": {"status": 200, "headers": [["name", "value"]], "body": "…"}}``.
"""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

Message = Mapping[str, Any]
Answer = tuple[dict[str, Any], dict[str, Any]]

_NOT_FOUND: Answer = (
    {"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]},
    {"type": "http.response.body", "body": b""},
)
_HEALTHY: Answer = (
    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]},
    {"type": "http.response.body", "body": b"ok"},
)


def _load() -> dict[tuple[str, bytes], Answer]:
    captured = json.loads(Path(os.environ["CAPTURED"]).read_bytes())
    answers = {("/healthz", b""): _HEALTHY}
    for target, one in captured.items():
        path, _, query = target.partition("?")
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in one["headers"]]
        start = {"type": "http.response.start", "status": one["status"], "headers": headers}
        answers[path, query.encode()] = (start, {"type": "http.response.body", "body": one["body"].encode()})
    return answers


ANSWERS = _load()


async def application(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    start, body = ANSWERS.get((scope["path"], scope["query_string"]), _NOT_FOUND)
    await send(start)
    await send(body)


async def _live(receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class Worker(UvicornWorker):  # type: ignore[misc] # it carries no types
    """The settings of the product's worker, under uvicorn's own protocol: no limits on headers, no last call."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "httptools",
        "ws": "none",
        "lifespan": "on",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
    }
