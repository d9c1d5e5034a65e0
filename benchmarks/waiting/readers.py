"""The same question on the connections that answer public misses past Django (``core.postgresql.asynchronous``)."""

from cms_project import starting

starting.load_settings()

import django  # noqa: E402

django.setup(set_prefix=False)

from core.asgi import Receive, Scope, Send  # noqa: E402
from core.postgresql.asynchronous import Pool  # noqa: E402
from django.conf import settings  # noqa: E402

pool = Pool(settings.DATABASE_READERS, patience=10)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        if scope["path"] == "/wait":
            await pool.ask("SELECT 1 FROM pg_sleep(0.005)", ())
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"6")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"waited"})
        return
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            await pool.close()
            return
