from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import User
from cms_project import bulk, seeding


class Command(BaseCommand):
    help = "Makes demo content and one user per role, once. With --posts N, adds N published posts to try out sizes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--posts", type=int, default=0, metavar="N", help="bulk posts to add")

    def handle(self, *args: Any, posts: int, **options: Any) -> None:
        report = seeding.seed()
        if report.pages or report.posts:
            self.stdout.write(f"Made {report.pages} pages and {report.posts} posts.")
        for email, password in report.passwords.items():
            self.stdout.write(f"  {email}  password: {password}   (shown once)")
        if posts > 0:
            bulk.make_posts(posts, by=self._writer(), progress=lambda done: self._bar(done, posts))
            self.stdout.write("")

    def _writer(self) -> User:
        return User.objects.filter(groups__name="admin").earliest("created_at")

    def _bar(self, done: int, total: int) -> None:
        filled = 40 * done // total
        self.stdout.write(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{total} posts", ending="")
        self.stdout.flush()
