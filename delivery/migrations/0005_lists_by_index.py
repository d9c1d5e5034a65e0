"""Lists are ordered and skipped on an index alone, and a tally says at which position its kind has changed last."""

import datetime
import uuid

from django.db import migrations, models

FUNCTION = """
CREATE OR REPLACE FUNCTION delivery_change_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  reached bigint;
BEGIN
  INSERT INTO delivery_head (id, position) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET position = delivery_head.position + 1 RETURNING position INTO reached;
  UPDATE delivery_change SET position = reached WHERE id = NEW.id;
  {count}
  PERFORM pg_notify('stitch_changes', reached::text);
  RETURN NULL;
END $$;
"""
COUNT_BEFORE = """
  INSERT INTO delivery_tally (kind, facet, rows)
    SELECT NEW.kind, counted.key, counted.value::bigint FROM jsonb_each_text(NEW.tallies) AS counted ORDER BY counted.key
    ON CONFLICT (kind, facet) DO UPDATE SET rows = delivery_tally.rows + excluded.rows;
"""
# Without a kind everything has changed.
COUNT = """
  IF NEW.kind = '' THEN
    UPDATE delivery_tally SET position = reached WHERE facet = '';
  ELSE
    INSERT INTO delivery_tally (kind, facet, rows, position)
      SELECT NEW.kind, counted.key, counted.value::bigint, reached
      FROM jsonb_each_text('{"": 0}'::jsonb || NEW.tallies) AS counted ORDER BY counted.key
      ON CONFLICT (kind, facet) DO UPDATE
      SET rows = delivery_tally.rows + excluded.rows, position = excluded.position;
  END IF;
"""
FILL = """
UPDATE delivery_livetag SET (post_id, live_from, live_until) = (
  SELECT e.entry_id, e.live_from, e.live_until FROM delivery_liveentry e WHERE e.publication_id = delivery_livetag.entry_id
)
"""
NEVER = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
PLACE = ["entry_id", "live_from", "live_until", "publication"]


def count_with_position(apps, schema_editor):
    _replace(schema_editor, COUNT)


def count_as_before(apps, schema_editor):
    _replace(schema_editor, COUNT_BEFORE)


def _replace(schema_editor, count):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION.replace("{count}", count.strip()), params=None)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0004_purge_cursor")]

    operations = [
        migrations.AddField("tally", "position", models.BigIntegerField(db_default=0, default=0)),
        migrations.RunPython(count_with_position, count_as_before),
        migrations.RemoveIndex("livetag", "live_tag_newest_first"),
        migrations.AddField("livetag", "post_id", models.UUIDField(default=uuid.UUID(int=0)), preserve_default=False),
        migrations.AddField("livetag", "live_from", models.DateTimeField(default=NEVER), preserve_default=False),
        migrations.AddField("livetag", "live_until", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            "livetag",
            models.Index(
                fields=["kind", "tag", "created_at", "post_id", "live_from", "live_until", "entry"],
                name="live_tag_newest_first",
            ),
        ),
        *(migrations.RemoveIndex("liveentry", name) for name in ("live_by_creation", "live_by_update")),
        *(migrations.RemoveIndex("liveentry", name) for name in ("live_by_publication", "live_by_title")),
        migrations.RemoveIndex("liveentry", "live_by_author"),
        *(
            migrations.AddIndex("liveentry", models.Index(fields=["kind", *columns, *PLACE], name=name))
            for name, columns in (
                ("live_by_creation", ["created_at"]),
                ("live_by_update", ["updated_at"]),
                ("live_by_publication", ["published_at"]),
                ("live_by_title", ["title_key"]),
                ("live_by_author", ["author", "created_at"]),
            )
        ),
    ]
