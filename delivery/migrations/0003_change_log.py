"""Where the log of changes begins: its head, and what is there to count. On PostgreSQL a trigger appends to it.

The trigger fires when a transaction commits. It takes the one row of the head first, so positions come in the order of
commits, and nobody waits for a transaction that goes on for long.
"""

from django.db import migrations

TRIGGER = """
CREATE FUNCTION delivery_change_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  reached bigint;
BEGIN
  INSERT INTO delivery_head (id, position) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET position = delivery_head.position + 1 RETURNING position INTO reached;
  UPDATE delivery_change SET position = reached WHERE id = NEW.id;
  INSERT INTO delivery_tally (kind, facet, rows)
    SELECT NEW.kind, counted.key, counted.value::bigint FROM jsonb_each_text(NEW.tallies) AS counted ORDER BY counted.key
    ON CONFLICT (kind, facet) DO UPDATE SET rows = delivery_tally.rows + excluded.rows;
  PERFORM pg_notify('stitch_changes', reached::text);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER delivery_change_at_commit AFTER INSERT ON delivery_change
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION delivery_change_at_commit();
"""
NO_TRIGGER = """
DROP TRIGGER delivery_change_at_commit ON delivery_change;
DROP FUNCTION delivery_change_at_commit();
"""
COUNT = (
    "INSERT INTO delivery_tally (kind, facet, rows) SELECT kind, '', COUNT(*) FROM delivery_liveentry GROUP BY kind",
    "INSERT INTO delivery_tally (kind, facet, rows) SELECT kind, 'author:' || author, COUNT(*) FROM delivery_liveentry"
    " WHERE author <> '' GROUP BY kind, author",
    "INSERT INTO delivery_tally (kind, facet, rows) SELECT kind, 'tag:' || tag, COUNT(*) FROM delivery_livetag"
    " GROUP BY kind, tag",
)


def begin(apps, schema_editor):
    apps.get_model("delivery", "Head").objects.create(id=1, position=0)
    for statement in COUNT:
        schema_editor.execute(statement)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(TRIGGER, params=None)


def end(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(NO_TRIGGER, params=None)
    for name in ("Head", "Tally", "Change"):
        apps.get_model("delivery", name).objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("delivery", "0002_change_log_tables")]

    operations = [migrations.RunPython(begin, end)]
