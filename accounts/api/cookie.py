"""The refresh token as a cookie that no script can read, for frontends that run in a browser and ask for it.

A browser sends a cookie on its own. So where this one is set or used, the request must come from a page of ours: its
``Origin`` is exactly our own or one of ALLOWED_ORIGINS. Nothing else in the API reads a cookie.
"""

from enum import StrEnum

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.tokens import TokenInvalid
from core import errors

NAME = "refresh_token"
PATH = "/api/v1/auth"  # a browser sends it nowhere else


class Delivery(StrEnum):
    """How the refresh token travels. The access token always stands in the body."""

    JSON = "json"
    COOKIE = "cookie"


class CsrfFailed(errors.Forbidden):
    """No ``Origin``, or not one of ours. Nothing was done."""

    code = "csrf_failed"
    title = "The refresh cookie is for pages of this site alone"
    meaning = (
        "Where the refresh cookie is set or used, Origin must be this server's own or one of its allowed origins, and "
        "on the same site. Nothing was done. Whoever is no browser sends the refresh token in the body."
    )


def refuse_foreign(request: HttpRequest) -> None:
    """Raises ``CsrfFailed`` unless a page of ours, on our site, has sent this."""
    is_ours = request.META.get("HTTP_ORIGIN") in (settings.PUBLIC_BASE_URL, *settings.ALLOWED_ORIGINS)
    if not is_ours or request.META.get("HTTP_SEC_FETCH_SITE") == "cross-site":
        raise CsrfFailed()


def sent(request: HttpRequest) -> str | None:
    """The refresh token from the cookie, or None without one. Raises ``CsrfFailed`` before it is looked at.

    If two come, some neighbour on our domain has set one of them, for us to use theirs: ``TokenInvalid``.
    """
    header: str = request.META.get("HTTP_COOKIE", "")
    pairs = [part.partition("=") for part in header.split(";")]
    values = [value.strip() for name, equals, value in pairs if name.strip() == NAME and equals]
    if not values:
        return None
    refuse_foreign(request)
    if len(values) > 1:
        raise TokenInvalid()
    return values[0]


def put(response: HttpResponse, refresh_token: str) -> None:
    _set(response, refresh_token, seconds=int(settings.REFRESH_TOKEN_LIFETIME.total_seconds()))


def take_back(response: HttpResponse) -> None:
    _set(response, "", seconds=0)


def _set(response: HttpResponse, value: str, *, seconds: int) -> None:
    response.set_cookie(
        NAME, value, max_age=seconds, path=PATH, secure=settings.IS_HTTPS, httponly=True, samesite="Strict"
    )
