"""What the layer lets by: whatever is not a plain public read."""

from typing import Any

import pytest

from core.asgi import KEEP
from tests.delivery.edge.harness import Small, ask, edge_over, run


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer x"},
        {"authorization": ""},
        {"proxy-authorization": "Basic eDp5"},
        {"cookie": "sessionid=x"},
        {"cookie": ""},
        {"content-type": "application/json"},
        {"content-length": "0"},
        {"transfer-encoding": "chunked"},
        {"expect": "100-continue"},
        {"host": "evil.example.com"},
    ],
)
def test_a_request_that_is_not_plain_neither_fills_nor_reads(headers: dict[str, str]) -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)
        await ask(edge, "/posts/post:1")

        by = await ask(edge, "/posts/post:1", headers=headers)
        cold = await ask(edge, "/posts/post:2", headers=headers)
        plain = [await ask(edge, f"/posts/post:{number}") for number in (1, 2)]

        assert [one.body for one in (by, cold, *plain)] == [b'{"number": %d}' % number for number in (2, 3, 1, 4)]
        assert [KEEP in one for one in app.asked] == [True, False, False, True]
        sent = {(name.encode(), value.encode()) for name, value in headers.items()}
        assert sent <= set(app.asked[1]["headers"])

    run(scenario)


@pytest.mark.parametrize("name", [b"host", b"origin", b"accept-encoding", b"x-forwarded-proto", b"x-anything"])
def test_a_repeated_header_is_for_the_application(name: bytes) -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)
        await ask(edge, "/posts/post:1")
        values = {b"host": b"testserver"}.get(name, b"x")
        twice = [(name, values)] * (1 if name == b"host" else 2)

        got = await ask(edge, "/posts/post:1", more=twice)

        assert (got.body, KEEP in app.asked[1]) == (b'{"number": 2}', False)

    run(scenario)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "get"])
def test_other_methods_go_by(method: str) -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)
        await ask(edge, "/posts/post:1")

        got = await ask(edge, "/posts/post:1", method=method)

        assert (got.body, app.asked[1]["method"], KEEP in app.asked[1]) == (b'{"number": 2}', method, False)

    run(scenario)


@pytest.mark.parametrize("path", ["//healthz", "//", "//admin/", "/auth/me", "/users", "//metrics", "//api/v2/posts"])
def test_other_paths_go_by(path: str) -> None:
    async def scenario() -> None:
        app = Small()
        edge = edge_over(app)

        got = [(await ask(edge, path)).body for _ in range(2)]

        assert got == [b'{"number": 1}', b'{"number": 2}']
        assert [KEEP in one for one in app.asked] == [False, False]

    run(scenario)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_not_http_goes_by(kind: str) -> None:
    async def scenario() -> None:
        seen = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope)

        await edge_over(app)({"type": kind}, None, None)  # type: ignore[arg-type]

        assert seen == [{"type": kind}]

    run(scenario)
