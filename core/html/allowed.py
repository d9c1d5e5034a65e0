"""The allow-list: which elements, attributes, values, classes and video hosts stored HTML may hold.

Both passes of `cleaning.clean` ask here, and docs/html.md tells it to editors (a test compares the two).
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from core.html.urls import LINK_SCHEMES, WEB_SCHEMES, checked_link
from core.html.writing import HEADINGS, MARKS

# Gives the value as it is stored, or None for a value that is not allowed.
type Check = Callable[[str], str | None]

MAX_VALUE = 2000

CLASSES = frozenset(
    {"align-center", "align-full", "align-justify", "align-left", "align-right", "align-wide", "button", "lead"}
    | {"callout", "callout-danger", "callout-info", "callout-success", "callout-warning"}
)
VIDEO_HOSTS = {
    "www.youtube-nocookie.com": "/embed/",
    "youtube-nocookie.com": "/embed/",
    "www.youtube.com": "/embed/",
    "youtube.com": "/embed/",
    "player.vimeo.com": "/video/",
    "www.dailymotion.com": "/embed/video/",
}
VIDEO_FEATURES = frozenset(
    {"accelerometer", "autoplay", "clipboard-write", "encrypted-media", "fullscreen", "gyroscope"}
    | {"picture-in-picture", "web-share"}
)
LINK_RELATIONS = frozenset({"nofollow", "noopener", "noreferrer", "sponsored", "ugc"})

_LANGUAGE_CLASS = re.compile(r"language-[a-z0-9][a-z0-9+#._-]{0,30}")
_LANGUAGE_TAG = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8}){0,4}")
_DATETIME = re.compile(r"[0-9A-Z:.+ -]{1,40}")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_VIDEO = re.compile(
    "https://(?:"
    + "|".join(re.escape(host + path) for host, path in VIDEO_HOSTS.items())
    + r")[A-Za-z0-9_-]{1,64}(?:\?[A-Za-z0-9_.~%&=+,:;-]{0,500})?(?:#[A-Za-z0-9_.=-]{0,100})?"
)


def _text(value: str) -> str:
    return value


def _flag(value: str) -> str:
    return ""


def _matching(pattern: re.Pattern[str], value: str) -> str | None:
    value = value.strip(" \t\n")
    return value if pattern.fullmatch(value) else None


def _number(low: int, high: int) -> Check:
    def check(value: str) -> str | None:
        digits = _matching(_NUMBER, value)
        return str(int(digits)) if digits is not None and low <= int(digits) <= high else None

    return check


def _one_of(*names: str) -> Check:
    def check(value: str) -> str | None:
        name = value.strip(" \t\n").lower()
        return name if name in names else None

    return check


def _list_type(value: str) -> str | None:
    return value if value in {"1", "a", "A", "i", "I"} else None


_language: Check = partial(_matching, _LANGUAGE_TAG)
_moment: Check = partial(_matching, _DATETIME)
_video: Check = partial(_matching, _VIDEO)
_link: Check = partial(checked_link, schemes=LINK_SCHEMES)
_source: Check = partial(checked_link, schemes=WEB_SCHEMES)
_pixels = _number(1, 10_000)

_GLOBAL: dict[str, Check] = {"dir": _one_of("ltr", "rtl", "auto"), "lang": _language, "title": _text}
_CHANGE: dict[str, Check] = {"cite": _source, "datetime": _moment}
_COLUMNS: dict[str, Check] = {"span": _number(1, 100)}
_CELL: dict[str, Check] = {
    "colspan": _number(1, 100),
    "rowspan": _number(1, 1000),
    "scope": _one_of("row", "col", "rowgroup", "colgroup"),
}
_OWN: dict[str, dict[str, Check]] = {
    "a": {"href": _link, "hreflang": _language, "target": _one_of("_blank")},
    "blockquote": {"cite": _source},
    "col": _COLUMNS,
    "colgroup": _COLUMNS,
    "del": _CHANGE,
    "details": {"open": _flag},
    "iframe": {
        "src": _video,
        "width": _pixels,
        "height": _pixels,
        "allowfullscreen": _flag,
        "frameborder": _one_of("0"),
        "loading": _one_of("lazy", "eager"),
        "referrerpolicy": _one_of(
            "no-referrer", "origin", "same-origin", "strict-origin", "strict-origin-when-cross-origin"
        ),
    },
    "img": {
        "src": _source,
        "alt": _text,
        "width": _pixels,
        "height": _pixels,
        "loading": _one_of("lazy", "eager"),
        "decoding": _one_of("sync", "async", "auto"),
    },
    "ins": _CHANGE,
    "li": {"value": _number(-999_999, 999_999)},
    "ol": {"start": _number(-999_999, 999_999), "reversed": _flag, "type": _list_type},
    "q": {"cite": _source},
    "td": _CELL,
    "th": _CELL | {"abbr": _text},
    "time": {"datetime": _moment},
}
_PLAIN = (HEADINGS | MARKS) | (
    {"address", "aside", "br", "caption", "dd", "div", "dl", "dt", "figcaption", "figure", "hr", "p", "pre", "section"}
    | {"summary", "table", "tbody", "tfoot", "thead", "tr", "ul", "wbr"}
)

# The list attributes (class; rel on a; allow on iframe) are not among these: see `judged`.
ELEMENTS: Mapping[str, Mapping[str, Check]] = {name: _GLOBAL | _OWN.get(name, {}) for name in _PLAIN | _OWN.keys()}
# Without this attribute the element shows nothing, and goes.
REQUIRED = {"iframe": "src", "img": "src"}


class Judged(NamedTuple):
    """What may be stored of an attribute's value, if anything, and which parts of it may not."""

    value: str | None
    refused: tuple[str, ...] = ()


def judged(element: str, attribute: str, value: str) -> Judged | None:
    """None if the element may not have the attribute at all."""
    match element, attribute:
        case _, "class":
            return _judged_list(value, None, partial(_allows_class, element))
        case "a", "rel":
            return _judged_list(value.lower(), None, LINK_RELATIONS.__contains__)
        case "iframe", "allow":
            return _judged_list(value.lower(), ";", VIDEO_FEATURES.__contains__)
    check = ELEMENTS.get(element, {}).get(attribute)
    if check is None:
        return None
    stored = check(value) if len(value) <= MAX_VALUE else None
    return Judged(stored, () if stored is not None else (value,))


def _judged_list(value: str, separator: str | None, is_allowed: Callable[[str], bool]) -> Judged:
    """Without a separator, white space parts the names."""
    if len(value) > MAX_VALUE:
        return Judged(None, (value,))
    names = [name for part in value.split(separator) if (name := part.strip())]
    kept = [name for name in dict.fromkeys(names) if is_allowed(name)]
    return Judged(f"{separator or ''} ".join(kept) or None, tuple(name for name in names if not is_allowed(name)))


def _allows_class(element: str, name: str) -> bool:
    return name in CLASSES or (element in {"code", "pre"} and _LANGUAGE_CLASS.fullmatch(name) is not None)
