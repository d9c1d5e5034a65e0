"""Deletes what has run out of sessions, tokens and registrations. Safe at any time; once a day is enough."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import registration, tokens


class Command(BaseCommand):
    help = "Deletes expired sessions, used refresh tokens that have expired, and registrations that nobody confirmed."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        families, used = tokens.prune(now=now)
        pending = registration.prune(now=now)
        self.stdout.write(
            f"Deleted {families} expired sessions, {used} used refresh tokens and {pending} unconfirmed registrations."
        )
