"""What the OpenAPI document says about /auth and about how to authenticate."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer, extend_schema

from accounts.api import serializers
from accounts.api.cookie import CsrfFailed
from accounts.api.serializers_keys import MeDetail
from accounts.credentials import InvalidCredentials
from accounts.factors.second_step import SecondFactorRequired
from accounts.limits import TooManyAttempts
from accounts.lockout import TooManyFailures
from accounts.tokens import AlreadyRotated, TokenInvalid, TokenReused
from core.api import schema as document
from core.api import schema_problems

Decorator = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]

FORM = "application/x-www-form-urlencoded"
TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImRlZmF1bHQifQ.eyJzdWIiOiIwMTkwIn0.Y2hlY2tzdW0"  # noqa: S105 - an example
USER = {
    "id": "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11",
    "email": "author@example.com",
    "username": "author",
    "display_name": "Author",
    "role": "author",
    "permissions": ["accounts.use_desk", "content.add_blogpost", "content.view_blogpost"],
    "is_active": True,
    "created_at": "2026-03-01T09:30:00.000000Z",
}
PAIR = {"access_token": TOKEN, "refresh_token": TOKEN, "token_type": "Bearer", "expires_in": 900, "user": USER}
COOKIE_PAIR = {name: value for name, value in PAIR.items() if name != "refresh_token"}
NO_TOKEN: Any = [{}]
NO_NUL = {"pattern": "^[^\\u0000]*$"}

schema_problems.of_tokens.append(TokenInvalid)
document.describe(serializers.LoginInput, {"email": NO_NUL, "password": NO_NUL})
document.describe(serializers.RefreshInput, {"refresh_token": NO_NUL})
document.describe(
    serializers.PasswordGrantInput,
    dict.fromkeys(("username", "password", "scope", "client_id", "client_secret"), NO_NUL),
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # drf-spectacular's registry
    """Two ways to the same header: paste an access token, or let Swagger UI fetch one with e-mail and password."""

    target_class = "accounts.api.authentication.BearerAuthentication"
    name = ["bearerAuth", "passwordAuth"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{"bearerAuth": []}, {"passwordAuth": []}]

    def get_security_definition(self, auto_schema: Any) -> Any:
        flow = {"tokenUrl": "/api/v1/auth/token", "scopes": {}}
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
            {"type": "oauth2", "description": "`username` is the e-mail.", "flows": {"password": flow}},
        ]


class CookiePairShape(OpenApiSerializerExtension):  # type: ignore[no-untyped-call] # drf-spectacular's registry
    """Nothing else, and above all no refresh token: a pair is either the one or the other."""

    target_class = serializers.CookiePair

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return mapped | {"additionalProperties": False}


def _door(operation_id: str, *, body: Any, sent: dict[str, Any], answers: dict[int, Any], **rest: Any) -> Decorator:
    """What the credential doors share: no token is needed, attempts are limited, and there is an example each way."""
    examples = [OpenApiExample("Request", sent, media_type=rest.pop("media_type", None), request_only=True)]
    if 200 in answers:
        examples.append(OpenApiExample("Pair", PAIR, response_only=True, status_codes=["200"]))
    if answers is EITHER_PAIR:
        examples.append(OpenApiExample("By cookie", COOKIE_PAIR, response_only=True, status_codes=["200"]))
    refusals = document.refusing(TooManyAttempts, *rest.pop("refusals")) | rest.pop("extensions", {})
    return extend_schema(
        operation_id=operation_id,
        tags=["auth"],
        auth=NO_TOKEN,
        request=body,
        responses=answers,
        examples=examples,
        extensions=refusals,
        **rest,
    )


_PAIR = {200: OpenApiResponse(serializers.TokenPair, "A pair of tokens, and whose it is.")}
_EITHER: Any = PolymorphicProxySerializer("AnyPair", [serializers.TokenPair, serializers.CookiePair], None)
EITHER_PAIR = {200: OpenApiResponse(_EITHER, "A pair of tokens, and whose it is; the refresh token perhaps as cookie.")}

login = _door(
    "login",
    body=serializers.LoginInput,
    sent={"email": "author@example.com", "password": "correct horse"},
    answers=EITHER_PAIR,
    refusals=[InvalidCredentials, SecondFactorRequired, TooManyFailures, CsrfFailed],
    summary="Log in with e-mail and password",
    description="A wrong password, an unknown e-mail and an inactive account are one and the same answer: 401 "
    "`invalid_credentials`. Counts against the limit of attempts per client address. After five failures the "
    "next attempts wait: 429 `too_many_failures`, whatever was sent; `Retry-After` says for how long. Where a second "
    "factor is set up, the right password is answered with 401 `second_factor_required`, whose `challenge` goes to "
    "`secondFactor`.",
)
token = _door(
    "token",
    body={FORM: serializers.PasswordGrantInput},
    media_type=FORM,
    sent={"grant_type": "password", "username": "author@example.com", "password": "correct horse"},
    answers=_PAIR,
    refusals=[InvalidCredentials, SecondFactorRequired, TooManyFailures],
    summary="Log in with the OAuth2 password form",
    description="The same as `login`, for tools that speak OAuth2, such as *Authorize* in Swagger UI: RFC 6749, "
    "section 4.3, with the e-mail as `username`. Errors have the shape that they have everywhere in this API.",
)
refresh = _door(
    "refresh",
    body=serializers.RefreshInput,
    sent={"refresh_token": TOKEN},
    answers=EITHER_PAIR,
    refusals=[AlreadyRotated, TokenReused, TokenInvalid, CsrfFailed],
    extensions={document.OPTIONAL_BODY: True},
    summary="Exchange a refresh token for a new pair",
    description="A refresh token is good for one exchange. 401 `already_rotated`: another request of yours, sent at "
    "the same time, has the new pair. 401 `token_reused`: the token was used before, and the whole family of tokens is "
    "revoked; log in again. 401 `token_invalid`: anything else; log in again. Without a refresh token in the body (or "
    "without a body) the one of the cookie is exchanged, if `Origin` is allowed, and the new one is the new cookie.",
)
logout = _door(
    "logout",
    body=serializers.RefreshInput,
    sent={"refresh_token": TOKEN},
    answers={204: OpenApiResponse(description="Logged out.")},
    refusals=[TokenInvalid, CsrfFailed],
    extensions={document.OPTIONAL_BODY: True},
    summary="Log out",
    description="Revokes the refresh token and every token of its family, access tokens too, at once. Doing it again "
    "with the same token is no error. Without a refresh token in the body (or without a body) it is the one of the "
    "cookie, if `Origin` is allowed, and the cookie is deleted.",
)
me = extend_schema(
    operation_id="me",
    tags=["account"],
    summary="Who am I, and what may I do?",
    description="The user whose access token this is, with the rights as they are at this moment. With an API key: its "
    "maker, the rights that the key has now, and as `api_key` the key.",
    responses={200: OpenApiResponse(MeDetail, "The user.")},
    examples=[OpenApiExample("User", USER, response_only=True, status_codes=["200"])],
)
