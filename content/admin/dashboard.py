"""The first page: what one was writing, and what happened last. The theme calls ``context`` (settings: UNFOLD)."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from content import rights
from content.models import BlogPost, Entry, Page, Revision
from delivery.models import LiveEntry

KINDS: tuple[type[Entry], ...] = (BlogPost, Page)
SHOWN = 6
LOOKED_AT = 50  # of somebody's newest entries, however many there are


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    user = request.user
    if not isinstance(user, User):
        return context
    seen = [model for model in KINDS if rights.may_see_drafts(user, model)]
    return context | {
        "title": f"Welcome, {user.name}",
        "new_links": [_new_link(model) for model in KINDS if rights.may_create(user, model)],
        "counts": [_count(model) for model in seen],
        "waiting": _newest(row for model in seen for row in _waiting_for(user, model)),
        "recent": _recent(seen),
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


def _waiting_for(user: User, model: type[Entry]) -> list[Any]:
    """One's own drafts, and what one has published and changed since."""
    mine = model.objects.present().filter(created_by=user).order_by("-created_at", "id")
    newest = list(mine.values_list("pk", flat=True)[:LOOKED_AT])
    rows = model.objects.filter(pk__in=newest).with_publication().select_related("updated_by")
    return [row for row in rows if row.live_revision_id != row.revision_id]


def _recent(models: list[type[Entry]]) -> list[Any]:
    """The newest revisions tell it: their ids grow with time, so that no table has to be sorted."""
    kinds = Q(kind__in=[model.KIND for model in models])
    newest = Revision.objects.filter(kinds).order_by("-pk").values_list("kind", "entry_id")[:LOOKED_AT]
    by_kind: dict[str, dict[UUID, None]] = {}
    for kind, entry_id in newest:
        by_kind.setdefault(kind, {})[entry_id] = None
    return _newest(row for model in models for row in _rows(model, list(by_kind.get(model.KIND, {}))[:SHOWN]))


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
