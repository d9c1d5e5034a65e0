"""The one row of site settings and its first publication, so that ``GET /settings`` is never 404."""

from typing import Any

from django.db import migrations
from django.utils import timezone

from core import rendering
from core.ids import uuid7

VALUES = {"site_name": "My site", "tagline": "", "logo_url": "", "footer_text": "", "social_links": {}}


def make(apps: Any, schema_editor: Any) -> None:
    settings_model = apps.get_model("content", "SiteSettings")
    if settings_model.objects.exists():
        return
    now, entry_id, revision_id = timezone.now(), uuid7(), uuid7()
    settings_model.objects.create(
        id=entry_id, version=1, revision_id=revision_id, created_at=now, updated_at=now, **VALUES
    )
    apps.get_model("content", "Revision").objects.create(
        id=revision_id,
        kind="settings",
        entry_id=entry_id,
        version=1,
        action="created",
        values=VALUES,
        created_at=now,
    )
    _publish(apps, entry_id, revision_id, now)


def _publish(apps: Any, entry_id: Any, revision_id: Any, now: Any) -> None:
    publication = apps.get_model("delivery", "Publication").objects.create(
        id=uuid7(),
        kind="settings",
        entry_id=entry_id,
        revision_id=revision_id,
        content=VALUES,
        entry_created_at=now,
        published_at=now,
        live_from=now,
    )
    shape = rendering.dumps({"id": entry_id, **VALUES, "created_at": now, "updated_at": now}).decode()
    apps.get_model("delivery", "LiveEntry").objects.create(
        publication=publication,
        kind="settings",
        entry_id=entry_id,
        revision_id=revision_id,
        title_key=b"",
        created_at=now,
        updated_at=now,
        published_at=now,
        live_from=now,
        summary=shape,
        detail=shape,
    )


class Migration(migrations.Migration):
    dependencies = [("content", "0001_initial"), ("delivery", "0001_initial")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
