"""uvicorn's HTTP protocol with limits on headers, a leave-taking that drops no request, and a short way for headers."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from core.asgi import HEAD

MAX_HEADER_BYTES = 64 * 1024  # request line and headers, as far as they come in several pieces
HEADER_SECONDS = 15.0
LAST_CALL_SECONDS = 0.5
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Cycle(RequestResponseCycle):
    """Writes a head that is ready as it stands (``core.asgi.HEAD``).

    uvicorn looks through the characters of every header of every answer, which is a third of what it costs to send one
    from memory. A head that was kept has been looked through when it was sent for the first time.
    """

    async def send(self, message: Any) -> None:
        head = message.get(HEAD)
        if head is None or self.response_started or self.access_log or self.scope["method"] == "HEAD":
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        self.chunked_encoding = False
        lines, self.expected_content_length = head
        begin = [STATUS_LINE[message["status"]]]
        for name, value in self.default_headers:
            begin += (name, b": ", value, b"\r\n")
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join([*begin, *lines, end]))


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn leaves limits to a proxy. Without them half-sent requests hold connections, endless ones memory."""

    _awaits_header = True
    _header_bytes = 0
    _header_timer: asyncio.TimerHandle | None = None
    _is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._awaits_header:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._awaits_header and self._header_bytes:
            self._wait_for_the_rest()

    def on_headers_complete(self) -> None:
        self._awaits_header = False
        if self._header_timer is not None:
            self._stop_header_timer()
        super().on_headers_complete()
        self.cycle.__class__ = Cycle
        if self._is_leaving:
            self.cycle.keep_alive = False  # the answer says so, and the connection closes after it

    def on_message_complete(self) -> None:
        self._awaits_header = True
        self._header_bytes = 0
        super().on_message_complete()

    def shutdown(self) -> None:
        """uvicorn closes a connection that is kept alive at once, and with it a request that is just on its way.

        It gets ``LAST_CALL_SECONDS`` to arrive. Called when the server leaves.
        """
        self._is_leaving = True
        if self._is_answering():
            super().shutdown()
        else:
            self.loop.call_later(LAST_CALL_SECONDS, self._close_unless_answering)

    def _wait_for_the_rest(self) -> None:
        """A request that came in one piece, as nearly all do, never gets here, and pays for no timer."""
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse_header()
        elif self._header_timer is None:
            self._start_header_timer()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_header_timer(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._header_is_late)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _header_is_late(self) -> None:
        self._start_header_timer()  # for the case that the answer to an earlier request is still being sent
        self._close_unless_answering()

    def _refuse_header(self) -> None:
        if not self._is_answering():
            self.transport.write(TOO_LARGE)
        self.transport.close()

    def _close_unless_answering(self) -> None:
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.close()
