"""Who sends this request? The two ways to authenticate to the API: an access token, and an API key.

A view takes tokens alone unless it says ``authentication_classes = (BearerOrKeyAuthentication,)``.
"""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication

from accounts import keys, tokens
from accounts.models import ApiKey, User
from core import addresses, errors


class BearerAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``. No header: anonymous. Anything else than a good token: 401.

    A good API key is 403 here, so that who holds it learns that nothing is wrong with it.
    """

    takes_keys = False

    def authenticate(self, request: HttpRequest) -> tuple[User, dict[str, Any] | ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, raw = header.partition(" ")
        match scheme.lower():
            case "bearer":
                return tokens.identify(raw.strip())
            case "api-key":
                return self._identify_key(request, raw.strip())
        raise tokens.TokenInvalid("Send the access token as: Authorization: Bearer <token>.")

    def authenticate_header(self, request: HttpRequest) -> str:
        return "Bearer"

    def _identify_key(self, request: HttpRequest, raw: str) -> tuple[User, ApiKey]:
        user, key = keys.identify(raw, address=addresses.client_address(request), now=timezone.now())
        if not self.takes_keys:
            raise keys.ApiKeyNotAllowed()
        return user, key


class BearerOrKeyAuthentication(BearerAuthentication):
    """Also ``Authorization: Api-Key <key>``: its maker, with ``user.api_key`` set, and the key as ``request.auth``."""

    takes_keys = True


def caller(request: HttpRequest) -> User:
    """Whoever sent it; raises ``Unauthenticated`` where nobody said who they are."""
    if not isinstance(request.user, User):
        raise errors.Unauthenticated()
    return request.user
