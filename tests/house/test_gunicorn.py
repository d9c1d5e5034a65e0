"""Production's server: its configuration, whom it believes, and how it leaves."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.commands import KEY, PRODUCTION, manage, python
from tests.house.servers import Running, server

GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "cms_project.asgi:application")

ASK_CONFIGURATION = """
import json, runpy
found = runpy.run_path("gunicorn.conf.py")
print(json.dumps({name: value for name, value in found.items() if isinstance(value, str | int | bool | None)}))
"""

ASK_CONNECTIONS = """
import threading
import cms_project.asgi
from django.db import connections
print([one for one in connections.all() if one.connection], threading.active_count())
"""


def configuration(**variables: str) -> dict[str, object]:
    answer = python("-c", ASK_CONFIGURATION, **PRODUCTION, **variables)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, object] = json.loads(answer.stdout)
    return found


def test_port_and_workers_come_from_the_environment() -> None:
    found = configuration(PORT="8123", WEB_CONCURRENCY="5")

    assert (found["bind"], found["workers"]) == ("0.0.0.0:8123", 5)


def test_it_leaves_within_thirty_seconds_and_believes_nobody() -> None:
    found = configuration()

    assert found["graceful_timeout"] == 25
    assert (found["forwarded_allow_ips"], found["accesslog"], found["control_socket_disable"]) == ("", None, True)


def test_loading_the_application_opens_no_connection_and_starts_no_thread() -> None:
    """It is loaded before the workers are forked: what is open then would be shared by all of them."""
    answer = python("-c", ASK_CONNECTIONS, **PRODUCTION)

    assert answer.stdout.strip() == "[] 1", answer.stderr


ASK_FORK = """
import runpy
hook = runpy.run_path("gunicorn.conf.py")["pre_fork"]
from django.db import connection
connection.ensure_connection()
hook(None, None)
print(connection.connection)
"""


def test_a_connection_that_is_open_all_the_same_is_closed_before_the_fork(tmp_path: Path) -> None:
    answer = python("-c", ASK_FORK, **{**PRODUCTION, "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"})

    assert answer.stdout.strip() == "None", answer.stderr


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("production")
    variables = {"SECRET_KEY": KEY, "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "WEB_CONCURRENCY": "2"}
    made = manage("migrate", "--verbosity", "0", **variables)
    assert made.returncode == 0, made.stderr
    return variables


@pytest.fixture
def running(production: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    with server(*GUNICORN, log=tmp_path / "log", **production) as started:
        yield started


@pytest.mark.server
class TestServing:
    def test_answers_do_not_name_the_server(self, running: Running) -> None:
        status, headers, _ = running.get("/readyz")

        assert (status, "server" in headers) == (200, False)

    def test_every_line_of_the_log_is_json(self, running: Running) -> None:
        running.get("/healthz")
        running.stop()

        lines = [json.loads(line) for line in running.log.splitlines()]
        assert {"gunicorn.error", "uvicorn.error", "stitch.access"} <= {line["logger"] for line in lines}

    def test_both_workers_are_replaced_at_once_when_they_are_killed(self, running: Running) -> None:
        for pid in workers_of(running):
            os.kill(pid, signal.SIGKILL)
        started = time.monotonic()

        running.wait_until_it_answers()

        assert time.monotonic() - started < 5
        assert len(workers_of(running)) > 2

    def test_a_header_that_a_client_sends_does_not_move_its_limit(self, running: Running) -> None:
        def attempt(number: int) -> int:
            address = f"203.0.113.{number}"
            forged = {"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": f"for={address}"}
            wrong = {"email": "nobody@example.com", "password": "wrong-password"}
            return running.request("POST", "/api/v1/auth/login", wrong, forged)[0]

        assert [attempt(number) for number in range(7)] == [401] * 5 + [429] * 2


@pytest.mark.server
@pytest.mark.parametrize("attempt", range(3))
def test_sigterm_under_load_drops_no_request(production: dict[str, str], tmp_path: Path, attempt: int) -> None:
    with server(*GUNICORN, log=tmp_path / "log", **production) as running:
        seen, seconds = asyncio.run(load_until_it_leaves(running))

    assert running.process.returncode == 0
    assert seconds < 30
    assert seen["dropped"] == 0, seen
    assert seen["answered"] > 100


async def load_until_it_leaves(running: Running) -> tuple[Counter[str], float]:
    seen: Counter[str] = Counter()
    clients = [asyncio.create_task(client(running.port, seen, keeps=number % 2 == 0)) for number in range(20)]
    await asyncio.sleep(1.5)
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(running.process.wait, 35)
    seconds = time.monotonic() - started
    await asyncio.wait(clients, timeout=5)
    return seen, seconds


async def client(port: int, seen: Counter[str], *, keeps: bool) -> None:
    """Asks without a pause until nobody opens any more. A connection that opened and gave no answer was dropped."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        try:
            while await exchange(reader, writer, seen) and keeps:
                pass
        except (OSError, asyncio.IncompleteReadError):
            seen["dropped"] += 1
        finally:
            writer.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Counter[str]) -> bool:
    """One request; False where the answer says that it was the last."""
    writer.write(b"GET /api/v1/posts HTTP/1.1\r\nhost: localhost\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    seen["answered"] += 1
    return b"connection: close" not in head


def workers_of(running: Running) -> list[int]:
    """In the order of their start."""
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", running.log)]
