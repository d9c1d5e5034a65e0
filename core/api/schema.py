"""The OpenAPI document, finished by rule: refusals, headers, security and shared shapes of every operation.

drf-spectacular reads views and serializers; ``complete`` is its last step. Apps above describe their own operations in
their ``api/schema.py`` and register there what the document shares: shapes (``components``) and words for the fields
of a body (``describe``).
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema

from core.api import schema_health, schema_parameters, schema_problems
from core.api.schema_problems import DECLARED, Refusals, Schema
from core.api.serializers import StrictInput

BODY = "x-body"  # marks a DELETE that has a body; only between an annotation and the hook
OPTIONAL_BODY = "x-optional-body"  # marks an operation that does without one; the same
CONDITIONS = {"If-Match", "If-None-Match", "Idempotency-Key"}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

components: dict[str, Schema] = {}
paths: dict[str, Schema] = {}  # of views that are no views of DRF's
_described: dict[type[StrictInput], tuple[dict[str, Schema], str]] = {}

HEADERS: dict[str, Schema] = {
    "RequestId": {
        "description": "The id of this request in our log: yours, if you sent a usable one.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9_.-]{1,64}$"},
    },
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "ETag": {
        "description": "Names what was read: send it as `If-None-Match` to read again only what has changed and, if "
        "you read with a token, as `If-Match` to change exactly this version.",
        "schema": {"type": "string", "pattern": '^"[^"]+"$'},
    },
    "CacheControl": {
        "description": "`public, max-age=0, s-maxage=…, stale-while-revalidate=…` for public reads without a token, "
        "`private, no-store` with one.",
        "schema": {"type": "string"},
    },
    "SurrogateKey": {
        "description": "What a public answer is about, for a CDN to purge by: `post:<id>`, `posts` …; keys are "
        "separated by blanks. Answers to a token have none.",
        "schema": {"type": "string"},
    },
    "CacheTag": {
        "description": "The same as `Surrogate-Key`, separated by commas.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": 'The neighbours of this page (RFC 8288): `<…>; rel="first"`, `prev`, `next`, `last`; where a '
        "list is walked by `cursor`, `first` and `next`.",
        "schema": {"type": "string"},
    },
    "Location": {"description": "The path to go to.", "schema": {"type": "string"}},
    "IdempotencyReplayed": {
        "description": "`true` where this is the answer that was given to the same `Idempotency-Key` before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def ref(name: str, kind: str = "schemas") -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def refusing(*kinds: type[Any]) -> Schema:
    """For ``extend_schema(extensions=…)``: refusals that no rule can foresee."""
    return {DECLARED: Refusals(kinds)}


def describe(serializer: type[StrictInput], fields: dict[str, Schema], *, about: str = "") -> None:
    """Words and patterns for the fields of a body; their lengths come from the serializer itself."""
    _described[serializer] = (fields, about)


class StrictInputExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call] # drf-spectacular's registry
    """No other fields than these, and those that are only read may come back (``StrictInput``)."""

    target_class = StrictInput
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Schema:
        mapped: Schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        fields, about = _described.get(type(self.target), ({}, ""))
        properties = {name: _field(found) | fields.get(name, {}) for name, found in mapped["properties"].items()}
        for name in self.target.read_only_names:
            properties.setdefault(name, {"readOnly": True, "description": "Taken back and ignored."})
        return mapped | {
            "description": about or mapped.get("description", ""),
            "properties": properties,
            "additionalProperties": False,
        }


def _field(found: Schema) -> Schema:
    """What may be blank as one text, not two; without its default, which would make generated types ask for it."""
    one = found["oneOf"][0] if "oneOf" in found else found
    return {key: value for key, value in one.items() if key != "default"}


class Operations(AutoSchema):
    """How drf-spectacular reads our views (``DEFAULT_SCHEMA_CLASS``)."""

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Our lists are objects with ``items``, and say so themselves: nothing is to be wrapped into an array."""
        return False

    def _get_request_body(self, direction: Any = "request") -> Any:
        """drf-spectacular takes it that no DELETE has a body. One that is marked has: it asks for a proof."""
        if self.method != "DELETE" or BODY not in self.get_extensions():
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        self.method = "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = "DELETE"


def complete(result: Schema, **_: Any) -> Schema:
    """The last step of drf-spectacular (``POSTPROCESSING_HOOKS``)."""
    shared = result["components"]
    shared["schemas"] = dict(sorted({**shared.get("schemas", {}), **components, **schema_problems.COMPONENTS}.items()))
    shared["headers"] = HEADERS
    shared["responses"] = {}
    for path, operations in result["paths"].items():
        for method in METHODS:
            if method in operations:
                _complete_operation(method, path, operations[method], shared["responses"])
    shared["responses"] = dict(sorted(shared["responses"].items()))
    _link_created(result["paths"])
    result["paths"] |= schema_health.paths() | paths
    return result


def _complete_operation(method: str, path: str, operation: Schema, shared: dict[str, Schema]) -> None:
    responses: dict[str, Schema] = operation["responses"]
    operation.pop(BODY, None)
    if method == "get" and "200" in responses:
        _make_conditional(operation)
    if "requestBody" in operation:
        # drf-spectacular finds the body of a PATCH optional; we do not.
        operation["requestBody"]["required"] = not operation.pop(OPTIONAL_BODY, False)
    for status, answer in responses.items():
        answer["headers"] = _headers(method, status, operation)
    for status, name, answer in schema_problems.responses_for(schema_problems.refusals_of(method, path, operation)):
        responses[status] = ref(name, "responses")
        shared[name] = answer
    operation["responses"] = dict(sorted(responses.items()))


def _make_conditional(operation: Schema) -> None:
    """Every read has an ETag, and can be asked for again (``core.api.viewsets``)."""
    operation.setdefault("parameters", []).append(schema_parameters.IF_NONE_MATCH)
    operation["responses"]["304"] = {"description": "Still the same."}


def _link_created(paths: dict[str, Schema]) -> None:
    """From the answer of a creation to what can be done with what was created."""
    for path, operations in paths.items():
        single = paths.get(path + "/{key}")
        if "post" in operations and single:
            operations["post"]["responses"]["201"]["links"] = {
                one["operationId"]: {"operationId": one["operationId"], "parameters": {"key": "$response.body#/id"}}
                for one in single.values()
            }


def _is_for_all(operation: Schema) -> bool:
    """Public content: read without a token, and with one by those who see more."""
    security = operation.get("security", [])
    return {} in security and len(security) > 1


def _headers(method: str, status: str, operation: Schema) -> dict[str, Schema]:
    """What a success carries, told from the parameters: who takes a condition gives the tag for it."""
    taken = {parameter["name"] for parameter in operation.get("parameters", ())}
    names = {"X-Request-ID": "RequestId"}
    if status in ("200", "201", "304") and method != "delete" and taken & CONDITIONS:
        names["ETag"] = "ETag"
    if status in ("200", "301", "304") and method == "get":
        names["Cache-Control"] = "CacheControl"
        if _is_for_all(operation):
            names |= {"Surrogate-Key": "SurrogateKey", "Cache-Tag": "CacheTag"}
    if status == "200" and "per_page" in taken:
        names["Link"] = "Link"
    if status in ("201", "301", "302"):
        names["Location"] = "Location"
    if "Idempotency-Key" in taken:
        names["Idempotency-Replayed"] = "IdempotencyReplayed"
    return {name: ref(component, "headers") for name, component in names.items()}
