"""What the OpenAPI document says about the audit trail."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts import audit_actions, audit_search, listing
from core import errors
from core.api import schema as document
from core.api import schema_parameters as parameters
from core.api.schema_problems import Schema

_UUID: Schema = {"type": "string", "format": "uuid"}
_TEXT: Schema = {"type": "string"}
_PROPERTIES: dict[str, Schema] = {
    "id": {"type": "integer"},
    "at": {"type": "string", "format": "date-time", "description": "When, in UTC."},
    "action": _TEXT | {"description": "What was done, such as `post.published`."},
    "actor": {
        "type": ["object", "null"],
        "properties": {"id": _UUID, "username": _TEXT | {"description": "As it was then."}},
        "required": ["id", "username"],
        "description": "Who did it; null: nobody who was known.",
    },
    "api_key_id": {"type": ["string", "null"], "format": "uuid", "description": "The key with which it was done."},
    "kind": _TEXT | {"description": "What kind of thing it was done to, such as `post` or `user`; empty: to none."},
    "object_id": _TEXT,
    "object_name": _TEXT | {"description": "What it was called then."},
    "changes": {
        "type": "object",
        "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2},
        "description": "For each field before and after; secrets are masked, long texts cut.",
    },
    "facts": {"type": "object", "additionalProperties": True, "description": "What else is known of it."},
    "address": {"type": ["string", "null"], "description": "The address of the client; null: a command or a job."},
    "request_id": _TEXT | {"description": "The `X-Request-ID` of the request."},
    "position": {"type": ["integer", "null"], "description": "Its place in the chain of seals; null: not yet sealed."},
    "sealed": {"type": "boolean"},
}
ENTRY = {
    "id": 4711,
    "at": "2026-03-01T09:30:00.000000Z",
    "action": "post.updated",
    "actor": {"id": "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11", "username": "author"},
    "api_key_id": None,
    "kind": "post",
    "object_id": "01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3",
    "object_name": "Hello",
    "changes": {"title": ["Helo", "Hello"]},
    "facts": {"version": 2},
    "address": "192.0.2.1",
    "request_id": "4bf92f3577b34da6",
    "position": 4711,
    "sealed": True,
}

document.components["AuditEntry"] = {
    "type": "object",
    "description": "One row of the audit trail.",
    "properties": _PROPERTIES,
    "required": list(_PROPERTIES),
}
_COUNTS: dict[str, Schema] = {
    "total": {
        "type": "integer",
        "minimum": 0,
        "maximum": audit_search.REACH,
        "description": f"How many match; {audit_search.REACH}: as many, or more.",
    },
    "page": {"type": "integer", "minimum": 1},
    "per_page": {"type": "integer", "minimum": 1, "maximum": 100},
    "total_pages": {"type": "integer", "minimum": 0},
}
document.components["AuditEntryList"] = {
    "type": "object",
    "description": "A page of the audit trail.",
    "properties": {"items": {"type": "array", "items": document.ref("AuditEntry")}, **_COUNTS},
    "required": ["items", *_COUNTS],
}


def _text(name: str, description: str, longest: int, **more: str) -> OpenApiParameter:
    shape = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": parameters.TEXT, **more}
    return parameters.query(name, description, shape)


_ACTION = _TEXT | {"enum": [*audit_actions.areas(), *audit_actions.actions()]}
_FILTERS = [
    _text("actor", "Who did it: an id, or a username as it was then.", 150, pattern=r"^[A-Za-z0-9_.-]+$"),
    parameters.query("action", "This action, or with a dot at the end all that begin so, such as `auth.`.", _ACTION),
    parameters.query("kind", "Done to things of this kind, such as `post`.", _TEXT | {"enum": audit_actions.kinds()}),
    _text("object_id", "Done to the thing with this id; quickest together with `kind`.", 64),
    parameters.query("address", "From this IP address.", {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], **_TEXT}),
    _text("request_id", "By the request with this `X-Request-ID`.", 64, pattern=r"^[A-Za-z0-9_.-]+$"),
    parameters.query("api_key", "With the API key that has this id.", _UUID),
    parameters.query("since", "Not before this moment.", {"type": "string", "format": "date-time"}),
    parameters.query("until", "Before this moment.", {"type": "string", "format": "date-time"}),
]

list_audit_entries = extend_schema(
    operation_id="listAuditEntries",
    tags=["audit"],
    summary="Read the audit trail",
    description="Newest first, for those with the right `accounts.view_auditentry`. A list reaches back over the "
    f"newest {audit_search.REACH} rows that match; send `until` to see further back. An action or a kind that there is "
    "none of is 422 `invalid_choice`, so that a typo never passes for an empty trail.",
    parameters=[*_FILTERS, parameters.page(), parameters.per_page(listing.PER_PAGE)],
    responses={200: OpenApiResponse(document.ref("AuditEntryList"), "One page, and how many there are.")},
    extensions=document.refusing(errors.Forbidden),
    examples=[
        OpenApiExample(
            "Page",
            {"items": [ENTRY], "total": 1, "page": 1, "per_page": listing.PER_PAGE, "total_pages": 1},
            response_only=True,
            status_codes=["200"],
        )
    ],
)
