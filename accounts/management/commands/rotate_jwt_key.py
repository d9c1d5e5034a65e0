"""``manage.py rotate_jwt_key``: a new key for tokens, as the line to set. Nothing is changed or stored."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts import signing

WORDS = """\
# The new JWT_KEYS. The first key signs from the next start on, all of them verify: nobody is logged out.
# The older keys must stay for {seconds} seconds ({span}, REFRESH_TOKEN_SECONDS) after the last server has started
# with this line; then take them out.
# Several servers: first start all of them with the new key behind the others, so that each can verify it,
#   JWT_KEYS={behind}
# and then all of them with:
"""


class Command(BaseCommand):
    help = "Prints a JWT_KEYS with a new key in front. The present ones stay behind it, so that nobody is logged out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--algorithm",
            choices=signing.ALGORITHMS,
            help="Of the new key. Default: that of the present one. HS256 is a shared secret; RS256 and EdDSA have a "
            "public half at /.well-known/jwks.json.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        present: dict[str, str] = settings.JWT_KEYS
        algorithm = options["algorithm"] or signing.read(next(iter(present.values()))).algorithm
        new = {_unused_id(present): signing.make(algorithm)}
        lifetime: timedelta = max(settings.REFRESH_TOKEN_LIFETIME, settings.ACCESS_TOKEN_LIFETIME)
        self.stdout.write(
            WORDS.format(
                seconds=int(lifetime.total_seconds()), span=_in_words(lifetime), behind=signing.written(present | new)
            ),
            ending="",
        )
        self.stdout.write(f"JWT_KEYS={signing.written(new | present)}")


def _unused_id(taken: dict[str, str]) -> str:
    """The day, and behind a second one of the same day its number."""
    today = f"{timezone.now():%Y-%m-%d}"
    ids = [today, *(f"{today}.{number}" for number in range(2, len(taken) + 2))]
    return next(one for one in ids if one not in taken)


def _in_words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:.3g} hours"
