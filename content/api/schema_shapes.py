"""The shapes of content in the OpenAPI document, made from the lists of fields that the answers are made from.

Each kind has four: what visitors get (``Post``), what those get who may see drafts (``WorkingPost``), what a write
answers (``WrittenPost``), and what ``?fields=`` picks (``PostFields``); lists have the first two without ``body``.
"""

from typing import Any

from content.api import shapes as working_shapes
from content.models import Status
from core import slugs
from core.api.schema import components, ref
from core.api.schema_parameters import SLUG
from delivery import shapes
from delivery.models import Kind

Schema = dict[str, Any]

NAMES = {Kind.PAGE: "Page", Kind.POST: "Post", Kind.SETTINGS: "Settings"}
PUBLIC_NAMES = {Kind.PAGE: "Page", Kind.POST: "Post", Kind.SETTINGS: "SiteSettings"}

TIME: Schema = {"type": "string", "format": "date-time"}
PERSON: Schema = {"type": ["string", "null"], "format": "uuid"}
TEXT: Schema = {"type": "string"}

FIELDS: dict[str, Schema] = {
    "id": {"type": "string", "format": "uuid", "description": "Never changes."},
    "title": TEXT | {"description": "One line of plain text."},
    "slug": TEXT
    | {
        "maxLength": slugs.MAX_LENGTH,
        "pattern": SLUG,
        "description": "The readable part of the address; unique within its kind.",
    },
    "excerpt": TEXT | {"description": "A few sentences of plain text for lists."},
    "body": TEXT | {"description": "HTML, made harmless when it was stored."},
    "author": TEXT | {"description": "The byline, as readers see it."},
    "featured_image_url": TEXT | {"description": "An `http(s)` address or a path on the site; empty: none."},
    "tags": {"type": "array", "items": TEXT, "description": "In the order in which the writer put them."},
    "meta_title": TEXT | {"description": "For search engines; more than 70 characters are cut off there."},
    "meta_description": TEXT | {"description": "For search engines."},
    "og_image_url": TEXT | {"description": "The picture that social networks show; empty: none."},
    "site_name": TEXT | {"description": "What the site is called."},
    "tagline": TEXT | {"description": "What stands below the name."},
    "logo_url": TEXT | {"description": "An `http(s)` address or a path on the site; empty: none."},
    "footer_text": TEXT | {"description": "HTML, made harmless when it was stored."},
    "social_links": {
        "type": "object",
        "additionalProperties": TEXT,
        "description": "Names and the addresses of profiles.",
    },
    "published": {"type": "boolean", "description": "Whether visitors see it now."},
    "published_at": TIME | {"type": ["string", "null"], "description": "When it went public first; null: never."},
    "created_at": TIME | {"description": "When it was created, in UTC."},
    "updated_at": TIME | {"description": "When what you are reading was changed last, in UTC."},
    "status": TEXT
    | {"enum": list(Status.values), "description": "Computed: what its publications say, else the state of the draft."},
    "has_unpublished_changes": {"type": "boolean", "description": "Whether visitors see something else than this."},
    "created_by": PERSON | {"description": "The id of a user; null: not known any more."},
    "updated_by": PERSON | {"description": "The id of a user; null: not known any more."},
}

PUBLIC_ONLY: dict[str, Schema] = {
    "published": {"type": "boolean", "enum": [True], "description": "Always true here."},
    "published_at": TIME | {"description": "When it went public first, in UTC."},
}

SANITISED: Schema = {
    "type": "array",
    "description": "What the sanitiser took out of HTML fields, so that the writer learns of it. Empty: nothing.",
    "items": {
        "type": "object",
        "properties": {"field": TEXT, "removed": {"type": "array", "items": TEXT}},
        "required": ["field", "removed"],
    },
}

ENVELOPE: dict[str, Schema] = {
    "total": {"type": "integer", "minimum": 0, "description": "How many match in all."},
    "page": {"type": "integer", "minimum": 1},
    "per_page": {"type": "integer", "minimum": 1, "maximum": 100},
    "total_pages": {"type": "integer", "minimum": 0},
}
WALK: dict[str, Schema] = {
    **{name: ENVELOPE[name] for name in ("total", "per_page")},
    "next_cursor": TEXT | {"type": ["string", "null"], "description": "For what comes next; null: that was all."},
}


WARNINGS: Schema = {
    "type": "array",
    "description": "What is stored as it is and yet worth a word, such as a `meta_title` that search engines cut off.",
    "items": ref("FieldError"),
}

MOVED: Schema = {
    "type": "object",
    "properties": {"location": TEXT | {"description": "The new path."}},
    "required": ["location"],
}


def an_object(properties: dict[str, Schema], description: str, *, is_whole: bool = True) -> Schema:
    shape = {"type": "object", "description": description, "properties": properties}
    return shape | ({"required": list(properties)} if is_whole else {"minProperties": 1})


def read(kind: Kind) -> Schema:
    """What a single read answers. The public shape comes first: it is what most readers get."""
    return {"anyOf": [ref(PUBLIC_NAMES[kind]), ref(f"Working{NAMES[kind]}"), ref(f"{NAMES[kind]}Fields")]}


def listed(kind: Kind) -> Schema:
    name = NAMES[kind]
    names = (f"{name}List", f"Working{name}List", f"{name}FieldsList", f"{name}Walk")
    return {"anyOf": [ref(one) for one in names]}


def written(kind: Kind) -> Schema:
    return ref(f"Written{NAMES[kind]}")


def working_fields(kind: Kind) -> tuple[str, ...]:
    return working_shapes.editor_fields(kind)


def _public(kind: Kind) -> dict[str, Schema]:
    return {name: PUBLIC_ONLY.get(name, FIELDS[name]) for name in shapes.FIELDS[kind]}


def _working(kind: Kind) -> dict[str, Schema]:
    return {name: FIELDS[name] for name in working_fields(kind)}


def _without_body(properties: dict[str, Schema]) -> dict[str, Schema]:
    return {name: shape for name, shape in properties.items() if name not in shapes.ONLY_IN_DETAIL}


def _list_of(name: str, description: str) -> Schema:
    return an_object({"items": {"type": "array", "items": ref(name)}, **ENVELOPE}, description)


def _of_every_kind(kind: Kind) -> dict[str, Schema]:
    name, public, working = NAMES[kind], _public(kind), _working(kind)
    return {
        PUBLIC_NAMES[kind]: an_object(public, "What visitors see."),
        f"Working{name}": an_object(working, "The working copy, for those who may see drafts."),
        f"Written{name}": an_object(
            {**working, "sanitised": SANITISED, "warnings": WARNINGS}, "The working copy after a write."
        ),
        f"{name}Fields": an_object(working, "What `?fields=` picked, and nothing else.", is_whole=False),
    }


def _of_entries(kind: Kind) -> dict[str, Schema]:
    name = NAMES[kind]
    return {
        f"{name}Summary": an_object(_without_body(_public(kind)), "What visitors see, without `body`."),
        f"Working{name}Summary": an_object(_without_body(_working(kind)), "The working copy, without `body`."),
        f"{name}List": _list_of(f"{name}Summary", "One page of what visitors see."),
        f"Working{name}List": _list_of(f"Working{name}Summary", "One page of working copies (`?status=`)."),
        f"{name}FieldsList": _list_of(f"{name}Fields", "One page of what `?fields=` picked."),
        f"{name}Walk": an_object(
            {"items": {"type": "array", "items": {"anyOf": [ref(f"{name}Summary"), ref(f"{name}Fields")]}}, **WALK},
            "What comes after a cursor (`?cursor=`).",
        ),
    }


components["Moved"] = MOVED
for _kind in Kind:
    components.update(_of_every_kind(_kind))
for _kind in (Kind.PAGE, Kind.POST):
    components.update(_of_entries(_kind))
