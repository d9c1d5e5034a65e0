"""The lean handler: what it shares with Django's, and where it differs."""

import asyncio
import hashlib
import inspect
import re
import time
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from core import asgi, errors
from core.asgi import Handler, Lane, Lanes, LeanHandler
from core.middleware import unread_request
from tests.house.commands import KEY, python


def ask(
    handler: LeanHandler,
    path: str = "/",
    *,
    body: list[bytes] | None = None,
    method: str = "GET",
    query: bytes = b"",
    content_type: bytes = b"",
) -> tuple[int, dict[str, str], bytes]:
    """Sends one request through the ASGI interface and collects the answer."""

    async def run() -> tuple[int, dict[str, str], bytes]:
        parts = list(body or [b""])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not parts:
                await asyncio.sleep(60)
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": [(b"host", b"testserver"), *([(b"content-type", content_type)] if content_type else [])],
        }
        await handler(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])

    return asyncio.run(run())


def handler_of(view: Callable[[HttpRequest], Any], *, max_body: int = 100, lean: bool = True) -> Handler:
    handler = LeanHandler([], lanes=Lanes(2), max_body=max_body) if lean else Handler([], max_body=max_body)

    async def run_get_response(request: HttpRequest) -> Any:
        return await unread_request(view)(request)

    handler.run_get_response = run_get_response  # type: ignore[method-assign]
    return handler


async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


# What core.asgi copies, replaces, wraps or counts on, and the beginning of the hash of its source in Django 6.1.
OF_DJANGO = {
    "django.core.handlers.asgi:ASGIHandler.__init__": "41379d4f4b69f900",  # loads the middleware
    "django.core.handlers.asgi:ASGIHandler.__call__": "f756809e9c9308dc",  # LeanHandler.__call__ instead
    "django.core.handlers.asgi:ASGIHandler.handle": "c91f27c7fcdc3fff",  # LeanHandler._respond instead
    "django.core.handlers.asgi:ASGIHandler.listen_for_disconnect": "c729aa315c734f98",  # _disconnected instead
    "django.core.handlers.asgi:ASGIHandler.read_body": "88b4e284fc829700",  # wrapped
    "django.core.handlers.asgi:ASGIHandler.create_request": "5eae59c6696013ff",  # replaced
    "django.core.handlers.asgi:ASGIHandler.run_get_response": "0234ea5fe09a5777",  # called
    "django.core.handlers.asgi:ASGIHandler.send_response": "d91e83d2c6859eda",  # called
    "django.core.handlers.asgi:ASGIRequest": "9b4209439e173a80",  # what Utf8Request is made of, and what it raises
    "django.core.handlers.asgi:get_script_prefix": "bd6e761a557ee4c5",  # called
    "django.core.handlers.base:BaseHandler.load_middleware": "b75c13d1041e06d9",  # reads settings.MIDDLEWARE, once
    "django.core.handlers.base:BaseHandler.adapt_method_mode": "1f6383b647ac2959",  # what is synchronous: in the lane
    "django.core.handlers.base:BaseHandler.get_response_async": "ad82c920df0cebbb",  # request.close among the closers
    "django.http.request:HttpRequest.encoding": "89d453b2d0762e0b",  # Utf8Request.encoding instead
    "django.http.request:HttpRequest._set_content_type_params": "e22945ec8be2f44e",  # what create_request catches
    "django.http.response:HttpResponseBase.__init__": "c9cd91385579053e",  # has closers
    "django.http.response:HttpResponseBase.close": "84589f5b23acbb23",  # _close_without_signal instead
    "django.urls.base:set_script_prefix": "b989600b5894bf28",  # is kept for each thread
    "django.db:close_old_connections": "c352dd45e8333c97",  # what LeanHandler._finish is for
}


@pytest.mark.parametrize("name", OF_DJANGO)
def test_django_has_not_changed_what_we_count_on(name: str) -> None:
    """When this fails, compare Django's new source with ``core.asgi``, and then set the new hash."""
    try:
        found = resolve_name(name)
    except (ImportError, AttributeError):
        pytest.fail(f"Django has no {name} any more; core.asgi counts on it.")

    parts = [found.fget, found.fset] if isinstance(found, property) else [found]
    source = "".join(inspect.getsource(part) for part in parts)

    seen = hashlib.sha256(source.encode()).hexdigest()[:16]
    assert seen == OF_DJANGO[name], f"Django has changed {name}: compare it with core.asgi. Its hash is {seen} now."


def test_nothing_that_we_take_from_djangos_handler_is_left_out_above() -> None:
    replaced = {name for one in (Handler, LeanHandler) for name in vars(one)}
    called = set(re.findall(r"\b(?:self|super\(\))\.(\w+)\(", inspect.getsource(asgi)))
    theirs = {name for name in replaced | called if inspect.isroutine(getattr(ASGIHandler, name, None))}

    assert {"__call__", "read_body", "send_response", "run_get_response"} <= theirs
    assert sorted(theirs - {name.rpartition(".")[2] for name in OF_DJANGO}) == []


def test_nobody_waits_for_the_signal_that_we_do_not_send() -> None:
    """Django's two tidy up before a request what ``request_finished`` tidies up after it."""
    answer = python("-c", ASK_RECEIVERS, SECRET_KEY=KEY)

    assert answer.stdout.split() == ["django.db.close_old_connections", "django.db.reset_queries"], answer.stderr


ASK_RECEIVERS = """
from cms_project import asgi, urls
from django.core.signals import request_started
found = [one for kind in request_started._live_receivers(type(asgi.api)) for one in kind]
print(*sorted(f"{one.__module__}.{one.__name__}" for one in found))
"""


@pytest.mark.parametrize("lean", [True, False])
def test_a_body_arrives_whole(lean: bool) -> None:
    assert ask(handler_of(echo, lean=lean), body=[b"ab", b"cd"], method="POST")[::2] == (200, b"abcd")


@pytest.mark.parametrize("lean", [True, False])
def test_a_body_over_the_limit_is_413_whether_its_length_was_told_or_not(lean: bool) -> None:
    status, headers, content = ask(handler_of(echo, max_body=3, lean=lean), body=[b"ab", b"cd", b"ef"], method="POST")

    assert (status, headers["Content-Type"], b"too_large" in content) == (413, "application/problem+json", True)


def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.05)

    async def never() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    asyncio.run(handler_of(echo)(scope, never, send))

    assert sent[0]["status"] == 408


def test_a_query_string_that_is_not_utf8_is_a_problem_body() -> None:
    status, headers, _ = ask(handler_of(echo), query=b"q=\xff")

    assert (status, headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/json; charset*=utf-8''%00",
        b"application/json; charset*=nonsense''%ff",
        b"application/json; charset=" + b"x" * 12_000,
        b"x" * 12_000,
    ],
)
@pytest.mark.parametrize("query", [b"", b"q=\xff"])
def test_a_content_type_that_nobody_can_read_is_a_problem_body(content_type: bytes, query: bytes) -> None:
    status, headers, _ = ask(handler_of(echo), content_type=content_type, query=query)

    assert (status, headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("charset", [b"hex", b"undefined", b"utf-16", b"latin-1"])
def test_a_query_is_utf8_whatever_charset_the_body_claims(charset: bytes) -> None:
    async def tell(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.GET["q"])

    answer = ask(handler_of(tell), query=b"q=%E2%82%AC", content_type=b"text/plain; charset=" + charset)

    assert (answer[0], answer[2].decode()) == (200, "€")


def test_thousands_of_parameters_beside_a_charset_are_left_to_the_view() -> None:
    query = b"&".join(b"a%d" % number for number in range(2000))

    assert ask(handler_of(echo), query=query, content_type=b"text/plain; charset=utf-8")[0] == 200


def test_a_stream_ends_when_the_client_leaves() -> None:
    ended: list[bool] = []

    async def numbers() -> Any:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)
        finally:
            ended.append(True)

    async def stream(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(numbers())

    async def run() -> None:
        messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            if len(messages) == 1:
                await asyncio.sleep(0.05)
            return messages.pop(0)

        async def send(message: Any) -> None:
            pass

        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        await asyncio.wait_for(handler_of(stream)(scope, receive, send), 2)

    asyncio.run(run())
    assert ended == [True]


def test_what_cannot_be_closed_keeps_nothing_else_open() -> None:
    closed: list[str] = []
    response = HttpResponse()
    response._resource_closers += [lambda: closed.append("first"), lambda: 1 / 0, lambda: closed.append("last")]

    asgi._close_without_signal(response)

    assert (closed, response.closed, response._resource_closers) == (["first", "last"], True, [])


def test_a_lane_is_taken_at_the_first_use_and_given_back() -> None:
    async def run() -> list[str]:
        lanes = Lanes(1)
        first, unused = Lane(lanes), Lane(lanes)
        names = [await asyncio.wrap_future(first.submit(_thread_name)) for _ in range(2)]
        first.release(None)
        unused.release(None)
        second = Lane(lanes)
        names.append(await asyncio.wrap_future(second.submit(_thread_name)))
        second.release(None)
        return names

    names = asyncio.run(run())

    assert len(set(names)) == 1 and names[0].startswith("lane-0")


def test_the_lane_that_was_used_last_is_used_again() -> None:
    async def run() -> list[str]:
        lanes, names = Lanes(3), []
        for _ in range(4):
            lane = Lane(lanes)
            names.append(await asyncio.wrap_future(lane.submit(_thread_name)))
            lane.release(None)
        return names

    assert len(set(asyncio.run(run()))) == 1


def test_whoever_comes_after_the_answer_is_refused_and_does_not_wait_for_ever() -> None:
    async def run() -> None:
        lane = Lane(Lanes(1))
        await lane.run(_thread_name)
        lane.release(None)
        await lane.run(_thread_name)

    with pytest.raises(RuntimeError, match="has been answered"):
        asyncio.run(run())


def test_a_request_that_is_cancelled_waits_for_what_it_began() -> None:
    done: list[str] = []

    def work() -> None:
        time.sleep(0.1)
        done.append("work")

    async def view(request: HttpRequest) -> HttpResponse:
        try:
            await asgi.in_lane(work)
        finally:
            done.append("view")
        return HttpResponse()

    async def run() -> None:
        async def nothing(*_: Any) -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        task = asyncio.ensure_future(handler_of(view)(scope, nothing, nothing))
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert done == ["work", "view"]


def test_requests_wait_for_a_lane_in_order_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "LANE_WAIT_SECONDS", 0.1)

    async def run() -> tuple[str, str]:
        lanes = Lanes(1)
        holder, waiter, late = Lane(lanes), Lane(lanes), Lane(lanes)
        holder.submit(time.sleep, 0.01)
        waiting, giving_up = waiter.submit(_thread_name), None
        holder.release(None)
        name = await asyncio.wrap_future(waiting)
        giving_up = late.submit(_thread_name)
        try:
            await asyncio.wrap_future(giving_up)
        except errors.Unavailable as error:
            waiter.release(None)
            return name, type(error).__name__
        return name, "served"

    assert asyncio.run(run()) == ("lane-0_0", "Unavailable")


def test_the_last_job_of_a_lane_runs_before_the_next_request() -> None:
    done: list[str] = []

    async def run() -> None:
        lanes = Lanes(1)
        first = Lane(lanes)
        await asyncio.wrap_future(first.submit(done.append, "work"))
        first.release(lambda: done.append("closed"))
        second = Lane(lanes)
        await asyncio.wrap_future(second.submit(done.append, "next"))
        second.release(None)

    asyncio.run(run())
    assert done == ["work", "closed", "next"]


def _thread_name() -> str:
    import threading

    return threading.current_thread().name
