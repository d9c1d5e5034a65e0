"""DATABASE_URL to Django's DATABASES entry, with the options each database needs to be safe under load."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from cms_project import env

SQLITE_INIT = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000; PRAGMA foreign_keys=ON"
# The last three: whoever is gone without a word, in the middle of a pipeline, holds its locks for half a minute.
POSTGRESQL_OPTIONS = (
    "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=30000"
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
)
ANSWER_SECONDS = 16  # more than statement_timeout: where the server still speaks, its own word is the better one


def from_url(url: str, *, base: Path) -> dict[str, Any]:
    """``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://user:password@host:port/name?sslmode=…``.

    Raises ValueError for anything else.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.path.removeprefix("/")), base=base)
    if parts.scheme in ("postgres", "postgresql"):
        return _postgresql(parts)
    raise ValueError("it starts with sqlite:/// or postgresql://")


def postgresql(url: str) -> dict[str, Any]:
    """For what SQLite cannot be: a replica, or the database behind a pooler. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError("it starts with postgresql://")
    return _postgresql(parts)


def databases(
    default: dict[str, Any], *, replica: dict[str, Any] | None, direct: dict[str, Any] | None
) -> dict[str, dict[str, Any]]:
    """Django's DATABASES. With ``direct``, the other two are addresses of a pooler; commands go around it."""
    for name, entry in (("DATABASE_REPLICA_URL", replica), ("DATABASE_DIRECT_URL", direct)):
        if entry and default["ENGINE"] != entry["ENGINE"]:
            env.refuse(f"{name} is set and DATABASE_URL is SQLite, which has none: both are PostgreSQL, or neither.")
            return {"default": default}
    found = {"default": default}
    if replica:
        found["replica"] = replica | {"TEST": {"MIRROR": "default"}}
    if direct:
        found = {alias: _pooled(entry) for alias, entry in found.items()}
    if direct and _is_command():
        found["default"] = direct
    return found


def _pooled(entry: dict[str, Any]) -> dict[str, Any]:
    """Through a pooler in transaction mode, where the next query may find itself in another session.

    What POSTGRESQL_OPTIONS ask for cannot be asked for when such a connection starts: the pooler has to
    (deploy/pgbouncer.ini). No cursor and no prepared statement outlives its transaction.
    """
    options = {name: value for name, value in entry["OPTIONS"].items() if name != "options"}
    return {**entry, "DISABLE_SERVER_SIDE_CURSORS": True, "OPTIONS": {**options, "prepare_threshold": None}}


def _is_command() -> bool:
    """This process is no server. Commands are few; migrations and long work lift the session's bounds (core.unhurried),
    and the session has to be theirs."""
    return Path(sys.argv[0]).name in ("manage.py", "django-admin")


def _sqlite(name: str, *, base: Path) -> dict[str, Any]:
    if name in ("", ":memory:"):
        raise ValueError("it names no file")
    # IMMEDIATE: a transaction that reads and then writes would otherwise fail at once when another one writes.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": base / name,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 10, "init_command": SQLITE_INIT},
    }


def _postgresql(parts: SplitResult) -> dict[str, Any]:
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        raise ValueError("it names no database")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "core.postgresql",  # Django's, which does not wait for ever
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": _port(parts),
        "CONN_MAX_AGE": None,  # each kept thread of core.asgi holds one connection
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 2,
            "options": POSTGRESQL_OPTIONS,
            "answer_timeout": ANSWER_SECONDS,
            **query,
        },
    }


def _port(parts: SplitResult) -> str:
    try:
        return str(parts.port or "")
    except ValueError:
        # Python's own sentence would quote what may be half of a password.
        raise ValueError("its port is no number; a password with special characters is percent-encoded") from None
