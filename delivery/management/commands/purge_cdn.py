"""How the CDN of CDN_PURGE_URL stands, or a purge by hand."""

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import clock
from delivery import changes, purging

_KEY = re.compile(r"[a-z0-9:-]{1,100}")


class Command(BaseCommand):
    help = "Purges keys such as posts or post:<id> at once, or --all; without either it says how the CDN stands."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("keys", nargs="*", metavar="KEY", help="posts, pages, settings, post:<id> or page:<id>")
        parser.add_argument("--all", action="store_true", help="everything that the CDN holds")

    def handle(self, *args: Any, keys: list[str], **options: Any) -> None:
        if not purging.targets():
            raise CommandError("CDN_PURGE_URL is not set: there is no CDN to purge (docs/cdn.md).")
        if wrong := [key for key in keys if not _KEY.fullmatch(key)]:
            raise CommandError(f"{wrong[0]!r} is no key. Say posts, pages, settings, post:<id> or page:<id>.")
        if keys and options["all"]:
            raise CommandError("Name keys, or say --all.")
        if keys or options["all"]:
            self._purge(keys or [changes.EVERYTHING])
        else:
            self._tell()

    def _purge(self, keys: list[str]) -> None:
        what = "everything" if changes.EVERYTHING in keys else ", ".join(dict.fromkeys(keys))
        failed = 0
        for name, failure in purging.purge_now(keys):
            failed += failure is not None
            self.stdout.write(f"{name}: {failure or f'purged {what}'}")
        if failed:
            raise CommandError(f"{failed} of {len(purging.targets())} failed.")

    def _tell(self) -> None:
        for one in purging.standings():
            told = "was never told anything" if one.behind is None else f"{one.behind} change(s) behind"
            since = f", failing since {clock.iso(one.failing_since)}: {one.error}" if one.failing_since else ""
            self.stdout.write(f"{one.target}: {told}{since}")
