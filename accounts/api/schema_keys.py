"""What the OpenAPI document says about API keys: how they are sent, and how they are made and revoked."""

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts import listing, permissions
from accounts.api import serializers_keys as shapes
from accounts.api.schema import BearerScheme
from accounts.keys import MAX_LIVING, MAX_SCOPES, PATTERN, ApiKeyInvalid, ApiKeyNotAllowed, TooManyApiKeys
from core import errors
from core.api import schema as document
from core.api import schema_parameters as parameters
from core.api import schema_problems

Decorator = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]

TOKEN_ONLY: Any = [{"bearerAuth": []}, {"passwordAuth": []}]
KEY_SCHEME = "apiKeyAuth"
PRESENT = {
    "id": "01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3",
    "name": "Newsletter",
    "prefix": "stitch_k3J9aB2xQ",
    "scopes": ["content.add_blogpost", "content.view_blogpost"],
    "expires_at": None,
}
DETAIL = PRESENT | {
    "user": {"id": "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11", "username": "author"},
    "created_at": "2026-03-01T09:30:00.000000Z",
    "last_used_at": "2026-03-02T08:00:00.000000Z",
}
NEW = DETAIL | {"last_used_at": None, "key": "stitch_k3J9aB2xQ_0Zc4XwB7nQe2RkT9vYh3LsUa8FjMdPo6GiWxEbNqHtCr51VmK"}
SENT = {name: PRESENT[name] for name in ("name", "scopes")}
ID = OpenApiParameter(
    "id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH, description="The id of the API key."
)

document.describe(
    shapes.ApiKeyInput,
    {
        "name": {"pattern": parameters.LINE_WITH_TEXT, "description": "What the key is for."},
        "scopes": {
            "items": {"type": "string", "enum": sorted(permissions.RIGHTS)},
            "minItems": 1,
            "maxItems": MAX_SCOPES,
            "uniqueItems": True,
            "description": "What the key may, of what you may yourself.",
        },
        "expires_at": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When it ends, with a zone; null: when it is revoked.",
        },
    },
)


def _of_keys(schemes: set[str]) -> Iterator[type[errors.Refusal]]:
    yield ApiKeyInvalid
    if KEY_SCHEME not in schemes:
        yield ApiKeyNotAllowed


schema_problems.of_schemes.append(_of_keys)


class BearerOrKeyScheme(BearerScheme):  # type: ignore[no-untyped-call] # drf-spectacular's registry
    """A third way to the same header; the other two are defined by ``BearerScheme``."""

    target_class = "accounts.api.authentication.BearerOrKeyAuthentication"
    name = [KEY_SCHEME]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [*super().get_security_requirement(auto_schema), {KEY_SCHEME: []}]

    def get_security_definition(self, auto_schema: Any) -> Any:
        about = "A machine's key: `Api-Key <key>`. It may what its scopes name, as long as its maker may it too."
        key = {"type": "apiKey", "in": "header", "name": "Authorization", "description": about}
        return [key]


def _operation(operation_id: str, summary: str, description: str, **rest: Any) -> Decorator:
    """``answered``: an example of the body of the one success."""
    answered, status = rest.pop("answered", None), str(next(iter(rest["responses"])))
    shown = [OpenApiExample("Request", SENT, request_only=True)] if "request" in rest else []
    shown += [OpenApiExample("Answer", answered, response_only=True, status_codes=[status])] if answered else []
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        tags=["api-keys"],
        examples=shown,
        extensions=document.refusing(*rest.pop("refusals", ())),
        **rest,
    )


list_api_keys = _operation(
    "listApiKeys",
    "List API keys",
    "Your own, newest first, without those that are revoked. Everybody's are for those who have the right "
    "`accounts.view_apikey`; with an API key that right is always needed.",
    parameters=[
        parameters.query("user", "The keys of the user with this id.", {"type": "string", "format": "uuid"}),
        parameters.query(
            "all", "`true`: everybody's. Not together with `user`.", {"type": "boolean", "default": False}
        ),
        parameters.page(),
        parameters.per_page(listing.PER_PAGE),
    ],
    responses={200: OpenApiResponse(shapes.ApiKeyPage, "One page, and how many there are.")},
    answered={"items": [DETAIL], "total": 1, "page": 1, "per_page": listing.PER_PAGE, "total_pages": 1},
    refusals=[errors.Forbidden],
)
get_api_key = _operation(
    "getApiKey",
    "Read an API key",
    "Without its secret part, which is stored nowhere.",
    parameters=[ID],
    responses={200: OpenApiResponse(shapes.ApiKeyDetail, "The key.")},
    answered=DETAIL,
    refusals=[errors.Forbidden],
)
create_api_key = _operation(
    "createApiKey",
    "Make an API key",
    "The answer holds the whole `key`, this once: only a hash of it is stored. A scope that you do not have is 422 "
    "`not_held` at `scopes.N`. What the key may later is judged at each request: what it names, and you may then. "
    f"For people: a key makes no keys. At most {MAX_LIVING} living keys a user (409). `Idempotency-Key` is ignored "
    f"here, since a remembered answer would hold the key. A key looks like `{PATTERN}`.",
    auth=TOKEN_ONLY,
    request=shapes.ApiKeyInput,
    responses={201: OpenApiResponse(shapes.NewApiKey, "The new key, with its secret part.")},
    answered=NEW,
    refusals=[TooManyApiKeys],
)
delete_api_key = _operation(
    "revokeApiKey",
    "Revoke an API key",
    "It is refused from the next request on. Your own, or anybody's with the right `accounts.delete_apikey`; with an "
    "API key that right is always needed. A second time it is 404.",
    parameters=[ID],
    responses={204: OpenApiResponse(description="Revoked.")},
)
