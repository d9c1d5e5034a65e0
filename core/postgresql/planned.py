"""Statements that PostgreSQL has planned before: psycopg's own prepared statements, past Django's cursors."""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection


def is_possible() -> bool:
    """Not behind a pooler, where the next statement may come to another session."""
    return connection.vendor == "postgresql" and not getattr(settings, "DATABASE_DIRECT", None)


def ask(sql: str, params: Any) -> list[tuple[Any, ...]]:
    """All rows. What Django's cursors look after is looked after here as well."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor = send(sql, params)
    with connection.wrap_database_errors:
        return cursor.fetchall()


def send(sql: str, params: Any) -> "psycopg.Cursor[Any]":
    """On a connection that is in use. In pipeline mode it does not wait for the answer."""
    connection.validate_no_broken_transaction()
    there: Any = connection.connection
    there.prepare_threshold = 0  # for this one alone: of all others psycopg would remember the texts, with their values
    try:
        with connection.wrap_database_errors:
            return psycopg.Cursor(there).execute(sql, params, prepare=True)
    finally:
        there.prepare_threshold = None


def note(sql: str) -> None:
    """For tests and tools that count what is asked."""
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": "0.000"})
