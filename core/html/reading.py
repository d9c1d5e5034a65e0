"""HTML as a flat sequence of texts and tags, read as browsers read it, in one pass over the input.

What is read here is written anew by `writing.py`, so that no later reader can see other tags than this one did.
"""

import re
from collections.abc import Iterator
from enum import Enum
from html import unescape
from html.entities import html5
from typing import NamedTuple

# These go with everything in them: it is code, a drawing, or a fallback for a thing that is not shown.
WITHOUT_CONTENT = frozenset(
    {"applet", "embed", "frame", "frameset", "iframe", "math", "noembed", "noframes", "noscript", "object", "script"}
    | {"style", "svg", "template", "title"}
)
# Without an end tag, the rest of the document belongs to them.
_OPEN_ENDED = frozenset({"script", "style"})

# Something that begins like markup and never ends is text. Each such place costs a look to the end of the input,
# so after this many the remainder is text without another look.
_MAX_UNFINISHED = 10

_ATTRIBUTE = r"""[\t\n /]*+([^\t\n />][^\t\n />=]*+)(?:[\t\n ]*+=[\t\n ]*+("[^"]*+"?+|'[^']*+'?+|[^\t\n >]*+))?+"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_MARKUP_BEGINS = re.compile(r"<(?=[a-zA-Z/!?])")
_MARKUP = re.compile(
    rf"<(?P<slash>/?)(?P<name>[a-zA-Z][^\t\n />]*+)(?P<attributes>(?:{_ATTRIBUTE})*+)[\t\n /]*+>"
    r"|(?P<comment><!--(?:-?>|.*?--!?>)|<!\[[^>]*+>|<\?[^>]*+>|</[^a-zA-Z>][^>]*+>)"
    r"|(?P<doctype><![^>]*+>)"
    r"|</>",
    re.DOTALL,
)
_ATTRIBUTE_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|([a-zA-Z][a-zA-Z0-9]*+)(;?+)(=?))")
# No character has so long a number, and turning one into an integer would take long or fail.
_HUGE_REFERENCE = re.compile(r"&#[0-9]{20,}+;?")
_LINE_ENDS_FROM_REFERENCES = str.maketrans({"\r": None, "\f": " "})


class Kind(Enum):
    TEXT = "text"
    START = "start"
    END = "end"
    COMMENT = "comment"
    DOCTYPE = "doctype"


class Token(NamedTuple):
    """`value` is the decoded text, or the tag's name in lower case; for `attributes` (their source) see there."""

    kind: Kind
    value: str = ""
    attributes: str = ""


def tokens(html: str) -> Iterator[Token]:
    """Expects `\\n` as the only line end and no form feeds. What is in elements of WITHOUT_CONTENT is passed over."""
    contents = _Contents(html)
    unread = at = unfinished = 0
    while unfinished < _MAX_UNFINISHED and (begin := _MARKUP_BEGINS.search(html, at)):
        found = _MARKUP.match(html, begin.start())
        if found is None:
            unfinished += 1
            at = begin.end()
            continue
        if unread < found.start():
            yield Token(Kind.TEXT, decoded_text(html[unread : found.start()]))
        token = _token(found)
        unread = at = found.end()
        if token is not None:
            yield token
            if token.kind is Kind.START and token.value in WITHOUT_CONTENT:
                unread = at = contents.end_of(token.value, found.end())
    if unread < len(html):
        yield Token(Kind.TEXT, decoded_text(html[unread:]))


def _token(found: re.Match[str]) -> Token | None:
    if name := found["name"]:
        return Token(Kind.END if found["slash"] else Kind.START, name.lower(), found["attributes"])
    if found["comment"]:
        return Token(Kind.COMMENT)
    if found["doctype"]:
        return Token(Kind.DOCTYPE)
    return None


class _Contents:
    """Finds where an element's content ends; remembers what has no end, so as to search for it only once."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._endless: set[str] = set()

    def end_of(self, name: str, start: int) -> int:
        end = None
        if name not in self._endless:
            end = re.compile(rf"</{name}(?=[\t\n />])", re.ASCII | re.IGNORECASE).search(self._html, start)
        if end is not None:
            return end.start()
        self._endless.add(name)
        return len(self._html) if name in _OPEN_ENDED else start


def attributes(source: str) -> Iterator[tuple[str, str]]:
    """Names in lower case with decoded values, in the order of the source, repetitions included."""
    for found in _ATTRIBUTES.finditer(source):
        value = found[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        yield found[1].lower(), _decoded_value(value)


def decoded_text(text: str) -> str:
    if "&" not in text:
        return text
    return unescape(_HUGE_REFERENCE.sub("\ufffd", text)).translate(_LINE_ENDS_FROM_REFERENCES)


def _decoded_value(value: str) -> str:
    if "&" not in value:
        return value
    return _ATTRIBUTE_REFERENCE.sub(_attribute_reference, value)


def _attribute_reference(found: re.Match[str]) -> str:
    """In attributes `&copy=1` is no ©, other than in text: addresses are full of such names."""
    name, semicolon, equals = found.groups()
    if name is None:
        return decoded_text(found[0])
    return html5.get(name + semicolon, f"&{name}{semicolon}") + equals if semicolon or not equals else found[0]
