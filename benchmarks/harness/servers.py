"""Servers: how each program is started, on one core, and stopped."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.harness import processes
from benchmarks.harness.databases import environment
from benchmarks.harness.places import PEERS_PYTHON, PRODUCT_PYTHON, ROOT

HOST = "127.0.0.1"
START_SECONDS = 60


@dataclass(frozen=True, eq=False)
class Program:
    """How a variant is started. ``{port}`` in ``command`` is the server's port."""

    key: str
    title: str
    command: tuple[str, ...]
    database: str = ""  # whose: "stitch", "fastapi", "drf"; empty: it needs none
    variables: dict[str, str] = field(default_factory=dict)


class Server:
    def __init__(self, program: Program, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.program, self.port, self._process, self._log = program, port, process, log

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pids(self) -> list[int]:
        return processes.family(self._process.pid)

    @property
    def worker(self) -> int:
        return processes.worker(self._process.pid)

    def ask(
        self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        sent = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(method, target, body, {**sent, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def wait(self) -> None:
        """Until ``/healthz`` answers."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            time.sleep(0.005)
        raise self.refused("does not answer")

    def refused(self, what: str) -> SystemExit:
        """What went wrong, and the end of the server's log."""
        return SystemExit(f"{self.program.title} {what}\n{self._log.read_text()[-4000:]}")

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(program: Program, *, url: str, core: int, folder: Path) -> Iterator[Server]:
    """Started in a process group of its own, so that nothing of it outlives us."""
    port = free_port()
    command = ["taskset", "-c", str(core), *(part.replace("{port}", str(port)) for part in program.command)]
    log = folder / f"{program.key}-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(url, PORT=str(port), **program.variables),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(program, process, port, log)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@contextmanager
def all_running(programs: dict[Program, str], *, core: int, folder: Path) -> Iterator[dict[str, Server]]:
    """Several at once, each with the URL of its database; by the keys of their programs."""
    with ExitStack() as stack:
        yield {
            program.key: stack.enter_context(running(program, url=url, core=core, folder=folder))
            for program, url in programs.items()
        }


# --- The programs --------------------------------------------------------------------------------------------------

_GUNICORN = (str(PRODUCT_PYTHON), "-m", "gunicorn", "-c", "gunicorn.conf.py")
# As in production, but for one worker, no line for each request, since the peers write none, and no limit on logins.
_PRODUCTION = {
    "WEB_CONCURRENCY": "1",
    "LOG_LEVEL": "WARNING",
    "RATELIMIT_ENABLE": "0",
    "LOCKOUT_ENABLE": "0",
    "ACCESS_TOKEN_SECONDS": "86400",
}


def stitch(key: str, title: str, **variables: str) -> Program:
    command = (*_GUNICORN, "cms_project.asgi:application")
    return Program(key, title, command, "stitch", {**_PRODUCTION, **variables})


HIT = stitch("stitch_hit", "Stitch, from memory", EDGE_CACHE="1")
MISS = stitch("stitch_miss", "Stitch, cache off", EDGE_CACHE="0")
# Nearly every single read misses and is then kept, for a while: what a miss costs with all that belongs to it.
FILLING = stitch("stitch_filling", "Stitch, cache of 1 MiB that never holds it", EDGE_CACHE="1", EDGE_CACHE_MIB="1")
PRODUCTION = stitch("stitch", "Stitch")
# The writer's answer waits until the three others have heard.
WORKERS = stitch("stitch_workers", "Stitch, 4 workers on the one core", WEB_CONCURRENCY="4")

_UVICORN = (str(PEERS_PYTHON), "-m", "uvicorn", "--host", HOST, "--port", "{port}", "--loop", "uvloop", "--http")
_QUIET = ("httptools", "--log-level", "warning", "--no-access-log", "--no-proxy-headers", "--no-server-header")

FASTAPI = Program(
    "fastapi",
    "FastAPI, SQLAlchemy sessions, asyncpg",
    (*_UVICORN, *_QUIET, "benchmarks.peers.fastapi.app:app"),
    "fastapi",
    {"ACCESS_TOKEN_SECONDS": "86400"},
)
FASTAPI_CORE = replace(
    FASTAPI,
    key="fastapi_core",
    title="FastAPI, reading without sessions",
    variables={**FASTAPI.variables, "READ_THROUGH": "connection"},
)
DRF = Program(
    "drf",
    "DRF ModelViewSet",
    (str(PEERS_PYTHON), "-m", "gunicorn", "-c", "benchmarks/peers/drf/gunicorn.conf.py", "benchmarks.peers.drf.wsgi"),
    "drf",
)


_BARE = ("-m", "gunicorn", "-c", "benchmarks/peers/bare_gunicorn.conf.py", "benchmarks.peers.bare:application")


def bare(captured: Path) -> Program:
    variables = {**_PRODUCTION, "CAPTURED": str(captured), "WORKER": "benchmarks.peers.bare.Worker"}
    return Program("bare", "bare uvicorn, same bytes", (str(PRODUCT_PYTHON), *_BARE), variables=variables)


def bare_guarded(captured: Path) -> Program:
    variables = {**_PRODUCTION, "CAPTURED": str(captured), "WORKER": "cms_project.worker.Worker"}
    title = "the same under the product's worker"
    return Program("bare_guarded", title, (str(PRODUCT_PYTHON), *_BARE), variables=variables)


def lanes(count: int) -> Program:
    title = f"Stitch's handler, {count} lanes"
    variables = {**_PRODUCTION, "DATABASE_LANES": str(count)}
    return Program(f"lanes_{count}", title, (*_GUNICORN, "benchmarks.waiting.lean:application"), "stitch", variables)


def readers(count: int) -> Program:
    title = f"Stitch's readers past Django, {count} connections"
    variables = {**_PRODUCTION, "DATABASE_READERS": str(count)}
    return Program(
        f"readers_{count}", title, (*_GUNICORN, "benchmarks.waiting.readers:application"), "stitch", variables
    )


STOCK = Program(
    "stock",
    "Django's handler, pool of 32",
    (*_UVICORN, *_QUIET, "--lifespan", "off", "benchmarks.waiting.stock:application"),
    "stitch",
)
