"""What waits, what runs, and what nobody tries any more."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, QuerySet
from django_tasks_db.models import DBTaskResult

from core import clock, ids, jobs

SHOWN = 50


class Command(BaseCommand):
    help = "Counts the jobs and lists the dead ones; --again gives them another life."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--again", nargs="*", metavar="ID", help="run these dead jobs again, or all of them")

    def handle(self, *args: Any, again: list[str] | None, **options: Any) -> None:
        if again is not None:
            self.stdout.write(f"{jobs.revive(_named(again))} dead job(s) run again.")
            return
        for line in (*_counts(), *_list_of_dead()):
            self.stdout.write(line)


def _named(given: list[str]) -> QuerySet[DBTaskResult]:
    found = [pk for pk in map(ids.parse, given) if pk is not None]
    if len(found) < len(given):
        raise CommandError("An id looks like 0198c4ef-0b69-7df2-9571-000000000000.")
    rows: QuerySet[DBTaskResult] = jobs.dead()
    return rows.filter(pk__in=found) if given else rows


def _counts() -> list[str]:
    rows = DBTaskResult.objects.order_by().values_list("queue_name", "status").annotate(count=Count("pk"))
    return [f"{queue:<10} {status.lower():<12} {count}" for queue, status, count in sorted(rows)] or ["No jobs."]


def _list_of_dead() -> list[str]:
    return [
        f"dead: {row.pk} {row.task_path} {clock.iso(row.finished_at)} {_reason(row)}".rstrip()
        for row in jobs.dead()[:SHOWN]
        if row.finished_at is not None
    ]


def _reason(row: DBTaskResult) -> str:
    """The last line says what it was. A row may have none, where its process was killed."""
    return str(next(reversed(row.traceback.rstrip().splitlines()), ""))
