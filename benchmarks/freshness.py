"""What it costs to know that an answer in memory is still true, by ways of knowing.

    python benchmarks/freshness.py            # prints a table; needs wrk, and PostgreSQL and Redis on this machine

Each way stands in front of the same answer of 4 KB in the same small ASGI application, under uvicorn on one core, with
wrk on the other. Compared is the server's processor time per request, which other work on the machine disturbs less
than requests per second.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve()
WAYS = {
    "nothing is asked": "nothing",
    "a lease, a look at the clock (PostgreSQL, NOTIFY)": "lease",
    "PRAGMA data_version (SQLite)": "file",
    "GET of a version (Redis)": "redis",
    "SELECT of a version (PostgreSQL)": "select",
}
ROUNDS, SECONDS = 5, 2
DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")

Check = Callable[[], Awaitable[Any]]


# --- The application under test ---------------------------------------------------------------------------------------


async def _check(way: str) -> Check:
    if way == "redis":
        import redis.asyncio

        client = redis.asyncio.from_url(REDIS_URL)
        return lambda: client.get("version")
    if way == "select":
        import psycopg

        connections = [await psycopg.AsyncConnection.connect(DATABASE_URL, autocommit=True) for _ in range(8)]

        async def select() -> Any:
            connection = connections.pop()
            try:
                return await (await connection.execute("SELECT 1", prepare=True)).fetchone()
            finally:
                connections.append(connection)

        return select
    return _immediate(way)


def _immediate(way: str) -> Check:
    import sqlite3

    ends_at = time.monotonic() + 3600
    file = sqlite3.connect(os.environ["FRESHNESS_FILE"])
    file.execute("PRAGMA journal_mode = WAL")

    async def check() -> Any:
        if way == "lease":
            return time.monotonic() < ends_at
        return file.execute("PRAGMA data_version").fetchone() if way == "file" else True

    return check


class Application:
    def __init__(self) -> None:
        self.check: Check | None = None
        body = b"x" * 4096
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        self.start = {"type": "http.response.start", "status": 200, "headers": headers}
        self.body = {"type": "http.response.body", "body": body}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.check is None:
            self.check = await _check(os.environ["FRESHNESS_WAY"])
        await self.check()
        await send(self.start)
        await send(self.body)


application = Application()


# --- The measurement --------------------------------------------------------------------------------------------------


def main() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing; on Debian: apt-get install wrk")
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    with TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            names = list(WAYS)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                times[name].append(_microseconds(WAYS[name], folder))
    base = median(times["nothing is asked"])
    print("| way of knowing | µs of processor time per request | × |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {median(found):.1f} | {median(found) / base:.2f} |")


def _microseconds(way: str, folder: str) -> float:
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "freshness:application", "--app-dir", str(HERE.parent)]
    options = ["--port", str(port), "--loop", "uvloop", "--no-access-log", "--lifespan", "off", "--log-level", "error"]
    settings = {**os.environ, "FRESHNESS_WAY": way, "FRESHNESS_FILE": f"{folder}/log.db"}
    server = subprocess.Popen(["taskset", "-c", "0", *command, *options], env=settings)
    try:
        _wait_for(port)
        _load(port, 0.5)
        before = _processor_seconds(server.pid)
        requests = _load(port, SECONDS)
        return (_processor_seconds(server.pid) - before) / requests * 1e6
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def _load(port: int, seconds: float) -> int:
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c8", f"-d{max(1, round(seconds))}s", f"http://127.0.0.1:{port}/"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(output)
    return int(next(line for line in output.splitlines() if "requests in" in line).split()[0])


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("The server did not start.")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
