"""What the OpenAPI document says about /auth and about how to authenticate."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, extend_schema

from accounts.api import serializers

TAGS = ["auth"]
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


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # drf-spectacular's registry
    """Two ways to the same header: paste an access token, or let Swagger UI fetch one with e-mail and password."""

    target_class = "accounts.api.authentication.BearerAuthentication"
    name = ["bearerAuth", "passwordAuth"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        return [{"bearerAuth": []}, {"passwordAuth": []}]

    def get_security_definition(self, auto_schema: Any) -> Any:
        flow = {"tokenUrl": "/api/v1/auth/token", "refreshUrl": "/api/v1/auth/refresh", "scopes": {}}
        return [
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
            {"type": "oauth2", "description": "`username` is the e-mail.", "flows": {"password": flow}},
        ]


login = extend_schema(
    operation_id="login",
    tags=TAGS,
    summary="Log in with e-mail and password",
    description="A wrong password, an unknown e-mail and an inactive account are one and the same answer: 401 "
    "`invalid_credentials`. Counts against the limit of attempts per client address.",
    request=serializers.LoginInput,
    responses={200: serializers.TokenPair},
    examples=[
        OpenApiExample("Login", {"email": "author@example.com", "password": "correct horse"}, request_only=True),
        OpenApiExample("Logged in", PAIR, response_only=True, status_codes=["200"]),
    ],
)
token = extend_schema(
    operation_id="token",
    tags=TAGS,
    summary="Log in with the OAuth2 password form",
    description="The same as `login` for tools that speak OAuth2, such as *Authorize* in Swagger UI: RFC 6749, section "
    "4.3, with the e-mail as `username`. Errors have the shape that they have everywhere in this API.",
    request={"application/x-www-form-urlencoded": serializers.PasswordGrantInput},
    responses={200: serializers.TokenPair},
    examples=[
        OpenApiExample(
            "Password grant",
            {"grant_type": "password", "username": "author@example.com", "password": "correct horse"},
            media_type="application/x-www-form-urlencoded",
            request_only=True,
        ),
        OpenApiExample("Logged in", PAIR, response_only=True, status_codes=["200"]),
    ],
)
refresh = extend_schema(
    operation_id="refresh",
    tags=TAGS,
    summary="Exchange a refresh token for a new pair",
    description="A refresh token is good for one exchange. 401 `already_rotated`: another request of yours, sent at "
    "the same time, has the new pair. 401 `token_reused`: the token was used before, and the whole family of tokens is "
    "revoked; log in again. 401 `token_invalid`: anything else; log in again.",
    request=serializers.RefreshInput,
    responses={200: serializers.TokenPair},
    examples=[
        OpenApiExample("Exchange", {"refresh_token": TOKEN}, request_only=True),
        OpenApiExample("New pair", PAIR, response_only=True, status_codes=["200"]),
    ],
)
logout = extend_schema(
    operation_id="logout",
    tags=TAGS,
    summary="Log out",
    description="Revokes the refresh token and every token of its family, access tokens too, at once. Doing it again "
    "with the same token is no error.",
    request=serializers.RefreshInput,
    responses={204: None},
    examples=[OpenApiExample("Logout", {"refresh_token": TOKEN}, request_only=True)],
)
me = extend_schema(
    operation_id="me",
    tags=TAGS,
    summary="Who am I, and what may I do?",
    responses={200: serializers.UserDetail},
    examples=[OpenApiExample("A user", USER, response_only=True, status_codes=["200"])],
)
