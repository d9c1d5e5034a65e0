"""The same as ``manage.py doctor``, for whoever calls it through Django; see ``cms_project.doctor``."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from cms_project import doctor


class Command(BaseCommand):
    help = "Lists every missing or weak setting at once, each with the line to add."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(doctor.main(self.stdout))  # type: ignore[arg-type] # it has what a text stream has
