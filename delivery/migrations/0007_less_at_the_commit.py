"""On PostgreSQL: what the COMMIT need not wait for, and a plan that stays good while the log grows.

Whether a row of the projection has its publication is checked as soon as it is written, while the next one is being
made, and not by the COMMIT, for which somebody waits. Whoever needs the other order can still defer it.

The trigger's plan lasts as long as the connection. Made while the log was nearly empty it would read all of it each time.

Replacing the function, or altering one of the two keys, undoes this (tests/delivery/test_less_at_the_commit.py).
"""

from django.db import migrations

PROJECTION = ("delivery_liveentry", "delivery_livetag")
KEYS = """
SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY (%s::regclass[])
"""
BY_INDEX = "ALTER FUNCTION delivery_change_at_commit() SET enable_seqscan = off"
AS_BEFORE = "ALTER FUNCTION delivery_change_at_commit() RESET enable_seqscan"


def _checked(schema_editor, when):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(KEYS, [list(PROJECTION)])
        keys = cursor.fetchall()
    for table, name in keys:
        constraint = schema_editor.quote_name(name)
        schema_editor.execute(f"ALTER TABLE {table} ALTER CONSTRAINT {constraint} DEFERRABLE INITIALLY {when}")


def less(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        _checked(schema_editor, "IMMEDIATE")
        schema_editor.execute(BY_INDEX)


def more(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        _checked(schema_editor, "DEFERRED")
        schema_editor.execute(AS_BEFORE)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0006_pack_with_lz4")]

    operations = [migrations.RunPython(less, more)]
