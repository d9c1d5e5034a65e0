"""The view under the product's handler: its settings, its lanes, its database connections; no middleware."""

from cms_project import starting

starting.load_settings()

import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.ROOT_URLCONF = "benchmarks.waiting.lean_views"
django.setup(set_prefix=False)

from core.asgi import Lanes, LeanHandler, Receive, Scope, Send  # noqa: E402

handler = LeanHandler([], lanes=Lanes(settings.DATABASE_LANES), max_body=settings.API_MAX_BODY_BYTES)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await handler(scope, receive, send)
        return
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
