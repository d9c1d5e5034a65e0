"""Examples for the OpenAPI document: one page, one post and one set of settings, in every shape they have."""

from datetime import datetime
from typing import Any
from uuid import UUID

from content.api import shapes as working_shapes
from delivery import cursors, projection, shapes
from delivery.listings import DEFAULT_ORDERING, Place
from delivery.models import Kind

Example = dict[str, Any]

WRITER = "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11"

WRITTEN: dict[Kind, Example] = {
    Kind.PAGE: {
        "title": "Opening hours",
        "slug": "opening-hours",
        "body": "<p>Open every day from ten to six.</p>",
        "meta_title": "Opening hours",
        "meta_description": "When the garden is open, and when it is not.",
        "og_image_url": "/media/gate.jpg",
    },
    Kind.POST: {
        "title": "Grafting week",
        "slug": "grafting-week",
        "excerpt": "Old apples on young roots: what we grafted this spring.",
        "body": "<p>We grafted <strong>forty</strong> trees.</p>",
        "author": "Author",
        "featured_image_url": "https://images.example.com/graft.jpg",
        "tags": ["orchard", "spring"],
    },
    Kind.SETTINGS: {
        "site_name": "The Garden",
        "tagline": "Plants, patiently",
        "logo_url": "/media/logo.svg",
        "footer_text": "<p>Come and see.</p>",
        "social_links": {"Mastodon": "https://social.example.org/@garden"},
    },
}

FIRST_FIELD = {Kind.PAGE: "title", Kind.POST: "excerpt", Kind.SETTINGS: "tagline"}
NEW_VALUE = {Kind.PAGE: "Opening hours in winter", Kind.POST: "What we grafted, and why.", Kind.SETTINGS: "Slowly"}

_STAMPS: Example = {
    "id": "01938c7e-8a10-7d52-b3f4-5a6b7c8d9e0f",
    "published": True,
    "published_at": "2026-03-02T08:00:00.000000Z",
    "created_at": "2026-03-01T09:30:00.000000Z",
    "updated_at": "2026-03-02T08:00:00.000000Z",
    "status": "published",
    "has_unpublished_changes": False,
    "created_by": WRITER,
    "updated_by": WRITER,
}


def public(kind: Kind) -> Example:
    return shapes.pick(WRITTEN[kind] | _STAMPS, shapes.FIELDS[kind])


def working(kind: Kind) -> Example:
    return shapes.pick(WRITTEN[kind] | _STAMPS, working_shapes.editor_fields(kind))


def written(kind: Kind) -> Example:
    return working(kind) | {"sanitised": [], "warnings": []}


def page_of(kind: Kind) -> Example:
    summary = shapes.pick(public(kind), shapes.summary_fields(kind))
    return {"items": [summary], "total": 1, "page": 1, "per_page": 10, "total_pages": 1}


def walk_of(kind: Kind) -> Example:
    ordering = DEFAULT_ORDERING[kind]
    value = (
        projection.sort_key(WRITTEN[kind]["title"])
        if ordering == "title"
        else datetime.fromisoformat(_STAMPS["created_at"])
    )
    cursor = cursors.write(Place(value, UUID(_STAMPS["id"])), ordering=ordering)
    return {"items": page_of(kind)["items"], "total": 2, "per_page": 1, "next_cursor": cursor}


def sent(kind: Kind) -> Example:
    """The fields of a PUT or POST; without a slug, so that the example works more than once."""
    return {name: value for name, value in WRITTEN[kind].items() if name != "slug"}


def change(kind: Kind) -> Example:
    return {FIRST_FIELD[kind]: NEW_VALUE[kind]}


def path_of(kind: Kind) -> str:
    return f"/api/v1/{kind.value}s/{WRITTEN[kind]['slug']}"
