"""Long values packed with LZ4: PostgreSQL's default takes several times as long, in each write and in each read."""

from collections.abc import Callable
from typing import Any

from django.db.migrations import RunPython

# Servers before 14, and those that were built without it, do not name it.
_KNOWS_LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"


def pack_with_lz4(*columns: tuple[str, str]) -> RunPython:
    """A migration's operation, for (table, column). What is stored already stays as it is, and readable.

    Does nothing on SQLite, which packs nothing, and where the server does not know LZ4.
    """
    return RunPython(_set(columns, "lz4"), _set(columns, "default"))


def _set(columns: tuple[tuple[str, str], ...], method: str) -> Callable[[Any, Any], None]:
    def change(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(_KNOWS_LZ4)
            known = cursor.fetchone()
        if known is None or not known[0]:
            return
        quote = schema_editor.quote_name
        for table, column in columns:
            schema_editor.execute(f"ALTER TABLE {quote(table)} ALTER COLUMN {quote(column)} SET COMPRESSION {method}")

    return change
