"""The shape that editors get: the public fields as the working copy has them, and what only editors may know."""

from dataclasses import asdict
from typing import Any

from content import advice
from content.drafts import Removed
from content.models import Entry, Versioned
from delivery import shapes
from delivery.models import Kind

ENTRY_EXTRA = ("status", "has_unpublished_changes", "created_by", "updated_by")
SETTINGS_EXTRA = ("has_unpublished_changes", "created_by", "updated_by")


def editor_fields(kind: str) -> tuple[str, ...]:
    return (*shapes.FIELDS[kind], *(SETTINGS_EXTRA if kind == Kind.SETTINGS else ENTRY_EXTRA))


def working(thing: Versioned) -> dict[str, Any]:
    """``thing`` comes from ``with_publication()``."""
    shape = {
        "id": thing.pk,
        **thing.values(),
        "created_at": thing.created_at,
        "updated_at": thing.updated_at,
        "created_by": thing.created_by_id,
        "updated_by": thing.updated_by_id,
        "has_unpublished_changes": thing.live_revision_id != thing.revision_id,
    }
    if isinstance(thing, Entry):
        shape |= {
            "status": thing.computed_status,
            "published": thing.live_revision_id is not None,
            "published_at": thing.first_published_at,
        }
    return shapes.pick(shape, editor_fields(thing.KIND))


def pick_working(thing: Versioned, names: list[str] | None) -> dict[str, Any]:
    shape = working(thing)
    return shapes.pick(shape, names) if names is not None else shape


def written(thing: Versioned, removed: Removed) -> dict[str, Any]:
    """The answer to a write: the editor's shape, what the sanitiser took out, and what is worth a word."""
    return working(thing) | {"sanitised": sanitised(removed), "warnings": warnings(thing)}


def warnings(thing: Versioned) -> list[dict[str, str]]:
    return [asdict(one) for one in advice.warnings(thing)]


def sanitised(removed: Removed) -> list[dict[str, Any]]:
    return [{"field": name, "removed": list(what)} for name, what in removed.by_field.items()]
