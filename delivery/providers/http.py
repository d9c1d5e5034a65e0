"""One request to somebody who may be slow, broken or hostile: bounded in time and size, and no redirect is followed.

The certificate of an https address is verified. A token is cut out of whatever ends in a log.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from threading import Event, Timer
from urllib.parse import urlsplit

from delivery.providers.base import PurgeFailed

STEP_SECONDS = 5.0  # for a connection, and for each wait on it
REQUEST_SECONDS = 10.0  # for all of it, once connected
MOST_BYTES = 65_536
QUOTED = 200  # characters of a refusal


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes


def ask(method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", secret: str = "") -> Answer:
    """The answer, which is 200. Everything else is a PurgeFailed whose sentence quotes the other side, less ``secret``.

    ``url`` holds no secret: it may stand in that sentence.
    """
    try:
        answer = _answer(method, url, headers, body)
    except (OSError, HTTPException, ValueError) as error:
        raise PurgeFailed(_without(secret, f"{method} {url}: {type(error).__name__}: {error}")) from None
    if answer.status != 200:
        raise PurgeFailed(f"{method} {url}: {said(answer, secret)}", retry_after=_retry_after(answer))
    return answer


def said(answer: Answer, secret: str) -> str:
    """The status and the beginning of the body, fit for one line of a log."""
    text = _without(secret, answer.body[: 4 * QUOTED].decode("utf-8", "replace"))
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"answered {answer.status} {line[:QUOTED]}".rstrip()


def _answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    connection = _connection(url)
    try:
        connection.connect()
        with _deadline(connection.sock):
            connection.request(method, urlsplit(url).path or "/", body or None, {"User-Agent": "stitch", **headers})
            response = connection.getresponse()
            return Answer(response.status, response.headers, _bounded(response))
    finally:
        connection.close()


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return HTTPSConnection(parts.netloc, timeout=STEP_SECONDS, context=ssl.create_default_context())
    return HTTPConnection(parts.netloc, timeout=STEP_SECONDS)


@contextmanager
def _deadline(sock: socket.socket) -> Iterator[None]:
    """The socket's own limit is for each wait; whoever sends a byte now and then would hold us for ever.

    After the deadline it is a TimeoutError, whatever http.client makes of what it has got by then: even a whole answer.
    """
    is_over = Event()
    end = Timer(REQUEST_SECONDS, _hang_up, [sock, is_over])
    end.daemon = True
    end.start()
    try:
        yield
    except (OSError, HTTPException, ValueError):
        if not is_over.is_set():
            raise
    finally:
        end.cancel()
    if is_over.is_set():
        raise TimeoutError(f"no whole answer within {REQUEST_SECONDS:.0f} s")


def _hang_up(sock: socket.socket, is_over: Event) -> None:
    is_over.set()
    with suppress(OSError):  # closed at this very moment
        sock.shutdown(socket.SHUT_RDWR)


def _bounded(response: HTTPResponse) -> bytes:
    body = response.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
    return body


def _retry_after(answer: Answer) -> float:
    """Seconds; a date, which HTTP allows as well, counts as not said."""
    value = answer.headers.get("Retry-After") or ""
    return float(value) if value.isascii() and value.isdigit() else 0.0


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "…") if secret else text
