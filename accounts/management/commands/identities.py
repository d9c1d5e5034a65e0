from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import ExternalIdentity, User


class Command(BaseCommand):
    """By hand what a first login does by itself, for providers that vouch for no e-mail."""

    help = "Shows, makes and ends the links between users and their identities at the provider of OIDC_ISSUER."

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        steps.add_parser("list", help="who is linked")
        link = steps.add_parser("link", help="link a user with a subject: the `sub` by which the provider knows them")
        link.add_argument("email")
        link.add_argument("subject")
        steps.add_parser("unlink", help="end the link of a user").add_argument("email")

    def handle(self, *args: Any, step: str, **options: Any) -> None:
        if not settings.OIDC_ISSUER:
            raise CommandError("OIDC_ISSUER is not set: there is no single sign-on to link with.")
        if step == "list":
            self._list()
        elif step == "link":
            self._link(_user(options["email"]), options["subject"])
        else:
            self._unlink(_user(options["email"]))

    def _list(self) -> None:
        known = ExternalIdentity.objects.filter(issuer=settings.OIDC_ISSUER).select_related("user")
        for one in known.order_by("user__email"):
            self.stdout.write(f"{one.user.email}\t{one.subject}\tlast used {one.last_used_at:%Y-%m-%d %H:%M}")

    def _link(self, user: User, subject: str) -> None:
        from accounts.sso import linking

        try:
            linking.link(user, issuer=settings.OIDC_ISSUER, subject=subject, by=None, now=timezone.now())
        except IntegrityError as error:
            raise CommandError("This user or this subject is linked already; `unlink` ends a link.") from error
        self.stdout.write(f"{user.email} is linked.")

    def _unlink(self, user: User) -> None:
        from accounts.sso import linking

        if not linking.unlink(user, issuer=settings.OIDC_ISSUER, by=None):
            raise CommandError(f"{user.email} is not linked.")
        self.stdout.write(f"{user.email} is not linked any more.")


def _user(email: str) -> User:
    found = User.objects.filter(email=email).first()
    if found is None:
        raise CommandError("Nobody has this e-mail.")
    return found
