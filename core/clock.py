"""The one clock by which visibility is judged: the database's (docs/decisions/0008-the-database-clock.md).

Several machines disagree about the time by milliseconds. Were a publication stamped by a process whose clock is ahead,
readers that ask the database would not see it at once. So the moment of a write comes from the database as well.
On SQLite the database lives in the process, its clock has only milliseconds, and Python's is used in its place.
"""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func
from django.utils import timezone


class Now(Func):
    """The present moment inside a query: the start of the statement on PostgreSQL, Python's clock on SQLite."""

    output_field = DateTimeField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        return "STATEMENT_TIMESTAMP()", ()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (connection.ops.adapt_datetimefield_value(timezone.now()),)


def now() -> datetime:
    """Costs one tiny query on PostgreSQL, none on SQLite. Call it at the edge and hand it to verbs as ``now=``."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds, ending in Z: the only way a time leaves the API."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
