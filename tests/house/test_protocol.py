"""The limits on headers and the leave-taking of ``cms_project.protocol``, on a real socket with a tiny application."""

import asyncio
import hashlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from cms_project import protocol
from cms_project.protocol import GuardedProtocol
from core.asgi import HEAD

GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


KEPT = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"4"), (b"ETag", b'"1"')]
KEPT_LINES = (b'content-type: text/plain\r\ncontent-length: 4\r\netag: "1"\r\n',)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    if scope["path"] in ("/kept", "/kept-and-ready"):
        ready = {HEAD: (KEPT_LINES, 4)} if scope["path"] == "/kept-and-ready" else {}
        await send({"type": "http.response.start", "status": 200, "headers": KEPT, **ready})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"kept"})
        return
    seen = 0
    while True:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = str(seen).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


class Place:
    """A server with its connections; ``leave`` is what uvicorn does to each of them when it is told to go."""

    def __init__(self) -> None:
        self.state = ServerState()
        self.port = 0

    def protocol(self) -> GuardedProtocol:
        config = Config(application, ws="none", lifespan="off", log_config=None, access_log=False)
        return GuardedProtocol(config, self.state, {})

    def leave(self) -> None:
        for connection in list(self.state.connections):
            connection.shutdown()

    async def connect(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    made = Place()
    server = await asyncio.get_running_loop().create_server(made.protocol, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def run(scene: Callable[[Place], Awaitable[None]]) -> None:
    async def play() -> None:
        async with place() as made, asyncio.timeout(10):
            await scene(made)

    asyncio.run(play())


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(protocol, "LAST_CALL_SECONDS", 0.2)


class TestLimits:
    def test_an_ordinary_client_notices_nothing(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            for _ in range(3):
                writer.write(GET)
                head, _ = await answer(reader)
                assert head.startswith(b"HTTP/1.1 200")
                await asyncio.sleep(0.25)  # longer than a header may take: being idle is no header

        run(scene)

    @pytest.mark.parametrize("before", [b"", GET])
    def test_half_a_header_is_not_waited_for(self, before: bytes) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            if before:
                writer.write(before)
                await answer(reader)
            writer.write(b"GET / HTTP/1.1\r\nhost: local")
            started = asyncio.get_running_loop().time()

            assert await reader.read() == b""
            assert asyncio.get_running_loop().time() - started < 1

        run(scene)

    def test_a_header_that_drips_is_not_waited_for_either(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            writer.write(b"GET / HTTP/1.1\r\n")
            started = asyncio.get_running_loop().time()
            with suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"a: b\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)

            assert asyncio.get_running_loop().time() - started < 1

        run(scene)

    def test_a_connection_that_says_nothing_is_closed(self) -> None:
        async def scene(made: Place) -> None:
            reader, _ = await made.connect()

            assert await reader.read() == b""

        run(scene)

    def test_a_header_without_end_is_refused(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            writer.write(b"GET / HTTP/1.1\r\n")
            for _ in range(64):
                writer.write(b"x: " + b"y" * 1020 + b"\r\n")
                await asyncio.sleep(0)

            assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")

        run(scene)

    def test_a_long_body_is_no_header(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            body = b"z" * 300_000
            writer.write(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 300000\r\n\r\n")
            for start in range(0, len(body), 30_000):
                writer.write(body[start : start + 30_000])
                await asyncio.sleep(0.03)

            assert await answer(reader) == (
                b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n",
                b"300000",
            )

        run(scene)

    def test_a_slow_answer_is_not_cut_off_by_the_start_of_the_next_request(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            writer.write(GET.replace(b"GET /", b"GET /slow") + b"GET / HT")

            head, _ = await answer(reader)

            assert head.startswith(b"HTTP/1.1 200")

        run(scene)


class TestLeaving:
    def test_a_request_under_way_is_answered_and_told_that_it_was_the_last(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            writer.write(GET.replace(b"GET /", b"GET /slow"))
            await asyncio.sleep(0.05)
            made.leave()

            head, _ = await answer(reader)

            assert b"connection: close" in head
            assert await reader.read() == b""

        run(scene)

    def test_a_request_that_is_just_on_its_way_is_answered_too(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            writer.write(GET)
            await answer(reader)
            made.leave()
            await asyncio.sleep(0.05)
            writer.write(GET)

            head, _ = await answer(reader)

            assert b"connection: close" in head
            assert await reader.read() == b""

        run(scene)

    def test_an_idle_connection_is_closed_after_a_moment(self) -> None:
        async def scene(made: Place) -> None:
            reader, writer = await made.connect()
            writer.write(GET)
            await answer(reader)
            made.leave()

            assert await reader.read() == b""
            assert made.state.connections == set()

        run(scene)


class TestReadyHeads:
    def test_uvicorn_has_not_changed_what_we_replaced(self) -> None:
        """When this fails, compare the new ``send`` with ``cms_project.protocol.Cycle`` and then set the new hash."""
        source = inspect.getsource(RequestResponseCycle.send)

        assert (
            hashlib.sha256(source.encode()).hexdigest()
            == "abdd8601b326a8da972436918d3a954e1ef39c6bf0cd9e1c1954c2e798d0bb9c"
        )

    @pytest.mark.parametrize("method", [b"GET", b"HEAD"])
    @pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
    @pytest.mark.parametrize("more", [b"", b"connection: close\r\n", b"expect: 100-continue\r\n"])
    def test_are_sent_byte_by_byte_as_uvicorn_would(self, method: bytes, version: bytes, more: bytes) -> None:
        async def ask(made: Place, path: bytes) -> bytes:
            reader, writer = await made.connect()
            made.state.default_headers = [(b"date", b"today")]
            writer.write(b"%s %s %s\r\nhost: localhost\r\n%s\r\n" % (method, path, version, more) * 2)
            writer.write_eof()
            return await reader.read()

        async def scene(made: Place) -> None:
            usual, ready = await ask(made, b"/kept"), await ask(made, b"/kept-and-ready")

            assert ready == usual
            assert ready.startswith(b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-type: text/plain\r\n")

        run(scene)
