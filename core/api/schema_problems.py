"""Which refusals an operation can answer with, by rule, and how the OpenAPI document shows them.

A rule looks at what the document says about an operation already: its method, body, parameters and security. What no
rule can know (a login that fails, somebody else's entry) the operation declares: ``**schema.refusing(NotYours)``.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from core import errors
from core.api import problems

Schema = dict[str, Any]
Refusals = tuple[type[errors.Refusal], ...]

DECLARED = "x-refusals"  # only between an annotation and the hook; never in the document
WRITES = ("post", "put", "patch", "delete")
REQUEST_ID = "4bf92f3577b34da6"

# Members that one kind of problem has beside the shared ones, with an example; apps above add theirs.
members: dict[type[errors.Refusal], Schema] = {}

# What is wrong with a token is for the app that reads tokens to say: it adds to this list, and to the rules for what
# depends on the schemes that an operation takes.
of_tokens: list[type[errors.Refusal]] = [errors.Unauthenticated]
of_schemes: list[Callable[[set[str]], Iterable[type[errors.Refusal]]]] = []

MEANING: dict[int, str] = {
    400: "The request cannot be read: its JSON, its encoding, its query string or its host name.",
    401: "Nobody is logged in, or what was sent to prove it is not valid. Log in, or refresh the token.",
    403: "You are known, and you may not do this.",
    404: "Nothing is found here, or nothing that you may see.",
    405: "This path does not know this method; `Allow` lists those that it knows.",
    408: "The request body took too long to arrive. Send it again.",
    409: "The present state does not allow this step.",
    412: "Somebody else has changed it since you read it. Read it again, and decide what is to become of both changes.",
    413: "The request body is too large.",
    415: "The body is not of the media type that this operation takes.",
    422: "The request can be read and is wrong; `errors` says which field or parameter, and why.",
    428: "This server wants every change to name the version that it changes. Send `If-Match`.",
    429: "Too many requests; try again after the seconds of `Retry-After`.",
    500: "Something went wrong on our side. Tell us the `request_id`.",
    503: "A part of the service is away for a moment; try again after the seconds of `Retry-After`.",
}

HEADERS: dict[int, dict[str, Schema]] = {
    401: {"WWW-Authenticate": {"description": "The scheme to use.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
    503: {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
}

COMPONENTS: dict[str, Schema] = {
    "FieldError": {
        "type": "object",
        "description": "One thing that is wrong with one field, query parameter or header.",
        "properties": {
            "field": {
                "type": "string",
                "description": "Its name, as a path where it lies deeper (`tags.3`); empty for the whole body.",
            },
            "code": {"type": "string", "description": "Stable, for programs: `required`, `max_length`, `unique`, …"},
            "detail": {"type": "string", "description": "For people."},
        },
        "required": ["field", "code", "detail"],
    },
    "Problem": {
        "type": "object",
        "description": "Every error, in the shape of RFC 9457.",
        "properties": {
            "type": {"type": "string", "description": "Where this kind of problem is explained, on this host."},
            "title": {"type": "string", "description": "The kind of problem, in words."},
            "status": {"type": "integer", "description": "The HTTP status, once more."},
            "detail": {"type": "string", "description": "This very problem, in words."},
            "code": {"type": "string", "description": "The kind of problem, stable, for programs."},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            "request_id": {"type": "string", "description": "Finds the request in the server's log."},
        },
        "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    },
}


def refusals_of(method: str, path: str, operation: Schema) -> set[type[errors.Refusal]]:
    """Everything that this operation can refuse with. Takes the declared ones out of the document."""
    found: set[type[errors.Refusal]] = {errors.Malformed, errors.Invalid, errors.Unavailable}
    found.update(operation.pop(DECLARED, ()))
    is_anonymous_only = operation.get("security") == [{}]
    found |= {errors.Unauthenticated} if is_anonymous_only else _of_tokens(operation)
    if method in WRITES and not is_anonymous_only:
        found.add(errors.Forbidden)
    if "{" in path:
        found.add(errors.NotFound)
    if "requestBody" in operation:
        found |= {errors.UnsupportedMediaType, errors.TooLarge, errors.TooSlow}
    if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ())):
        found |= {errors.PreconditionFailed, errors.PreconditionRequired}
    return found


def _of_tokens(operation: Schema) -> set[type[errors.Refusal]]:
    schemes = {name for one in operation.get("security", ()) for name in one}
    return {*of_tokens, *(kind for rule in of_schemes for kind in rule(schemes))}


def responses_for(refusals: set[type[errors.Refusal]]) -> Iterator[tuple[str, str, Schema]]:
    """Status, component name and response, one for each status: operations that refuse alike share a component."""
    ordered = sorted(refusals, key=lambda kind: (problems.status_of(kind), kind.code))
    for status, group in groupby(ordered, key=problems.status_of):
        kinds = list(group)
        yield str(status), "Or".join(_pascal(kind.code) for kind in kinds), response(status, kinds)


def response(status: int, kinds: list[type[errors.Refusal]]) -> Schema:
    examples = {kind.code: {"summary": kind.title, "value": example(kind)} for kind in kinds}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": MEANING[status],
        "headers": {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}, **HEADERS.get(status, {})},
        "content": {problems.CONTENT_TYPE: {"schema": schema, "examples": examples}},
    }


def example(kind: type[errors.Refusal]) -> Schema:
    wrong = [{"field": "title", "code": "required", "detail": "This field is required."}]
    return {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": problems.status_of(kind),
        "detail": kind.title,
        "code": kind.code,
        "errors": wrong if issubclass(kind, errors.Invalid) else [],
        "request_id": REQUEST_ID,
        **members.get(kind, {}),
    }


def _pascal(code: str) -> str:
    return "".join(word.capitalize() for word in code.split("_"))
