"""A CDN's side of the conversation, on its own port. It keeps what it was told, and says what it is told to say."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Thread
from typing import Any

from django.db import connections

OKAY = json.dumps({"success": True, "status": "ok"}).encode()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    status: int = 200
    body: bytes = OKAY
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeCdn:
    """``answers`` are given to the next requests, one each; then all is well. ``meanwhile`` runs before an answer."""

    requests: list[Request] = field(default_factory=list)
    answers: list[Said] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self, tls: SSLContext | None = None) -> Iterator["FakeCdn"]:
        cdn = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                cdn.requests.append(Request(self.command, self.path, headers, body))
                try:
                    cdn.meanwhile()
                finally:
                    connections.close_all()  # this thread's
                said = cdn.answers.pop(0) if cdn.answers else Said()
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(said.body)), **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said.body)

            do_POST = do_PURGE = do_GET = answer

            def log_message(self, *args: Any) -> None:
                """Not into the output of the tests."""

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.port = server.server_port
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)
