"""Parameters that operations share, with the limits under which they are accepted."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from core import slugs
from core.api import pagination

Schema = dict[str, Any]

# Patterns that every dialect of regular expressions reads alike.
CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
BLANKS = r"[\s\x1c-\x1f\x85]*"  # around a text, where they are taken off
NAME = rf"^[^{CONTROLS}]*[^{CONTROLS}\s][^{CONTROLS}]*$"
LINE = rf"^{BLANKS}[^{CONTROLS}]*{BLANKS}$"
LINE_WITH_TEXT = rf"^{BLANKS}[^{CONTROLS}]*[^{CONTROLS}\s][^{CONTROLS}]*{BLANKS}$"
TEXT = r"^[^\x00]*$"
WITH_TEXT = r"^[^\x00]*[^\x00\s][^\x00]*$"
SLUG = slugs.PATTERN.removesuffix(r"\Z") + "$"


def query(name: str, description: str, schema: Schema, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.QUERY, description=description, **more)


def header(name: str, description: str, schema: Schema) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description)


def search(name: str, description: str, *, limit: int) -> OpenApiParameter:
    """Text that is looked for: not blank, and short enough to be looked for in bounded time."""
    return query(name, description, {"type": "string", "minLength": 1, "maxLength": limit, "pattern": WITH_TEXT})


def page() -> OpenApiParameter:
    shape = {"type": "integer", "minimum": 1, "maximum": pagination.MAX_PAGE, "default": 1}
    return query("page", "Which page. One that lies past the last is empty, and no error.", shape)


def per_page(default: int) -> OpenApiParameter:
    shape = {"type": "integer", "minimum": 1, "maximum": pagination.MAX_PER_PAGE, "default": default}
    return query("per_page", "How many on a page.", shape)


def ordering(names: Iterable[str], *, default: str) -> OpenApiParameter:
    shape = {"type": "string", "enum": list(names), "default": default}
    return query("ordering", "By which field; `-` in front: descending. Equals are ordered by id.", shape)


def fields(names: Iterable[str], description: str) -> OpenApiParameter:
    shape = {"type": "array", "items": {"type": "string", "enum": list(names)}, "minItems": 1}
    return query("fields", description, shape, style="form", explode=False)


def key(noun: str) -> OpenApiParameter:
    """Ids are written in letters that slugs are written in: one pattern fits both."""
    shape = {"type": "string", "minLength": 1, "maxLength": slugs.MAX_LENGTH, "pattern": SLUG}
    description = f"The slug of the {noun}, or its id."
    return OpenApiParameter("key", shape, OpenApiParameter.PATH, description=description)


IF_MATCH = header(
    "If-Match",
    "The `ETag` of the version that you read with a token: the change applies to this version only, and is 412 if "
    "somebody else has changed it since. `*`: any version. Optional, unless the server is set to require it (428).",
    {"type": "string"},
)
IF_NONE_MATCH: Schema = {  # added to every read by ``core.api.schema``, so in the form of the document
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of what you have: 304 without a body while it is still the same.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "Makes a retry safe: for 24 hours the same key with the same body gets the first answer again, and nothing is "
    "created twice. With another body it is 422 `reused`. 1 to 255 visible ASCII characters, such as a fresh UUID.",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
)
REQUEST_ID = header(
    "X-Request-ID",
    "An id of yours, of 1 to 64 letters, digits, `_`, `.` and `-`; it stands in our log and in the answer. Anything "
    "else is replaced by an id of ours.",
    {"type": "string"},
)
