"""Statements whose text never changes: PostgreSQL plans each once for a connection, and not each time it is asked.

Planning one with annotations takes it several times as long as answering it. Behind a pooler, where the next statement
may come to another session, and on SQLite, a statement is sent as it is.
"""

from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import DatabaseError, connection

_numbers = count(1)
_OUTDATED = ("0A000", "26000")  # a column has another type since then; the session has forgotten its statements


class Prepared:
    """``Prepared("SELECT … WHERE id = %(p0)s AND kind = %(p1)s")``, then ``.ask(entry_id, kind)``."""

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def ask(self, *values: Any) -> list[tuple[Any, ...]]:
        """All rows. One statement, and once for each connection another one before it."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql" and not getattr(settings, "DATABASE_DIRECT", None):
                self._execute(cursor, values)
            else:
                cursor.execute(self._sql, {f"p{number}": value for number, value in enumerate(values)})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _execute(self, cursor: Any, values: tuple[Any, ...]) -> None:
        names = _of_session.setdefault(connection.connection, {})
        if self not in names:
            names[self] = self._prepare(len(values))
        try:
            cursor.execute(f"EXECUTE {names[self]} ({', '.join(['%s'] * len(values))})", values)
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", "") in _OUTDATED:
                names.clear()  # the next request of this session prepares them anew
            raise

    def _prepare(self, number: int) -> str:
        """Past Django's cursors: nothing that was written before it matters to it."""
        name, sql = f"stitch_{next(_numbers)}", self._sql
        for place in range(number):
            sql = sql.replace(f"%(p{place})s", f"${place + 1}")
        with connection.wrap_database_errors:
            connection.connection.execute(f"PREPARE {name} AS {sql.replace('%%', '%')}")
        return name


_of_session: WeakKeyDictionary[Any, dict[Prepared, str]] = WeakKeyDictionary()
