"""Creates the administrator of ADMIN_EMAIL if there is none; part of every start in production."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from cms_project import administrator


class Command(BaseCommand):
    help = "Creates the administrator of ADMIN_EMAIL with ADMIN_PASSWORD, if nobody has that e-mail yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ADMIN_EMAIL:
            self._tell_when_nobody_can_log_in()
            return
        if administrator.exists(settings.ADMIN_EMAIL):
            return
        if not settings.ADMIN_PASSWORD:
            raise CommandError("ADMIN_EMAIL has no account yet, and ADMIN_PASSWORD is not set: set it for this start.")
        try:
            is_made = administrator.create(email=settings.ADMIN_EMAIL, password=settings.ADMIN_PASSWORD)
        except ValidationError as weak:
            raise CommandError(f"The administrator of ADMIN_EMAIL cannot be made. {' '.join(weak.messages)}") from weak
        if is_made:
            self.stdout.write(f"Administrator {settings.ADMIN_EMAIL} created.")

    def _tell_when_nobody_can_log_in(self) -> None:
        if not administrator.any_exists():
            self.stderr.write(
                "Nobody can administer this site yet: set ADMIN_EMAIL and ADMIN_PASSWORD and start again, "
                "or run .venv/bin/python manage.py createsuperuser."
            )
