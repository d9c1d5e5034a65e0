"""uvicorn's HTTP protocol with limits on headers, and a leave-taking that drops no request."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024  # request line and headers, as far as they come in several pieces
HEADER_SECONDS = 15.0
LAST_CALL_SECONDS = 0.5
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


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
            if self._header_timer is None:
                self._start_header_timer()
        super().data_received(data)
        if self._awaits_header and self._header_bytes > MAX_HEADER_BYTES:
            self._refuse_header()

    def on_headers_complete(self) -> None:
        self._awaits_header = False
        self._stop_header_timer()
        super().on_headers_complete()
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
