"""EDGE_CACHE and LEAN_HANDLER from the environment to the application that is served, each in a process of its own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.house.commands import KEY, python

ASK = """
import asyncio, json
from cms_project import asgi
from core import metrics
from django.conf import settings
from django.core.signals import request_started

memory, signals, sent = asgi.edge.memory, [], []
request_started.connect(lambda **_: signals.append(1), weak=False)

async def ask(path):
    to_come = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        return to_come.pop() if to_come else await asyncio.Future()

    async def send(message):
        sent.append(message)

    await asgi.application(
        {"type": "http", "method": "GET", "scheme": "http", "path": path, "query_string": b"",
         "headers": [(b"host", b"localhost")]},
        receive,
        send,
    )

asyncio.run(ask("/healthz"))
told = [line for line in metrics.exposition().decode().splitlines() if line.startswith("stitch_edge_entries ")]
print(json.dumps({
    "memory": None if memory is None else memory.limit / 2**20,
    "served from it": asgi.application is asgi.edge.application,
    "told": told,
    "handlers": [type(one).__name__ for one in (asgi.api, asgi.site)],
    "status": sent[0]["status"],
    "request_started": len(signals),
    "connections live on": settings.DATABASES["default"]["CONN_MAX_AGE"] != 0,
}))
"""
LEAN = {"handlers": ["LeanHandler"] * 2, "request_started": 0, "connections live on": True}
DJANGOS = {"handlers": ["Handler"] * 2, "request_started": 1, "connections live on": False}


@pytest.mark.parametrize(
    ("variables", "memory", "handling"),
    [
        ({}, 64, LEAN),
        ({"EDGE_CACHE": "1", "EDGE_CACHE_MIB": "3"}, 3, LEAN),
        ({"EDGE_CACHE": "0", "EDGE_CACHE_MIB": "3"}, None, LEAN),
        ({"LEAN_HANDLER": "1"}, 64, LEAN),
        ({"LEAN_HANDLER": "0"}, 64, DJANGOS),
        ({"LEAN_HANDLER": "0", "EDGE_CACHE": "0"}, None, DJANGOS),
    ],
    ids=["as it comes", "a small memory", "no memory", "lean", "Django's own", "Django's own, no memory"],
)
def test_the_application_that_is_served_has_the_memory_and_the_handler_that_were_chosen(
    variables: dict[str, str], memory: int | None, handling: dict[str, Any], tmp_path: Path
) -> None:
    answer = python("-c", ASK, SECRET_KEY=KEY, DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}", **variables)
    assert answer.returncode == 0, answer.stderr

    found = json.loads(answer.stdout.splitlines()[-1])

    assert found == {
        "memory": memory,
        "served from it": True,
        "told": ["stitch_edge_entries 0"],
        "status": 200,
        **handling,
    }
