"""The audit trail from the command line: is it whole, and seal what waits."""

import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit

_SEAL = re.compile(r"[0-9a-f]{64}\Z")


class Command(BaseCommand):
    help = "Verifies or seals the audit trail (docs/audit.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        verify = steps.add_parser("verify", help="walk the whole chain; exit code 1 where it is broken")
        verify.add_argument("--head", default="", help="a seal that was noted earlier and must still be in the chain")
        steps.add_parser("seal", help="seal what is committed and waits, as servers do every few seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["step"] == "seal":
            self.stdout.write(f"Sealed {audit.seal()} rows.")
        else:
            self._verify(options["head"].strip().lower())

    def _verify(self, head: str) -> None:
        if head and not _SEAL.match(head):
            raise CommandError("A seal has 64 hexadecimal digits.", returncode=2)
        verdict = audit.verify(expected=head)
        if verdict.reason:
            raise CommandError(f"The audit trail is broken. {verdict.reason} {verdict.sealed} rows before it hold.")
        self.stdout.write(f"{verdict.sealed} sealed rows hold, {verdict.unsealed} wait for their seal.")
        self.stdout.write(f"Newest seal: {verdict.head or 'none yet'}")
        if not verdict.has_expected:
            raise CommandError("The seal that was noted is not in the chain: rows were taken away, or all made anew.")
