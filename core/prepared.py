"""Statements whose text never changes: PostgreSQL plans each once for a connection, and not each time it is asked.

Planning one with annotations takes it several times as long as answering it. Behind a pooler, where the next statement
may come to another session, and on SQLite, a statement is sent as it is.
"""

from typing import Any

from django.db import DatabaseError, connection

from core import batch
from core.postgresql import planned

_OUTDATED = ("0A000", "26000")  # a column has another type since then; the session has forgotten its statements


class Prepared:
    """``Prepared("SELECT … WHERE id = %(p0)s AND kind = %(p1)s")``, then ``.ask(entry_id, kind)``."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def ask(self, *values: Any) -> list[tuple[Any, ...]]:
        """All rows. One statement, and once for each connection another one before it."""
        params = {f"p{number}": value for number, value in enumerate(values)}
        if planned.is_possible():
            return batch.ask(self._sql, params) if batch.is_gathering() else self._execute(params)
        with connection.cursor() as cursor:
            cursor.execute(self._sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _execute(self, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        planned.note(self._sql)
        try:
            return planned.ask(self._sql, params)
        except DatabaseError as error:
            if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", "") not in _OUTDATED:
                raise
        connection.close()  # psycopg would send it again and again; in a transaction it forgets with the rollback
        return planned.ask(self._sql, params)
