"""The worker that gunicorn starts: uvicorn, with what it needs to face the open network and to leave without loss."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

MAX_HEADER_BYTES = 32 * 1024  # the request line included; cookies of a busy domain fit
HEADER_SECONDS = 15.0
LAST_CALL_SECONDS = 0.5
"""How long a connection that is kept alive may still send a request after the server was told to leave."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the two limits that it leaves to a proxy, and a leave-taking that drops no request.

    Headers must arrive within ``HEADER_SECONDS`` and ``MAX_HEADER_BYTES``: otherwise half-sent requests would hold
    connections, and endless ones memory, for as long as they please.
    """

    _header_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None
    _is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_between_requests():
            self._header_bytes += len(data)
            if self._header_timer is None:
                self._expect_header()
        super().data_received(data)
        if self._header_bytes > MAX_HEADER_BYTES and self._is_between_requests():
            self._close()

    def on_headers_complete(self) -> None:
        self._stop_header_timer()
        self._header_bytes = 0
        super().on_headers_complete()
        if self._is_leaving:
            self.cycle.keep_alive = False  # the answer says so, and nothing more is read

    def shutdown(self) -> None:
        """A client that has just sent its next request could not tell our farewell from a lost answer: wait a moment."""
        self._is_leaving = True
        if self._is_between_requests():
            self.loop.call_later(LAST_CALL_SECONDS, self._close_if_idle)
        else:
            super().shutdown()

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_if_idle(self) -> None:
        if self._is_between_requests():
            self._close()

    def _expect_header(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._close)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
