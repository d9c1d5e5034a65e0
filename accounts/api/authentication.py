"""Who sends this request? The one way to authenticate to the API."""

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication

from accounts import tokens
from accounts.models import User


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``. No header: anonymous. Anything else than a good token: 401."""

    def authenticate(self, request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, raw = header.partition(" ")
        if scheme.lower() != "bearer":
            raise tokens.TokenInvalid("Send the access token as: Authorization: Bearer <token>.")
        return tokens.identify(raw.strip())

    def authenticate_header(self, request: HttpRequest) -> str:
        return "Bearer"
