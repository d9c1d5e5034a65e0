"""Log lines: one object each in production, and nobody else's."""

import json
import logging

from core.observability import JsonFormatter, ReadableFormatter, printable


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("stitch.access", logging.INFO, "x.py", 1, message, (), None)
    made.__dict__.update({"request_id": "r1", **extra})
    return made


def test_a_line_in_production_is_one_json_object() -> None:
    text = JsonFormatter().format(record("GET /x", method="GET", path="/x", status=200, ms=1.5, user=None))

    line = json.loads(text)
    assert "\n" not in text
    names = ("level", "message", "request_id", "method", "path", "status", "ms", "user")
    assert {name: line[name] for name in names} == {
        "level": "info", "message": "GET /x", "request_id": "r1",
        "method": "GET", "path": "/x", "status": 200, "ms": 1.5, "user": None,
    }  # fmt: skip


def test_nobody_writes_a_line_of_his_own_into_the_log() -> None:
    assert printable("/a\nFAKE \x1b[31m line") == "/a\\nFAKE \\x1b[31m line"
    assert "\n" not in ReadableFormatter().format(record("GET /a\nFAKE"))


def test_a_trace_is_part_of_the_line() -> None:
    try:
        raise ValueError("inside")
    except ValueError as error:
        made = logging.LogRecord("x", logging.ERROR, "x.py", 1, "broken", (), (ValueError, error, error.__traceback__))

    assert "ValueError: inside" in json.loads(JsonFormatter().format(made))["exception"]
