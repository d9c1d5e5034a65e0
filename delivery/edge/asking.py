"""Which requests may be answered from memory, and under which name.

Only a request in which nothing but its address, its origin and its encodings can matter is *plain*. Everything else
goes by to Django as it is: credentials of any kind, bodies, methods that write, repeated headers, unknown hosts.
"""

from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Headers = dict[bytes, bytes]

READS = frozenset({"GET", "HEAD"})
NOT_PLAIN = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"content-length",
        b"content-type",
        b"transfer-encoding",
        b"expect",
    }
)
MAX_QUERY = 1_000  # bytes
MAX_HEADER = 300  # bytes of each that is looked at: they are remembered, and servers let far longer ones in
_LOOKED_AT = (b"host", b"origin", b"accept-encoding", b"x-forwarded-proto")
MAX_PARAMETERS = 20
_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]  # what Django lets in by itself while debugging


class Asked(NamedTuple):
    """The name of a public answer. Two requests with one name get the same answer."""

    path: str
    query: str  # sorted, every parameter once, in one spelling
    origin: str  # an allowed one, or empty
    is_secure: bool


def asked_by(scope: dict[str, Any], headers: Headers) -> Asked | None:
    """The name of what a plain request asks for; None where Django has to look at it."""
    if len(scope["query_string"]) > MAX_QUERY or any(len(headers.get(name, b"")) > MAX_HEADER for name in _LOOKED_AT):
        return None
    secure = _is_secure(scope["scheme"], headers.get(b"x-forwarded-proto"))
    query = normalised(scope["query_string"])
    origin = allowed_origin(headers.get(b"origin"))
    if secure is None or query is None or origin is None or scope.get("root_path"):
        return None
    if (settings.SECURE_SSL_REDIRECT and not secure) or not _is_ours(headers.get(b"host", b"")):
        return None
    return Asked(scope["path"], query, origin, secure)


@lru_cache(1024)
def normalised(raw: bytes) -> str | None:
    """A query string in its one spelling; None where it is too long, ambiguous or no text."""
    if len(raw) > MAX_QUERY:
        return None
    try:
        pairs = parse_qsl(raw.decode("ascii"), True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return None
    return urlencode(sorted(pairs)) if len(dict(pairs)) == len(pairs) else None


@lru_cache(1024)
def allowed_origin(raw: bytes | None) -> str | None:
    """The origin where it is allowed, empty where it is none of ours, None where that takes a closer look."""
    if raw is None:
        return ""
    try:
        origin = raw.decode("ascii")
        parts = urlsplit(origin)
    except ValueError:
        return None
    if origin in settings.CORS_ALLOWED_ORIGINS:
        return origin
    alike = any(parts[:2] == urlsplit(one)[:2] for one in settings.CORS_ALLOWED_ORIGINS)
    return None if alike else ""


def _is_secure(scheme: str, forwarded: bytes | None) -> bool | None:
    """As Django's ``request.is_secure()``; None for what a proxy does not usually say."""
    if settings.SECURE_PROXY_SSL_HEADER is None or forwarded is None:
        return scheme == "https"
    return {b"https": True, b"http": False}.get(forwarded)


@lru_cache(256)
def _is_ours(host: bytes) -> bool:
    allowed = settings.ALLOWED_HOSTS or (_DEBUG_HOSTS if settings.DEBUG else [])
    domain, _ = split_domain_port(host.decode("latin-1"))
    return bool(domain) and validate_host(domain, allowed)
