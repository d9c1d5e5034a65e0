"""Makes HTML from anywhere fit to be stored and shown: nothing in it can act, and what went is named.

Two passes over the same allow-list. The first reads tag by tag, leaves out what is not allowed, notes it, and writes
everything else anew, balanced and quoted. The second is nh3, which parses the result as a browser would and has the
last word; it finds nothing to do, and that is tested. It alone would not be enough: it tells nothing of what it
removed, keeps an iframe whose address it dropped, checks no `cite`, and can be made to work for minutes.
"""

import re
from dataclasses import dataclass

import nh3

from core.html import allowed, reading
from core.html.reading import Kind
from core.html.removed import Removed
from core.html.urls import LINK_SCHEMES
from core.html.writing import TooDeep, Writer

# Tags and attributes. Some 20 bytes each in what people write; a long page has thousands.
MAX_PIECES = 150_000

# Elements that are left out but stood on lines of their own.
_BLOCKS_LEFT_OUT = frozenset(
    {"article", "body", "center", "dialog", "dir", "fieldset", "footer", "form", "header", "hgroup", "legend", "main"}
    | {"marquee", "menu", "nav", "option", "search", "select", "textarea", "title"}
    | {"caption", "td", "th", "tr"}
)
# NUL and its like, halves of surrogate pairs, non-characters: no database, feed or parser agrees about them.
_CHARACTERS = re.compile("[\x00-\x08\x0b\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _last_word(element: str, attribute: str, value: str) -> str | None:
    """Must not raise: nh3 keeps the value if its filter fails."""
    judged = allowed.judged(element, attribute, value)
    return judged.value if judged else None


_NH3 = nh3.Cleaner(
    tags=set(allowed.ELEMENTS),
    attributes={name: {*checks, "class"} for name, checks in allowed.ELEMENTS.items()}
    | {"a": {*allowed.ELEMENTS["a"], "class", "rel"}, "iframe": {*allowed.ELEMENTS["iframe"], "class", "allow"}},
    attribute_filter=_last_word,
    clean_content_tags=set(reading.WITHOUT_CONTENT) - allowed.ELEMENTS.keys(),
    url_schemes=set(LINK_SCHEMES),
    link_rel=None,
)


class TooManyPieces(TooDeep):
    code = "too_many_tags"

    def __init__(self) -> None:
        super().__init__(f"The HTML has more than {MAX_PIECES} tags and attributes.")


class CleanHTML(str):
    """HTML that `clean` has been through. Whatever is derived from it is an ordinary string again."""

    __slots__ = ()


@dataclass(frozen=True)
class Cleaned:
    html: CleanHTML
    removed: tuple[str, ...]


def clean(html: str) -> Cleaned:
    """Raises TooDeep for HTML that asks for unreasonable work. Takes about 1 ms for a page, 1 s for the worst 2.5 MB.

    `removed` names what was dropped, in order of first appearance (characters that no document may hold come first).
    Another spelling of the same document (entities, quotes, letter case, tags closed or moved where HTML needs them,
    `rel` added to links that open a window) is no removal. Cleaning again what is clean changes nothing.
    """
    if isinstance(html, CleanHTML):
        return Cleaned(html, ())
    removed = Removed()
    written = _Rewriting(removed).html(_with_plain_characters(html, removed))
    return Cleaned(CleanHTML(_NH3.clean(written)), removed.entries())


def _with_plain_characters(html: str, removed: Removed) -> str:
    html = html.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    if not _CHARACTERS.search(html):
        return html
    for character in dict.fromkeys(_CHARACTERS.findall(html)):
        removed.character(character)
    return _CHARACTERS.sub("", html)


class _Rewriting:
    """The first pass over one document."""

    def __init__(self, removed: Removed) -> None:
        self._removed = removed
        self._writer = Writer()
        self._piece_count = 0

    def html(self, source: str) -> str:
        for kind, value, attributes in reading.tokens(source):
            match kind:
                case Kind.TEXT:
                    self._writer.text(value)
                case Kind.START:
                    self._start(value, attributes)
                case Kind.END:
                    self._end(value)
                case Kind.COMMENT:
                    self._removed.comment()
                case Kind.DOCTYPE:
                    self._removed.doctype()
        return self._writer.html()

    def _start(self, name: str, source: str) -> None:
        self._count_piece()
        if name not in allowed.ELEMENTS:
            self._removed.element(name)
        elif (attributes := self._attributes(name, source)) is not None:
            if self._writer.start(name, attributes):
                if name == "iframe":  # its content, for browsers without frames, has been passed over
                    self._writer.end(name)
                return
            self._removed.misplaced(name)
        if name in _BLOCKS_LEFT_OUT:
            self._writer.gap()

    def _end(self, name: str) -> None:
        self._count_piece()
        if name in allowed.ELEMENTS:
            self._writer.end(name)
        if name in _BLOCKS_LEFT_OUT:
            self._writer.gap()

    def _attributes(self, element: str, source: str) -> dict[str, str] | None:
        """None if the element has to go because it lacks the one that it is for."""
        kept: dict[str, str] = {}
        seen: set[str] = set()
        for name, value in reading.attributes(source):
            self._count_piece()
            if name in seen:
                self._removed.repeated(name, on=element)
                continue
            seen.add(name)
            if element == "iframe" and name == "src" and not _last_word(element, name, value):
                self._removed.element(element, src=value)
                return None
            stored = self._judged(element, name, value)
            if stored is not None:
                kept[name] = stored
        if (required := allowed.REQUIRED.get(element)) and required not in kept:
            self._removed.incomplete(element, missing=required)
            return None
        return _with_relations(kept)

    def _judged(self, element: str, name: str, value: str) -> str | None:
        judged = allowed.judged(element, name, value)
        if judged is None:
            self._removed.attribute(name, on=element)
            return None
        for part in judged.refused:
            self._removed.value(part, of=name, on=element)
        return judged.value

    def _count_piece(self) -> None:
        self._piece_count += 1
        if self._piece_count > MAX_PIECES:
            raise TooManyPieces


def _with_relations(attributes: dict[str, str]) -> dict[str, str]:
    """The page that a link opens in a new window shall neither reach nor know the one it came from."""
    if attributes.get("target") == "_blank":
        relations = [*attributes.get("rel", "").split(), "noopener", "noreferrer"]
        attributes["rel"] = " ".join(dict.fromkeys(relations))
    return attributes
