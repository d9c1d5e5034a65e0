"""The server's entry: the API behind its short middleware list, the admin and its files behind Django's full one."""

import asyncio
import gc

from cms_project import starting

starting.load_settings()

import django  # noqa: E402

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from core import background, metrics  # noqa: E402
from core.asgi import Handler, Lanes, LeanHandler, Receive, Scope, Send  # noqa: E402
from delivery.edge import serving  # noqa: E402

lanes = Lanes(settings.DATABASE_LANES)


def _handler(middleware: list[str], *, max_body: int) -> Handler:
    if settings.LEAN_HANDLER:
        return LeanHandler(middleware, lanes=lanes, max_body=max_body)
    return Handler(middleware, max_body=max_body)


api = _handler(settings.API_MIDDLEWARE, max_body=settings.API_MAX_BODY_BYTES)
site = _handler(settings.MIDDLEWARE, max_body=settings.SITE_MAX_BODY_BYTES)


def handler_for(path: str) -> Handler:
    """``/admin`` and all below it, but not ``/administrator``."""
    return site if f"{path}/".startswith(settings.SITE_PREFIXES) else api


async def _everything(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await handler_for(scope["path"])(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)
    else:
        await send({"type": "websocket.close", "code": 1000})


edge = serving.Server(_everything, prefixes=settings.EDGE_PREFIXES)
application = edge.application

metrics.gauge("stitch_lanes_in_use", "Lanes (database connections) that requests have.", lambda: lanes.in_use)
metrics.gauge("stitch_lanes_waiting", "Requests that wait for a lane.", lambda: lanes.waiting)
metrics.gauge("stitch_edge_bytes", "What the answers in memory weigh.", lambda: edge.weight)
metrics.gauge("stitch_edge_entries", "How many answers are in memory.", lambda: edge.entries)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await (_stop() if message["type"] == "lifespan.shutdown" else _start())
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _start() -> None:
    gc.collect()
    gc.freeze()  # what was loaded stays, and need not be looked through for garbage again and again
    edge.start()
    if settings.BACKGROUND:
        background.start()


async def _stop() -> None:
    """After the last answer. What is still busy then is left to another process (core.jobs, leases)."""
    await edge.stop()
    await asyncio.to_thread(background.stop)
    metrics.write()
