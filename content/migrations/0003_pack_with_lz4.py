from django.db import migrations

from core.postgresql.compression import pack_with_lz4


class Migration(migrations.Migration):
    dependencies = [("content", "0002_site_settings")]

    operations = [
        pack_with_lz4(
            ("content_page", "body"),
            ("content_blogpost", "body"),
            ("content_sitesettings", "footer_text"),
            ("content_revision", "values"),
        )
    ]
