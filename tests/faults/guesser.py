"""Somebody who guesses passwords and claims to be somebody else with every guess."""

import json
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO
from urllib.parse import urlencode

from tests.faults.client import PATIENCE, Answer, Client, at_once
from tests.faults.processes import HOST

GUESSES = 36
WINDOW = 60  # seconds, of a rate "…/m"
NO_DOOR = (301, 308, 400, 403, 404)  # another path, a host that is not served, a form without its cookie

CLAIMS = (
    *("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP"),
    *("X-Cluster-Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "X-Originating-IP", "X-Remote-IP", "X-Remote-Addr"),
    *("Remote-Addr", "X-Forwarded", "Forwarded-For", "X-ProxyUser-IP", "X-Azure-ClientIP", "X-Appengine-User-IP"),
    *("X-Envoy-External-Address", "X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "Via", "X_Forwarded_For"),
)
HOSTS = ("127.0.0.1", "localhost", "localhost:80", "LOCALHOST", "evil.example", "127.0.0.1, evil.example")
DOORS = ("login", "token", "admin", "refresh", "logout")
API = "/api/v1/auth"


# --- In one window -------------------------------------------------------------------------------------------------


def in_one_window(knock: Callable[[int], Sequence[Answer]]) -> Sequence[Answer]:
    """What ``knock`` got, when all of it fell into one window of the limit. It is given a number for its address.

    Windows are fixed and start at a second that the address decides: where the edge fell into the guesses, another
    address tries again.
    """
    for host in range(2, 22):
        started = time.time()
        answers = knock(host)
        ended = time.time()
        waits = [int(answer.headers["retry-after"]) for answer in answers if is_over_the_limit(answer)]
        if not waits:
            return answers
        if ended + min(waits) - WINDOW < started and ended < started + min(waits) - 2:
            return answers
    raise AssertionError("Every window ended while the guesses were being made.")


def is_over_the_limit(answer: Answer) -> bool:
    """The limit's 429, not that of an account that is locked."""
    return (
        answer.status == 429 and b"too_many_failures" not in answer.content and b"failed attempts" not in answer.content
    )


def is_heard(answer: Answer) -> bool:
    """Whether a door looked at what it was given; a page of the admin that leads to the login is none."""
    is_door = answer.status not in NO_DOOR and "/admin/login/" not in answer.headers.get("location", "")
    return is_door and answer.status != 429


def guesses_until_the_window_ends(port: int) -> int:
    """How many of many guesses, all within one window of the limit, got an answer that is not 429."""
    answers = in_one_window(lambda host: at_once(*[partial(_guess, port, host)] * GUESSES))
    return sum(answer.status != 429 for answer in answers)


def _guess(port: int, host: int) -> Answer:
    """At an account of its own, so that none is locked when another window is tried."""
    client = Client(port, source=f"127.0.0.{host}")
    account = {"email": f"guessed{host}@example.com", "password": f"guess {random.random()}"}
    return client.post("/auth/login", account, dict(claims(random.Random())))


# --- With everything that can be varied ----------------------------------------------------------------------------


def address(chance: random.Random) -> str:
    return ".".join(str(chance.randint(1, 223)) for _ in range(4))


def claims(chance: random.Random) -> list[tuple[str, str]]:
    """Headers that say where the request comes from, each of them another place."""
    found = [(name, address(chance)) for name in CLAIMS]
    return [*found, ("Forwarded", f"for={address(chance)};proto=https"), ("X-Forwarded-Proto", "https")]


@dataclass(frozen=True)
class Guesser:
    """``proxied``: the address that a trusted proxy in front saw; it comes last in X-Forwarded-For."""

    port: int
    host: int
    email: str
    password: str = "not the password"
    proxied: str = ""

    def requests(self, chance: random.Random) -> list[bytes]:
        """Every door with every header, host, path and version that may make a difference."""
        doors = [self._request(chance, door, [claim]) for claim in claims(chance) for door in DOORS]
        doors += [self._request(chance, door, claims(chance) * 2) for door in DOORS]
        doors += [self._request(chance, door, [], host=host) for host in HOSTS for door in DOORS]
        doors += [self._request(chance, door, [], version="1.0") for door in DOORS]
        doors += [self._request(chance, door, [], path=path) for door in DOORS for path in _spellings(_path_of(door))]
        doors += [self._request(chance, door, [(name, text)]) for name, text in _identities(chance) for door in DOORS]
        chance.shuffle(doors)
        return doors

    def _request(
        self,
        chance: random.Random,
        door: str,
        headers: list[tuple[str, str]],
        *,
        host: str = HOST,
        path: str = "",
        version: str = "1.1",
    ) -> bytes:
        content_type, body, more = _body_of(door, self.email, self.password, chance)
        seen = [("X-Forwarded-For", self.proxied)] if self.proxied else []
        lines = [("Host", host), ("Content-Type", content_type), ("Content-Length", str(len(body)))]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*lines, *more, *headers, *seen])
        return f"POST {path or _path_of(door)} HTTP/{version}\r\n{head}\r\n".encode("latin-1") + body

    def send(self, *requests: bytes) -> list[Answer]:
        """All over one connection, the next before the last is answered; until the server ends it."""
        started = time.monotonic()
        with socket.create_connection((HOST, self.port), PATIENCE, (f"127.0.0.{self.host}", 0)) as connection:
            connection.sendall(b"".join(requests))
            with connection.makefile("rb") as received:
                found = [_answer(received, started) for _ in requests]
        return [one for one in found if one is not None]


def _path_of(door: str) -> str:
    return "/admin/login/" if door == "admin" else f"{API}/{door}"


def _body_of(door: str, email: str, password: str, chance: random.Random) -> tuple[str, bytes, list[tuple[str, str]]]:
    form = "application/x-www-form-urlencoded"
    if door == "admin":
        token = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=32))
        fields = {"username": email, "password": password, "csrfmiddlewaretoken": token}
        return form, urlencode(fields).encode(), [("Cookie", f"csrftoken={token}")]
    if door == "token":
        return form, urlencode({"grant_type": "password", "username": email, "password": password}).encode(), []
    sent = {"email": email, "password": password} if door == "login" else {"refresh_token": "x"}
    return "application/json", json.dumps(sent).encode(), []


def _spellings(path: str) -> list[str]:
    """Other ways to write a path, some of which lead nowhere."""
    bare = path.rstrip("/")
    return [
        *(
            f"{bare}/",
            f"{bare}//",
            f"/{bare}",
            f"{bare}?again=1",
            f"{bare};x=1",
            f"{bare}/.",
            f"{bare}%2f",
            f"{bare}%20",
        ),
        *(bare.replace("/", "//"), bare.upper(), bare.replace("log", "%6cog").replace("tok", "%74ok")),
        *(f"/x/..{bare}", f"http://{HOST}{bare}", f"http://evil.example{bare}", f"{bare}#x"),
    ]


def _identities(chance: random.Random) -> list[tuple[str, str]]:
    number = chance.randrange(10**9)
    return [
        *(("Cookie", f"sessionid={number}; client=another"), ("User-Agent", f"Somebody/{number}")),
        *(("Authorization", "Bearer x"), ("Idempotency-Key", str(number)), ("X-Request-ID", str(number))),
        *(("Connection", "close"), ("Connection", "keep-alive, X-Forwarded-For"), ("Origin", "http://localhost:5173")),
        *(("X-HTTP-Method-Override", "GET"), ("X-Original-URL", "/healthz"), ("Cache-Control", "no-cache")),
    ]


def _answer(received: IO[bytes], started: float) -> Answer | None:
    """The next one; nothing where the connection has ended."""
    status_line = received.readline()
    if not status_line:
        return None
    headers = {}
    while line := received.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    content = _content(received, headers)
    return Answer(int(status_line.split()[1]), headers, content, time.monotonic() - started)


def _content(received: IO[bytes], headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return received.read(int(headers["content-length"]))
    content = b""
    while size := int(received.readline(), 16):
        content += received.read(size)
        received.readline()
    received.readline()
    return content
