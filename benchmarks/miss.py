"""Where the microseconds of a miss go: ``.venv/bin/python benchmarks/miss.py`` (``--help`` lists what can be chosen).

Asks one process for posts that are not in memory (EDGE_CACHE=0), 32 at a time, without a network between: the server's
own HTTP protocol is given requests as if they had come in, and PostgreSQL (DATABASE_URL, with published posts) answers.
Then each step is called alone with what it gets there. Everything is processor time of this process; PostgreSQL's own
is not in it. ``--profile`` adds what Python's profiler says of the whole, which makes everything slower.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.update(EDGE_CACHE="0", BACKGROUND="0", LOG_LEVEL="WARNING", ENV_FILE="", DEBUG="")
os.environ.setdefault("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
os.environ.setdefault("SECRET_KEY", "only-for-benchmarks-7Qm2vX9sLw4Rk8Tz1Bn6Hc3Jd5Fg0PyUeAoI")

import uvicorn  # noqa: E402
import uvloop  # noqa: E402
from cms_project import asgi  # noqa: E402
from cms_project.protocol import GuardedProtocol  # noqa: E402
from core import observability  # noqa: E402
from core.postgresql.asynchronous import Pool  # noqa: E402
from delivery import listings, reads  # noqa: E402
from delivery.api import answers as public  # noqa: E402
from delivery.edge import answers, asking, direct  # noqa: E402
from delivery.models import Kind  # noqa: E402
from django.conf import settings  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

AT_ONCE = 32
ROUNDS = 5
Step = Callable[[], Any] | Callable[[], Awaitable[Any]]


class Wire:
    """A transport that hands requests in and waits for the end of each answer."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._protocol = GuardedProtocol(config, ServerState(), {})
        self._protocol.connection_made(self)  # type: ignore[arg-type]
        self._answered: asyncio.Future[None] | None = None
        self.status = b""

    async def ask(self, request: bytes) -> None:
        self._answered = asyncio.get_running_loop().create_future()
        self._protocol.data_received(request)
        await self._answered

    def write(self, data: bytes) -> None:
        """The head comes first, then the body in one piece."""
        if data.startswith(b"HTTP/1.1"):
            self.status = data[9:12]
        elif self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 8000) if name in ("peername", "sockname") else default

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def wire_to(application: Any) -> uvicorn.Config:
    config = uvicorn.Config(
        application,
        http=GuardedProtocol,
        loop="uvloop",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config


async def answered(config: uvicorn.Config, requests: list[bytes], count: int) -> float:
    """Microseconds of processor time for each of so many requests."""
    wires = [Wire(config) for _ in range(AT_ONCE)]

    async def one(wire: Wire, number: int) -> None:
        for index in range(number, count, AT_ONCE):
            await wire.ask(requests[index % len(requests)])
            if wire.status != b"200":
                raise SystemExit(f"The server answers {wire.status.decode()}. Are there posts in this database?")

    began = time.process_time()
    await asyncio.gather(*(one(wire, number) for number, wire in enumerate(wires)))
    return (time.process_time() - began) / count * 1e6


async def alone(step: Step, count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        made = step()
        if asyncio.iscoroutine(made):
            await made
    return (time.process_time() - began) / count * 1e6


async def asked_at_once(pool: Pool, question: Any, count: int) -> float:
    async def some() -> None:
        for _ in range(count // AT_ONCE):
            await pool.ask(question.sql, question.params)

    began = time.process_time()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return (time.process_time() - began) / (count // AT_ONCE * AT_ONCE) * 1e6


def request_of(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host()}\r\n\r\n".encode()


def host() -> str:
    return next((one.lstrip(".") for one in settings.ALLOWED_HOSTS if one != "*"), "localhost")


class Measure:
    """One kind of miss: the whole, and its steps."""

    def __init__(self, title: str, target: str, kind: Kind, key: str) -> None:
        self.title, self.target, self._kind, self._key = title, target, kind, key
        self.rounds: dict[str, list[float]] = {}

    async def round(self, pool: Pool, config: uvicorn.Config, count: int) -> None:
        request = request_of(self.target)
        plan = self._plan()
        question = next(plan)
        rows = await pool.ask(question.sql, question.params)
        found = question.read(rows)
        made = self._made(found)
        answer = direct._answer(made, self._learned(), 0.0)
        scope = {"scheme": "http", "path": self.target.partition("?")[0], "query_string": b"", "headers": []}
        headers = {b"host": host().encode()}
        line = {"method": "GET", "path": scope["path"], "status": 200, "user": None, "request_id": "0" * 16}
        bare = wire_to(_sends(answer))

        steps: dict[str, float] = {
            "HTTP: the request read, a task, the answer written": await answered(bare, [request], count),
            "what was asked: its name, its address": await alone(lambda: asking.asked_by(scope, headers), count),
            "the question: parameters checked, text and values": await alone(lambda: next(self._plan()), count),
            "asked: sent, waited for, rows read (psycopg)": await asked_at_once(pool, question, count),
            "put together: bytes around what the rows hold": await alone(
                lambda: self._made(question.read(rows)), count
            ),
            "headers and ETag": await alone(lambda: direct._answer(made, self._learned(), 0.0), count),
            "one representation of it: its lines": await alone(lambda: answers.variant(answer, ""), count),
            "counted, and the line of the log (here switched off)": await alone(
                lambda: observability.log_request(**line, started=0.0), count
            ),
        }
        whole = await answered(config, [request], count)
        steps["between the steps: awaiting, futures, the edge itself"] = whole - sum(steps.values())
        for name, microseconds in (*steps.items(), ("together", whole)):
            self.rounds.setdefault(name, []).append(microseconds)

    def _plan(self) -> Any:
        if self._key:
            return reads.plan_single(self._kind, self._key)
        return reads.plan_listing(self._listing())

    def _listing(self) -> listings.Listing:
        return public.asked(self._kind, {})

    def _made(self, found: Any) -> public.Public:
        if self._key:
            return public.one(found, self._kind, None)
        return public.page(found, self._listing(), self.target, {})

    def _learned(self) -> list[answers.Header]:
        return [
            (b"Content-Type", b"application/json"),
            (b"Vary", b"Authorization, Origin, Accept-Encoding"),
            (b"Content-Security-Policy", b"default-src 'none'; frame-ancestors 'none'"),
            (b"X-Content-Type-Options", b"nosniff"),
            (b"Referrer-Policy", b"strict-origin-when-cross-origin"),
        ]

    def table(self) -> str:
        middle = {name: median(several) for name, several in self.rounds.items()}
        whole = middle["together"]
        lines = [f"| {name} | {value:.0f} | {value / whole:.0%} |" for name, value in middle.items()]
        return "\n".join([f"| {self.title} | µs | |", "|---|---:|---:|", *lines])


def _sends(answer: answers.Answer) -> Any:
    """An application that has the answer already."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    return application


async def run(count: int, with_profile: bool) -> None:
    config = wire_to(asgi.application)
    pool = Pool(settings.DATABASE_READERS, patience=10)
    wire = Wire(config)
    await wire.ask(request_of("/api/v1/posts"))  # by Django, from whom the headers are learned
    found = await asyncio.to_thread(lambda: reads.listing(public.asked(Kind.POST, {})))
    slug = await asyncio.to_thread(_any_slug)
    print(f"{found.total:,} posts\n")
    several = [
        Measure("a single post by slug", f"/api/v1/posts/{slug}", Kind.POST, slug),
        Measure("a list of ten, with its total", "/api/v1/posts", Kind.POST, ""),
    ]
    gc.collect()
    gc.freeze()  # as the server does when it starts
    for _ in range(ROUNDS):
        for one in several:
            await one.round(pool, config, count)
    for one in several:
        print(one.table(), end="\n\n")
    if with_profile:
        for one in several:
            profile = cProfile.Profile()
            profile.enable()
            await answered(config, [request_of(one.target)], count)
            profile.disable()
            print(one.title)
            pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(25)
    await pool.close()


def _any_slug() -> str:
    from delivery.models import LiveEntry

    return str(LiveEntry.objects.live().filter(kind=Kind.POST).values_list("slug", flat=True)[:1].get())


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the microseconds of a miss go.")
    parser.add_argument("--count", type=int, default=4_000, help="requests of each round (4000)")
    parser.add_argument("--profile", action="store_true", help="adds what Python's profiler says")
    asked = parser.parse_args()
    uvloop.run(run(asked.count, asked.profile))


if __name__ == "__main__":
    main()
