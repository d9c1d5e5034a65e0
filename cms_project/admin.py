"""The page of jobs in the admin: what waits, what was done, and the dead, which can be given another life."""

import json
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_tasks_db.admin import DBTaskResultAdmin
from django_tasks_db.models import DBTaskResult

from core import jobs
from core.admin import ModelAdmin

admin.site.unregister(DBTaskResult)


def _name(job: DBTaskResult) -> str:
    return str(job.task_path).rpartition(".")[2]


def _in_words(job: DBTaskResult) -> str:
    return _name(job).replace("_", " ")


# What the package calls its rows says nothing to those who read the admin. Neither makes a migration.
DBTaskResult.add_to_class("__str__", _in_words)
DBTaskResult._meta.verbose_name, DBTaskResult._meta.verbose_name_plural = "job", "jobs"
apps.get_app_config(DBTaskResult._meta.app_label).verbose_name = "System"


@admin.register(DBTaskResult)
class JobAdmin(ModelAdmin):
    list_display = ("name", "status", "queue", "attempts", "enqueued_at", "started_at", "finished_at", "last_word")
    list_filter = ("status", "queue_name")
    search_fields = ("task_path", "args_kwargs")
    search_help_text = "Name of the job, or what it was given"
    ordering = ("-enqueued_at", "id")
    fields = (
        *("function", "status", "queue", "given", "attempts"),
        *("enqueued_at", "next_at", "started_at", "finished_at", "exception"),
    )
    readonly_fields = fields
    actions = ("run_again",)

    has_add_permission = DBTaskResultAdmin.has_add_permission
    has_delete_permission = DBTaskResultAdmin.has_delete_permission

    def has_change_permission(self, request: HttpRequest, obj: DBTaskResult | None = None) -> bool:
        """Nothing of a row is written by hand; ``run_again`` asks for the right itself."""
        return False

    def has_run_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("django_tasks_database.change_dbtaskresult")

    @admin.display(description="job", ordering="task_path")
    def name(self, job: DBTaskResult) -> str:
        return _name(job)

    @admin.display(description="function")
    def function(self, job: DBTaskResult) -> str:
        return str(job.task_path)

    @admin.display(description="queue", ordering="queue_name")
    def queue(self, job: DBTaskResult) -> str:
        return str(job.queue_name)

    @admin.display(description="was given")
    def given(self, job: DBTaskResult) -> SafeString | str:
        given: dict[str, Any] = job.args_kwargs.get("kwargs", {})
        pairs = ((name.replace("_", " "), _text(value)) for name, value in given.items())
        return format_html_join("", "<div>{}: {}</div>", pairs) or "nothing"

    @admin.display(description="attempts")
    def attempts(self, job: DBTaskResult) -> int:
        return len(job.worker_ids)

    @admin.display(description="what went wrong")
    def last_word(self, job: DBTaskResult) -> str:
        return (str(job.traceback).rstrip().splitlines() or [""])[-1][:200]

    @admin.display(description="next attempt")
    def next_at(self, job: DBTaskResult) -> str:
        return "" if job.finished_at or job.run_after.year == 9999 else job.run_after.isoformat(" ", "seconds")

    @admin.display(description="what went wrong")
    def exception(self, job: DBTaskResult) -> SafeString:
        return format_html('<pre style="white-space:pre-wrap">{}</pre>', job.traceback)

    @admin.action(description="Run again, if dead", permissions=["run_again"])
    def run_again(self, request: HttpRequest, rows: QuerySet[DBTaskResult]) -> None:
        messages.success(request, f"Jobs that run again: {jobs.revive(DBTaskResult.objects.filter(pk__in=rows))}.")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
