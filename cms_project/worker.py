"""The worker that gunicorn starts (``gunicorn.conf.py``): uvicorn, trusting no header and logging through Django."""

import asyncio
import logging
import os
import socket
import sys
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from cms_project.protocol import GuardedProtocol

GRACEFUL_SECONDS = 20  # for requests under way; gunicorn waits five seconds longer before it kills


class LastCallServer(Server):
    """Answers also those whom the kernel had let in already when the server was told to leave."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        doors = [socket.socket(fileno=os.dup(sock.fileno())) for sock in sockets or []]
        for server in self.servers:
            server.close()
        for door in doors:
            await self._let_in(door)
            door.close()
        await super().shutdown(sockets)

    async def _let_in(self, door: socket.socket) -> None:
        door.setblocking(False)
        loop = asyncio.get_running_loop()
        for _ in range(self.config.backlog):
            try:
                connection, _address = door.accept()
            except BlockingIOError:
                return
            await loop.connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> GuardedProtocol:
        return GuardedProtocol(self.config, self.server_state, self.lifespan.state)


class Worker(UvicornWorker):  # type: ignore[misc] # it carries no types
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": GuardedProtocol,
        "ws": "none",
        "lifespan": "on",
        # uvicorn believes X-Forwarded-For from 127.0.0.1 by itself; TRUSTED_PROXY_COUNT alone decides that here.
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,  # the application writes its own line
        "timeout_graceful_shutdown": GRACEFUL_SECONDS,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        log = logging.getLogger("uvicorn.error")  # handed to gunicorn's handlers, of which there are none
        log.propagate = True

    async def _serve(self) -> None:
        """As the parent has it, with another server."""
        self.config.app = self.wsgi
        server = LastCallServer(config=self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
