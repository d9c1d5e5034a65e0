"""A lean ASGI handler: a request pays for a thread only when it uses one, and threads are kept.

Django's own handler starts a thread per request (signals and ``response.close()`` are synchronous) and joins it. Here a
request that touches the database borrows one of a fixed number of *lanes*, kept threads each with its own database
connection, and returns it. What differs from ``django.core.handlers.asgi.ASGIHandler`` (6.1):

* the middleware list is given, so that the API runs behind a short asynchronous list and the admin behind the full one;
* ``request_started`` is not sent; ``request_finished`` is sent in the lane before its next request, and only where one
  was used;
* a client that disconnects ends a stream, but does not cancel an ordinary request: a write that began is carried out;
* request bodies are bounded in size and in time.

LEAN_HANDLER=0 leaves all but the first and the last of these to Django.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from io import BytesIO
from typing import IO, Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django import urls
from django.conf import settings
from django.core.exceptions import BadRequest, RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.signals import request_finished
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from core import errors

Message = Mapping[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LANE_WAIT_SECONDS = 5.0
BODY_SECONDS = 30.0
DRAINED_BYTES = 16 * 1024 * 1024
KEEP = "stitch.keep"  # in the scope of what an edge asks: where a public answer says how long it is true
HEAD = "stitch.head"  # in the message that starts an answer: its lines as they are written, and the length of the body
REFUSED = "refused"  # the attribute of a request that could not be read; core.middleware answers


class _Thread(ThreadPoolExecutor):
    """One kept thread, and what the request before left to be done in it: that is done with the next job.

    To wake a thread for that alone would cost as much as the request did.
    """

    def __init__(self, name: str) -> None:
        super().__init__(1, thread_name_prefix=name)
        self.left: Callable[[], Any] | None = None

    def do(self, job: Callable[[], None]) -> None:
        """``job`` must not raise."""
        left, self.left = self.left, None
        if left is not None:
            self.submit(left)
        self.submit(job)


class Lanes:
    """A fixed number of kept threads. All methods run on the event loop's thread, so there is nothing to lock."""

    def __init__(self, size: int) -> None:
        self._idle = deque(_Thread(f"lane-{n}") for n in range(size))
        self._waiting: deque[Lane] = deque()
        self._size = size

    @property
    def in_use(self) -> int:
        return self._size - len(self._idle)

    @property
    def waiting(self) -> int:
        """Requests; one that has given up counts until its turn comes."""
        return len(self._waiting)

    def request(self, lane: "Lane") -> None:
        if self._idle:
            lane.bind(self._idle.pop())  # the one that was used last: its caches, and those of its connection, are warm
        else:
            self._waiting.append(lane)

    def give_back(self, thread: _Thread) -> None:
        while self._waiting:
            lane = self._waiting.popleft()
            if not lane.is_closed:
                lane.bind(thread)
                return
        self._idle.append(thread)


class Lane(Executor):
    """One request's claim on a kept thread; takes it at the first ``submit`` and keeps it until ``release``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._thread: _Thread | None = None
        self._queued: list[tuple[Callable[[], None], Callable[[BaseException], None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: Exception | None = None
        self.is_used = False

    @property
    def is_closed(self) -> bool:
        return self._refusal is not None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """For asgiref, which Django's own code comes through."""
        future: Future[Any] = Future()
        self._do(partial(_run_into, future, partial(fn, *args, **kwargs)), future.set_exception)
        return future

    def run[R](self, function: Callable[[], R]) -> "asyncio.Future[R]":
        """The same without what ``sync_to_async`` does beside it, which takes longer than to change threads."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._do(partial(_run_for, loop, future, function), partial(_settle, future, None))
        return future

    def bind(self, thread: _Thread) -> None:
        self._stop_timer()
        self._thread = thread
        for job, _ in self._queued:
            thread.do(job)
        self._queued.clear()

    def release(self, last: Callable[[], Any] | None) -> None:
        """Gives the thread to the next request, before which it does ``last``."""
        self._refusal = self._refusal or RuntimeError("The request has been answered.")
        self._stop_timer()
        if self._thread is not None:
            self._thread.left = last
            self._lanes.give_back(self._thread)
            self._thread = None

    def _do(self, job: Callable[[], None], refuse: Callable[[BaseException], None]) -> None:
        if self._refusal is not None:
            refuse(self._refusal)
            return
        if self._thread is not None:
            self._thread.do(job)
            return
        self._queued.append((job, refuse))
        if not self.is_used:
            self.is_used = True
            self._timer = asyncio.get_running_loop().call_later(LANE_WAIT_SECONDS, self._give_up)
            self._lanes.request(self)

    def _give_up(self) -> None:
        self._refusal = errors.Unavailable("All database connections are busy.", retry_after=1)
        for _, refuse in self._queued:
            refuse(self._refusal)
        self._queued.clear()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _run_into(future: Future[Any], job: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the waiter
        future.set_exception(error)


def _run_for(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", job: Callable[[], Any]) -> None:
    result, raised = None, None
    try:
        result = job()
    except BaseException as error:  # noqa: BLE001 - as above
        raised = error
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, future, result, raised)
    del raised  # its traceback holds this frame


def _settle(future: "asyncio.Future[Any]", result: Any, raised: BaseException | None) -> None:
    if future.done():
        return  # whoever waited has gone
    if raised is not None:
        future.set_exception(raised)
    else:
        future.set_result(result)


_lane: ContextVar[Lane] = ContextVar("lane")


async def in_lane[R](function: Callable[..., R], *args: Any) -> R:
    """Calls something synchronous in the lane of the request that is being answered.

    It sees the request's context variables; what it sets of them stays with it. A caller that is cancelled waits for
    it: a write that began is carried out. Without a lane (Django's own handler, a test) it is ``sync_to_async``.
    """
    lane = _lane.get(None)
    if lane is None:
        return await sync_to_async(function)(*args)
    done = lane.run(partial(copy_context().run, _with_prefix, urls.get_script_prefix(), function, args))
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


def _with_prefix[R](prefix: str, function: Callable[..., R], args: tuple[Any, ...]) -> R:
    set_script_prefix(prefix)  # is kept for each thread
    return function(*args)


class Utf8Request(ASGIRequest):
    """Everything is UTF-8. Django would read the query as what the client calls its body's charset, even as ``hex``."""

    @property
    def encoding(self) -> None:
        return None

    @encoding.setter
    def encoding(self, charset: str) -> None:
        """Not believed."""


class _Unread(BytesIO):
    """In the place of a body that was refused."""

    def __init__(self, refusal: errors.Refusal) -> None:
        super().__init__()
        self.refusal = refusal


class Handler(ASGIHandler):
    """Django's own handler (LEAN_HANDLER=0) with a given middleware list, and bounds on bodies."""

    request_class = Utf8Request

    def __init__(self, middleware: list[str], *, max_body: int) -> None:
        self._middleware = middleware
        self._max_body = max_body
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        theirs, settings.MIDDLEWARE = settings.MIDDLEWARE, self._middleware
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = theirs

    async def read_body(self, receive: Receive) -> IO[bytes]:
        """The whole body, at most ``max_body`` bytes of it, within ``BODY_SECONDS``."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body:
                await _drain(message, receive)
                raise errors.TooLarge(f"At most {self._max_body} bytes.")
            return message

        try:
            async with asyncio.timeout(BODY_SECONDS):
                body: IO[bytes] = await super().read_body(counted)
                return body
        except TimeoutError:
            return _Unread(errors.TooSlow())
        except errors.Refusal as refusal:
            return _Unread(refusal)

    def create_request(self, scope: Mapping[str, Any], body_file: IO[bytes]) -> tuple[ASGIRequest, None]:
        """The request; ``core.middleware`` answers for what could not be read, with the headers of every answer."""
        refused: errors.Refusal | None = getattr(body_file, "refusal", None)
        try:
            request = self.request_class(scope, body_file)
        except (BadRequest, LookupError, ValueError) as error:
            # The last two are what Python's codecs say to names such as ``charset*=utf-8''%00``.
            what = (
                "query string is not UTF-8" if isinstance(error, UnicodeDecodeError) else "Content-Type is not readable"
            )
            headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
            request = self.request_class({**scope, "query_string": b"", "headers": headers}, body_file)
            refused = errors.Malformed(f"The {what}.")
        setattr(request, REFUSED, refused)
        return request, None


class LeanHandler(Handler):
    def __init__(self, middleware: list[str], *, lanes: Lanes, max_body: int) -> None:
        self._lanes = lanes
        super().__init__(middleware, max_body=max_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = Lane(self._lanes)
        _lane.set(lane)
        try:
            async with ThreadSensitiveContext(executor=lane):
                response = await self._respond(scope, receive, send)
                if response is None:
                    return
                if response.streaming and lane.is_used:
                    await lane.run(response.close)
                else:
                    _close_without_signal(response)
        finally:
            lane.release(self._finish if lane.is_used else None)

    def _finish(self) -> None:
        """Django tidies its connections up by it."""
        request_finished.send(sender=self.__class__)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> HttpResponseBase | None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return None
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            request, _ = self.create_request(scope, body)
            response: HttpResponseBase = await self.run_get_response(request)
            if response.streaming:
                await self._send_stream(response, receive, send)
            else:
                await self.send_response(response, send)
            return response

    async def _send_stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Ends the stream when the client goes away."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        sending.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _drain(message: Message, receive: Receive) -> None:
    """Reads on for a while, so that the client has sent its body and listens when our refusal comes."""
    left = DRAINED_BYTES
    while message.get("more_body") and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _close_without_signal(response: Any) -> None:
    """What ``response.close()`` does, less the signal whose receivers would run on the event loop."""
    for closer in response._resource_closers:
        with suppress(Exception):
            closer()
    response._resource_closers.clear()
    response.closed = True
