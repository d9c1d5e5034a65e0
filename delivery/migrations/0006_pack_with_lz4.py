from django.db import migrations

from core.postgresql.compression import pack_with_lz4


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_lists_by_index")]

    operations = [
        pack_with_lz4(
            ("delivery_publication", "content"),
            ("delivery_liveentry", "summary"),
            ("delivery_liveentry", "detail"),
            ("delivery_liveentry", "search_text"),
        )
    ]
