"""What the operator sees: a request id on everything, one line per request, JSON in production; requests counted."""

import json
import logging
import platform
import re
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from random import getrandbits

from django.conf import settings

from core import metrics

request_id_var: ContextVar[str] = ContextVar("request_id", default="-")

_ACCEPTABLE_ID = re.compile(r"[\w.-]{1,64}\Z", re.ASCII)
_EXTRA = ("method", "path", "status", "ms", "user", "address")


def request_id_from(header: str | None) -> str:
    """The caller's own id where it is harmless, otherwise a new one: a name, no secret."""
    return header if header and _ACCEPTABLE_ID.match(header) else f"{getrandbits(64):016x}"


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
    """Counts a request and writes its line. ``started`` is ``time.perf_counter()``."""
    seconds = time.perf_counter() - started
    count_request(path, status, seconds)
    log_line(method=method, path=path, status=status, seconds=seconds, user=user, request_id=request_id)


def log_line(*, method: str, path: str, status: int, seconds: float, user: str | None, request_id: str) -> None:
    """One line per request. Never a query string: a token may stand in it."""
    milliseconds = round(seconds * 1000, 1)
    fields = {"method": method, "path": printable(path), "status": status, "ms": milliseconds, "user": user}
    access_log.info(
        "%s %s %s %sms", method, fields["path"], status, milliseconds, extra={**fields, "request_id": request_id}
    )


HANDLERS = ("api", "site")
_requests = {
    (handler, hundreds): metrics.counter(
        "stitch_requests_total",
        "Requests that Django answered, by its handler and the kind of status.",
        handler=handler,
        status=f"{hundreds}xx",
    )
    for handler in HANDLERS
    for hundreds in (2, 3, 4, 5)
}
_seconds = {
    handler: metrics.histogram(
        "stitch_request_duration_seconds",
        "How long those requests took.",
        (0.001, 0.005, 0.025, 0.1, 0.5, 2.5),
        handler=handler,
    )
    for handler in HANDLERS
}
metrics.gauge(
    "stitch_build_info",
    "1, with the version as a label.",
    lambda: 1,
    fold=max,
    version=settings.VERSION,
    python=platform.python_version(),
)


def handler_of(path: str) -> str:
    """As ``cms_project.asgi`` hands requests out."""
    return "site" if f"{path}/".startswith(settings.SITE_PREFIXES) else "api"


def count_request(path: str, status: int, seconds: float) -> None:
    handler = handler_of(path)
    _requests[handler, status // 100].value += 1
    _seconds[handler].observe(seconds)
