"""What the operator sees: a request id on everything, one line per request, JSON in production."""

import json
import logging
import re
import secrets
import time
from contextvars import ContextVar
from datetime import UTC, datetime

request_id_var: ContextVar[str] = ContextVar("request_id", default="-")

_ACCEPTABLE_ID = re.compile(r"[\w.-]{1,64}\Z", re.ASCII)
_EXTRA = ("method", "path", "status", "ms", "user", "address")


def request_id_from(header: str | None) -> str:
    """The caller's own id where it is harmless, otherwise a new one."""
    return header if header and _ACCEPTABLE_ID.match(header) else secrets.token_hex(8)


def printable(text: str) -> str:
    """Control characters escaped, so that nobody writes log lines of their own into the log."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = getattr(record, "request_id", request_id_var.get())
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, request id, and what the line is about."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "-"),
        }
        line |= {name: getattr(record, name) for name in _EXTRA if hasattr(record, name)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class ReadableFormatter(logging.Formatter):
    """For a terminal: ``09:14:02 INFO GET /api/v1/posts 200 12ms 3f9c…``."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        request_id = getattr(record, "request_id", "-")
        line = f"{at} {record.levelname:<7} {printable(record.getMessage())} [{request_id}]"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


access_log = logging.getLogger("stitch.access")


def log_request(*, method: str, path: str, status: int, started: float, user: str | None, request_id: str) -> None:
    """One line per request. ``started`` is ``time.perf_counter()``. Never a query string: a token may stand in it."""
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    fields = {"method": method, "path": printable(path), "status": status, "ms": milliseconds, "user": user}
    access_log.info(
        "%s %s %s %sms", method, fields["path"], status, milliseconds, extra={**fields, "request_id": request_id}
    )
