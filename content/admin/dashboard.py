"""The first page: what one was writing, and what happened last. The theme calls ``context`` (settings: UNFOLD)."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from content import rights
from content.models import BlogPost, Entry, Page, Revision
from delivery.models import LiveEntry

KINDS: tuple[type[Entry], ...] = (BlogPost, Page)
SHOWN = 6
LOOKED_AT = 50  # of somebody's newest entries and of the newest revisions, however many there are


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    user = request.user
    if not isinstance(user, User):
        return context
    lately = _lately([model for model in KINDS if rights.may_see_drafts(user, model)])
    return context | {
        "title": f"Welcome, {user.name}",
        "new_links": [_new_link(model) for model in KINDS if rights.may_create(user, model)],
        "counts": [_count(model) for model in lately],
        "waiting": _newest(row for model, ids in lately.items() for row in _waiting_for(user, model, ids)),
        "recent": _newest(row for model, ids in lately.items() for row in _rows(model, ids)),
    }


def _new_link(model: type[Entry]) -> dict[str, str]:
    name = model._meta.verbose_name
    return {"title": f"Write a {name}", "link": reverse(f"admin:content_{model._meta.model_name}_add")}


def _count(model: type[Entry]) -> dict[str, Any]:
    return {
        "title": f"{model._meta.verbose_name_plural} published".capitalize(),
        "link": reverse(f"admin:content_{model._meta.model_name}_changelist") + "?status=published",
        "number": LiveEntry.objects.live().filter(kind=model.KIND).count(),
    }


def _waiting_for(user: User, model: type[Entry], lately: list[UUID]) -> list[Any]:
    """One's own drafts and unpublished changes, and, for those who may publish, what anybody saved lately."""
    mine = model.objects.present().filter(created_by=user).order_by("-created_at", "id")
    ids = {*mine.values_list("pk", flat=True)[:LOOKED_AT], *(lately if rights.may_publish(user, model) else ())}
    return [row for row in _rows(model, list(ids)) if row.live_revision_id != row.revision_id]


def _lately(models: list[type[Entry]]) -> dict[type[Entry], list[UUID]]:
    """What the newest revisions are of: their ids grow with time, so that no table has to be sorted."""
    kinds = {model.KIND.value: model for model in models}
    newest = Revision.objects.filter(kind__in=kinds).order_by("-pk").values_list("kind", "entry_id")[:LOOKED_AT]
    found: dict[type[Entry], dict[UUID, None]] = {model: {} for model in models}
    for kind, entry_id in newest:
        found[kinds[kind]][entry_id] = None
    return {model: list(ids)[:SHOWN] for model, ids in found.items()}


def _rows(model: type[Entry], ids: list[UUID]) -> list[Any]:
    rows = model.objects.present().filter(pk__in=ids)
    return list(rows.with_publication().select_related("updated_by"))


def _newest(rows: Any) -> list[dict[str, Any]]:
    newest = sorted(rows, key=lambda row: row.updated_at, reverse=True)[:SHOWN]
    return [
        {
            "entry": row,
            "kind": row._meta.verbose_name.capitalize(),
            "link": reverse(f"admin:content_{row._meta.model_name}_change", args=[row.pk]),
        }
        for row in newest
    ]
