"""Lists of working copies, for those who may see drafts."""

from typing import TypeVar

from django.db.models import Q, QuerySet

from content.models import Entry, Status
from core.api import parsing
from core.api.pagination import Page

E = TypeVar("E", bound=Entry)

ALL = "all"
ORDERINGS = {
    "created_at": ("created_at", "id"),
    "-created_at": ("-created_at", "id"),
    "updated_at": ("updated_at", "id"),
    "-updated_at": ("-updated_at", "id"),
    "published_at": ("first_published_at", "id"),
    "-published_at": ("-first_published_at", "id"),
    "title": ("title", "id"),
    "-title": ("-title", "id"),
}


def working_copies(model: type[E], params: dict[str, str], page: Page) -> tuple[list[E], int]:
    """One page of working copies and their exact number, newest first unless ``ordering`` says otherwise."""
    status = parsing.choice(params, "status", among=(*Status.values, ALL), default=ALL)
    ordering = parsing.choice(params, "ordering", among=ORDERINGS, default="-created_at")
    rows = _filtered(model, params)
    if status != ALL:
        rows = rows.filter(computed_status=status)
    total = rows.count()
    return list(rows.order_by(*ORDERINGS[ordering])[page.start : page.stop]) if page.start < total else [], total


def _filtered(model: type[E], params: dict[str, str]) -> QuerySet[E]:
    rows: QuerySet[E] = model.objects.present().with_publication()
    names = {field.name for field in model._meta.get_fields()}
    if "tag" in params:
        rows = rows.filter(tags__has=params["tag"])
    if "author" in params:
        rows = rows.filter(author=params["author"])
    if "q" in params:
        matches = Q(title__icontains=params["q"])
        rows = rows.filter(matches | Q(excerpt__icontains=params["q"]) if "excerpt" in names else matches)
    return rows
