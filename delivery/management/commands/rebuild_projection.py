from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from core.unhurried import unhurried
from delivery import projection


class Command(BaseCommand):
    help = (
        "Writes the rows that public reads use anew from the publications. Readers see the old ones until it is done."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with unhurried(), transaction.atomic():
            rows = projection.rebuild()
        self.stdout.write(f"{rows} rows written.")
