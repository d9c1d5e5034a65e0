"""The public shapes: which fields of an entry leave the house, and in which order. Nothing else ever does."""

from typing import Any

from delivery.models import Kind

STAMPS = ("published", "published_at", "created_at", "updated_at")
FIELDS: dict[str, tuple[str, ...]] = {
    Kind.PAGE: ("id", "title", "slug", "body", "meta_title", "meta_description", "og_image_url", *STAMPS),
    Kind.POST: ("id", "title", "slug", "excerpt", "body", "author", "featured_image_url", "tags", *STAMPS),
    Kind.SETTINGS: (
        "id",
        "site_name",
        "tagline",
        "logo_url",
        "footer_text",
        "social_links",
        "created_at",
        "updated_at",
    ),
}
ONLY_IN_DETAIL = ("body",)


def summary_fields(kind: str) -> tuple[str, ...]:
    return tuple(name for name in FIELDS[kind] if name not in ONLY_IN_DETAIL)


def pick(shape: dict[str, Any], names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    return {name: shape[name] for name in names}
