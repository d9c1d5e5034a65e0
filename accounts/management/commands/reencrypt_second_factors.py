"""Encrypts the secrets of second factors with the newest key, so that older ones can be taken away."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.factors import encryption


class Command(BaseCommand):
    help = "Encrypts the secrets of second factors with the first of SECOND_FACTOR_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Encrypted {encryption.renew_all()} secrets with the first key.")
