"""Deletes what is remembered of tokens that have expired. Safe at any time; once a day is enough."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import tokens


class Command(BaseCommand):
    help = "Deletes expired sessions and the blacklist's entries for expired refresh tokens."

    def handle(self, *args: Any, **options: Any) -> None:
        families, used = tokens.prune(now=timezone.now())
        self.stdout.write(f"Deleted {families} expired sessions and {used} used refresh tokens.")
