"""Work that may take longer than a request: migrations and commands. Requests have a bound on every statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

BOUNDS = ("statement_timeout", "idle_in_transaction_session_timeout")


@contextmanager
def unhurried(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Inside, a statement may take as long as it takes."""
    patience = lift_bounds(using)
    try:
        yield
    finally:
        connection = connections[using]
        if connection.vendor == "postgresql":
            _execute(using, [f"RESET {name}" for name in BOUNDS])
            connection.connection.patience = patience


def lift_bounds(using: str) -> Any:
    """For the rest of the connection's life; returns the patience it had (``core.postgresql``)."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return None
    _execute(using, [f"SET {name} = 0" for name in BOUNDS])
    patience, connection.connection.patience = connection.connection.patience, None
    return patience


def before_migrate(using: str, **_: object) -> None:
    """Connected to ``pre_migrate``: building an index on a large table takes minutes."""
    lift_bounds(using)


def after_migrate(using: str, **_: object) -> None:
    """Connected to ``post_migrate``: the next connection has its bounds again."""
    if not connections[using].in_atomic_block:
        connections[using].close()


def _execute(using: str, statements: list[str]) -> None:
    with connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
