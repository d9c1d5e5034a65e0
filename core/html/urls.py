"""Which addresses may stand in stored content: in links and pictures of HTML, and in URL fields."""

import re
from collections.abc import Collection
from html import escape

import nh3
from django.core.exceptions import ValidationError

MAX_URL = 2000
WEB_SCHEMES = frozenset({"http", "https"})
LINK_SCHEMES = WEB_SCHEMES | {"mailto", "tel"}

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_FIRST_SEGMENT = re.compile(r"[^/?#]*")
# A host must follow, and nothing before an "@": https://bank.example@evil.example/ only serves to deceive.
_WEB_ADDRESS = re.compile(r"https?://[^/?#@]+([/?#].*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
# Browsers drop tabs and line ends inside an address and read a backslash as a slash; people never mean that.
_TRICKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\]")
_NOT_IN_AN_ADDRESS = re.compile(r"[\s\\\"<>`]")

# nh3 parses addresses with the algorithm of browsers and drops what they could not read (a malformed host, a port
# of 99999). Asked here for a single address, so that what it would drop is known, and reported, beforehand.
_PROBE = nh3.Cleaner(tags={"a"}, attributes={"a": {"href"}}, link_rel=None, url_schemes=LINK_SCHEMES)


def checked_link(value: str, schemes: Collection[str]) -> str | None:
    """The address as it may be stored in HTML, or None: one of the schemes (lower case), or relative."""
    value = value.strip(" \t\n")
    if not 0 < len(value) <= MAX_URL or _TRICKS.search(value):
        return None
    if value.startswith("//"):  # would take the scheme of whatever page, feed or mail shows it
        value = f"https:{value}"
    scheme = _SCHEME.match(value)
    if scheme is None:
        is_allowed = ":" not in _FIRST_SEGMENT.match(value)[0]  # type: ignore[index]  # this pattern always matches
    elif (name := scheme[1].lower()) in WEB_SCHEMES:
        is_allowed = name in schemes and _WEB_ADDRESS.fullmatch(value) is not None
    else:
        is_allowed = name in schemes
    return value if is_allowed and _browsers_understand(value) else None


def is_safe_url(value: object) -> bool:
    """Whether a URL field may hold it: http or https with a host and without credentials, or `/path` on this site.

    Stricter than a link in HTML, since such a value is handed to templates that we do not know: no white space,
    quotes, angle brackets, backslashes, control or invisible characters anywhere. The empty string is not a URL.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_URL:
        return False
    if not value.isprintable() or _NOT_IN_AN_ADDRESS.search(value):
        return False
    is_path = value.startswith("/") and not value.startswith("//")
    return (is_path or _WEB_ADDRESS.fullmatch(value) is not None) and _browsers_understand(value)


def validate_url(value: object) -> None:
    """Django validator for URL fields and for the values of JSON objects of URLs."""
    if not is_safe_url(value):
        raise ValidationError(
            "Enter an address that starts with http:// or https://, or a path on this site that starts with one slash.",
            code="url",
        )


def _browsers_understand(url: str) -> bool:
    return " href=" in _PROBE.clean(f'<a href="{escape(url)}">')
