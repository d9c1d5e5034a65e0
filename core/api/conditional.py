"""ETags, If-None-Match and If-Match (RFC 9110, section 13)."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from core import errors


def etag_of(content: bytes) -> str:
    """A strong ETag that names these very bytes."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def is_unchanged(request: HttpRequest, etag: str) -> bool:
    """Weak comparison, as RFC 9110 asks for If-None-Match: a proxy that compresses turns our tag into a weak one."""
    asked = request.META.get("HTTP_IF_NONE_MATCH")
    if not asked:
        return False
    tags = parse_etags(asked)
    return tags == ["*"] or etag in (tag.removeprefix("W/") for tag in tags)


def not_modified(response: HttpResponse) -> HttpResponse:
    """The 304 for a 200: the same headers that caches need, no body."""
    short = HttpResponse(status=304)
    del short["Content-Type"]
    for name, value in response.items():
        if name not in ("Content-Type", "Content-Length"):
            short[name] = value
    return short


def check_if_match(request: HttpRequest, etag: str) -> None:
    """Refuses a write to another version than the one that was read. Called with the row locked."""
    asked = request.META.get("HTTP_IF_MATCH")
    if asked is None:
        if settings.REQUIRE_IF_MATCH:
            raise errors.PreconditionRequired()
        return
    tags = parse_etags(asked)
    if tags != ["*"] and etag not in tags:
        raise errors.PreconditionFailed(f"The present version is {etag}.")
