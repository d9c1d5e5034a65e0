"""Filters of the lists of entries. The bin is one of the states, and what lies in it shows nowhere else."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import HttpRequest

from accounts.models import User
from content.models import Status
from core.admin import TextFilter

CHANGED = "changed"
BIN = "bin"
MAX_WRITERS = 100


class StatusFilter(SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*Status.choices, (CHANGED, "Unpublished changes"), (BIN, "In the bin")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows: Any = queryset
        match self.value():
            case "bin":
                found = rows.binned()
            case "changed":
                found = rows.present().exclude(live_revision_id=None).exclude(live_revision_id=F("revision_id"))
            case str(status) if status in Status.values:
                found = rows.present().filter(computed_status=status)
            case _:
                found = rows.present()
        return found  # type: ignore[no-any-return]


class WriterFilter(SimpleListFilter):
    """Those who have written something of this kind, the one who asks first."""

    title = "writer"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.model._default_manager.filter(created_by=OuterRef("pk"))
        writers = User.objects.filter(Exists(rows)).exclude(pk=str(request.user.pk)).order_by("username")[:MAX_WRITERS]
        return [(str(request.user.pk), "Me"), *((str(one.pk), str(one)) for one in writers)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = {value for value, _ in self.lookup_choices}
        return queryset.filter(created_by=self.value()) if self.value() in chosen else queryset


class TagFilter(TextFilter):  # type: ignore[misc] # unfold is not annotated
    title = "tag"
    parameter_name = "tag"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(tags__has=self.value()) if self.value() else queryset


class BylineFilter(TextFilter):  # type: ignore[misc] # unfold is not annotated
    title = "byline"
    parameter_name = "author"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(author__icontains=self.value()) if self.value() else queryset
