"""What the two databases write differently in the questions of public reads, and the values that go in and come out.

The moment is the database's own; on SQLite, which has no clock fine enough, it is Python's and the parameter ``now``
(docs/decisions/0008-the-database-clock.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection

from core import clock

Params = dict[str, Any]
Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Question[T]:
    """One statement. ``sql`` has placeholders such as ``%(slug)s``; ``read`` makes the answer of all rows it returns.

    Whoever has a connection may ask it. The text is the same for all who ask the same kind of thing.
    """

    sql: str
    params: Params
    read: Callable[[Rows], T]


@cache
def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def now() -> str:
    return "STATEMENT_TIMESTAMP()" if is_postgresql() else "%(now)s"


def later() -> str:
    """The function that gives the later of two moments."""
    return "GREATEST" if is_postgresql() else "MAX"


def params(**values: Any) -> Params:
    return values if is_postgresql() else {"now": _text(clock.now()), **values}


def live(row: str) -> str:
    """That a row of the projection, or of its tags, is what a reader may see.

    Nearly every row has begun and has no end. A unary plus keeps SQLite, without statistics, from starting at the index
    of beginnings or of ends.
    """
    plus = "" if is_postgresql() else "+"
    begun = f"{plus}{row}.live_from <= {now()}"
    return f"{begun} AND ({plus}{row}.live_until IS NULL OR {plus}{row}.live_until > {now()})"


def fence() -> str:
    """Ends a subquery that is to be computed as it stands, whatever is done with its rows."""
    return "OFFSET 0" if is_postgresql() else "LIMIT -1 OFFSET 0"


def moment(expression: str) -> str:
    """Selects a moment in the form that ``microseconds`` reads."""
    if is_postgresql():
        return f"(EXTRACT(EPOCH FROM {expression}) * 1000000)::bigint"
    return f"CAST({expression} AS TEXT)"


def microseconds(selected: Any) -> int | None:
    """Microseconds since 1970, from what ``moment`` selected."""
    if selected is None or isinstance(selected, int):
        return selected
    since = datetime.fromisoformat(selected).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def seconds_between(now_selected: Any, later_selected: Any) -> float | None:
    start, end = microseconds(now_selected), microseconds(later_selected)
    return None if start is None or end is None else max(end - start, 0) / 1_000_000


def value(given: datetime | bytes | UUID) -> Any:
    """As a parameter."""
    if is_postgresql() or isinstance(given, bytes):
        return given
    return given.hex if isinstance(given, UUID) else _text(given)


def moment_from(selected: Any) -> datetime:
    """From a plain column of moments, which SQLite has as text."""
    if isinstance(selected, datetime):
        return selected.astimezone(UTC)
    return datetime.fromisoformat(selected).replace(tzinfo=UTC)


def id_from(selected: Any) -> UUID:
    return selected if isinstance(selected, UUID) else UUID(selected)


def _text(when: datetime) -> str:
    return str(when.astimezone(UTC).replace(tzinfo=None))
