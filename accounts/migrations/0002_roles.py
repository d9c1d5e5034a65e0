"""The four roles, as Django groups. The rights of apps that are migrated later follow when these are."""

from typing import Any

from django.db import migrations

from accounts import permissions


def make_roles(apps: Any, schema_editor: Any) -> None:
    for app_label in ("auth", "accounts"):
        permissions.install(app_label, apps=apps, using=schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
