"""Work that may take longer than a request: migrations and commands. Requests have a bound on every statement."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

BOUNDS = ("statement_timeout", "idle_in_transaction_session_timeout")


@contextmanager
def unhurried(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Inside, a statement may take as long as it takes."""
    lift_bounds(using)
    try:
        yield
    finally:
        restore_bounds(using)


def lift_bounds(using: str, **_: object) -> None:
    """Also connected to ``pre_migrate``: building an index on a large table takes minutes."""
    if connections[using].vendor == "postgresql":
        _execute(using, [f"SET {name} = 0" for name in BOUNDS])
        connections[using].connection.patience = None


def restore_bounds(using: str, **_: object) -> None:
    """Also connected to ``post_migrate``."""
    if connections[using].vendor == "postgresql":
        _execute(using, [f"RESET {name}" for name in BOUNDS])
        connections[using].connection.patience = connections[using].connection.usual_patience


def _execute(using: str, statements: list[str]) -> None:
    with connections[using].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
