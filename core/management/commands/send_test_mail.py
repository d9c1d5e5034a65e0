"""Tries EMAIL_URL at once and tells in one sentence how it went."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core import jobs, mail, mailers


class Command(BaseCommand):
    help = "Sends a test mail, now and in this process, and says what the mail server said."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", help="the address it goes to")

    def handle(self, *args: Any, to: str, **options: Any) -> None:
        try:
            mail.send("mail/test", to=to, context={"url": settings.PUBLIC_BASE_URL})
        except (jobs.Hopeless, mailers.NotConfigured) as refusal:  # ours, and in whole sentences
            raise CommandError(f"The mail was not sent. {refusal}") from refusal
        except Exception as error:
            raise CommandError(f"The mail was not sent. {type(error).__name__}: {error}") from error
        self.stdout.write(f"Sent to {to} in the name of {settings.DEFAULT_FROM_EMAIL}.")
