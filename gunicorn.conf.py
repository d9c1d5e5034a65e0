"""How gunicorn runs Stitch in production: ``gunicorn -c gunicorn.conf.py cms_project.asgi:application``."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cms_project import starting

starting.load_settings()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from cms_project.worker import GRACEFUL_SECONDS  # noqa: E402
from core import metrics  # noqa: E402

bind = f"0.0.0.0:{settings.PORT}"
workers = settings.WEB_CONCURRENCY
worker_class = "cms_project.worker.Worker"
proc_name = "stitch"
# Loaded once, then forked: workers start, and are replaced, in an instant.
preload_app = True

backlog = 2048
timeout = 60  # a worker whose event loop stands still for so long is replaced
graceful_timeout = GRACEFUL_SECONDS + 5
keepalive = 75  # longer than the minute that proxies keep a connection: it is they who close it
# A disk that blocks must not look like a worker that hangs.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder in memory

control_socket_disable = True
forwarded_allow_ips = ""
accesslog = None
_logging: dict[str, Any] = {**settings.LOGGING}
_logging["loggers"] = {**_logging["loggers"], "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}}
logconfig_dict = _logging


def when_ready(server: Any) -> None:
    """Django would load them with the first request of each worker: by then it is too late to declare metrics."""
    import_module(settings.ROOT_URLCONF)


def pre_fork(server: Any, worker: Any) -> None:
    """Nobody inherits a database connection: two processes on one connection read each other's answers."""
    connections.close_all()
    metrics.reserve(worker)


def post_fork(server: Any, worker: Any) -> None:
    metrics.adopt(worker)


def child_exit(server: Any, worker: Any) -> None:
    metrics.release(worker)
