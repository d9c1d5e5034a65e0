"""An answer as it is kept: status, headers and body, and what becomes of it for one reader."""

import gzip
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import brotli
from django.utils.http import parse_etags

from delivery.api.answers import cache_control

Header = tuple[bytes, bytes]

IDENTITY, GZIP, BROTLI = "", "gzip", "br"
COMPRESSED_FROM = 1_000  # bytes: below it the headers weigh more than what is saved
COMPRESSED_TO = 256 * 1024  # above it everybody else would have to wait
GZIP_LEVEL = 6
BROTLI_QUALITY = 5
_OF_A_BODY = frozenset({b"content-type", b"content-length", b"content-encoding"})


@dataclass(slots=True)
class Answer:
    """As it leaves Django, less what belongs to the one request: X-Request-ID.

    ``keys`` is None where the answer may not be kept. ``changes_at`` is the moment, of time.monotonic(), at which time
    alone changes it.
    """

    status: int
    headers: list[Header]
    body: bytes
    keys: list[str] | None = None
    changes_at: float = math.inf


@dataclass(slots=True)
class Variant:
    """One representation, ready to be sent: by encoding. ``serves_until`` is 0 once it has ended."""

    status: int
    headers: list[Header]
    lines: bytes  # the same headers, as they are written
    body: dict[str, Any]
    etag: bytes
    serves_until: float = math.inf
    used_at: float = 0.0

    def size_beside(self, answer: Answer) -> int:
        """Bytes, about, that it takes up in addition to the answer whose variant it is."""
        content = self.body["body"]
        headers = sum(len(name) + len(value) + 100 for name, value in self.headers)
        return headers + (0 if content is answer.body else len(content))


def variant(answer: Answer, encoding: str) -> Variant:
    """Made once per encoding and kept; costs what compressing costs."""
    content, used = _encoded(answer.body, encoding)
    headers: list[Header] = []
    etag = b""
    for name, value in answer.headers:
        lower = name.lower()
        if lower == b"content-length":
            value = b"%d" % len(content)
        elif lower == b"etag":
            value = etag = value[:-1] + f'-{used}"'.encode() if used else value
        headers.append((name, value))
    if used:
        headers.append((b"Content-Encoding", used.encode()))
    lines = b"".join(b"%s: %s\r\n" % (name.lower(), value) for name, value in headers)
    return Variant(answer.status, headers, lines, {"type": "http.response.body", "body": content}, etag)


def with_lifetime(headers: list[Header], seconds: float) -> list[Header]:
    """The same headers for an answer that has only so long to live."""
    value = cache_control(seconds).encode()
    return [(name, value if name == b"Cache-Control" else old) for name, old in headers]


def without_body(headers: list[Header]) -> list[Header]:
    """What a 304 says of all this."""
    return [header for header in headers if header[0].lower() not in _OF_A_BODY]


def is_unchanged(etag: bytes, asked: bytes) -> bool:
    """Weak comparison, as RFC 9110 asks for If-None-Match."""
    if asked == etag:
        return True
    tags = parse_etags(asked.decode("latin-1"))
    return tags == ["*"] or etag.decode() in (tag.removeprefix("W/") for tag in tags)


@lru_cache(256)
def encoding_for(accepted: bytes | None) -> str:
    """The encoding that a reader likes best (RFC 9110, section 12.5.3); of equals the smaller one."""
    weights = {IDENTITY: 0.0, **dict(_weights(accepted or b""))}
    rest = weights.get("*", 0.0)
    best = max((BROTLI, GZIP), key=lambda name: weights.get(name, rest))
    weight = weights.get(best, rest)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else IDENTITY


def _weights(accepted: bytes) -> list[tuple[str, float]]:
    found = []
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameters = part.partition(";")
        found.append((name.strip().removeprefix("x-"), _weight(parameters)))
    return found


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _encoded(content: bytes, encoding: str) -> tuple[bytes, str]:
    if encoding == IDENTITY or not COMPRESSED_FROM <= len(content) <= COMPRESSED_TO:
        return content, IDENTITY
    if encoding == BROTLI:
        smaller = brotli.compress(content, quality=BROTLI_QUALITY)
    else:
        smaller = gzip.compress(content, GZIP_LEVEL, mtime=0)
    return (smaller, encoding) if len(smaller) < len(content) else (content, IDENTITY)
