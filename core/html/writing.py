"""Writes elements so that each is closed, in the right order, where HTML lets it stand.

nh3 would repair the nesting as well, but in time that grows with the square of what is wrong (deep nesting, content
between the rows of a table, marks that are never closed), and not always into a form that it leaves alone the next
time. What this writer hands over holds nothing to repair.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

MAX_DEPTH = 100

VOID = frozenset({"br", "col", "hr", "img", "wbr"})
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
MARKS = frozenset(
    {"a", "abbr", "b", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s", "samp", "small"}
    | {"span", "strong", "sub", "sup", "time", "u", "var"}
)

_P = frozenset({"p"})
_A = frozenset({"a"})
_TABLE = frozenset({"table"})
_TERMS = frozenset({"dd", "dt"})
_END_P = HEADINGS | (
    {"address", "aside", "blockquote", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "hr", "li", "ol"}
    | {"p", "pre", "section", "summary", "table", "ul"}
)
_SECTIONS = frozenset({"tbody", "tfoot", "thead"})
_FRAME = _SECTIONS | {"colgroup", "table", "tr"}  # what holds parts of a table and no content
_END_LOOK_FOR_ITEM = _END_P - {"address", "div", "hr", "p"}

_TABLE_PARENTS: dict[str, frozenset[str]] = {
    "caption": _TABLE,
    "colgroup": _TABLE,
    "tbody": _TABLE,
    "tfoot": _TABLE,
    "thead": _TABLE,
    "col": frozenset({"colgroup"}),
    "tr": _SECTIONS,
    "td": frozenset({"tr"}),
    "th": frozenset({"tr"}),
}
_IMPLIED_PARENT = {"col": "colgroup", "tr": "tbody", "td": "tr", "th": "tr"}
_HOLDS_TABLE_PART = {name: parents | _TABLE for name, parents in _TABLE_PARENTS.items()} | {
    "td": _FRAME - {"colgroup"},
    "th": _FRAME - {"colgroup"},
}

# `<b><i>x</b>y</i>` means that y stays italic; more than a few such marks at once are noise, and each costs output.
_MAX_REOPENED = 3

_ESCAPED_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\xa0": "&nbsp;"})
_ESCAPED_IN_VALUES = _ESCAPED_IN_TEXT | str.maketrans({'"': "&quot;"})


class TooDeep(ValueError):
    """The HTML asks for more work than any page needs; its message is for the person who wrote it."""

    code = "too_deep"

    def __init__(self, message: str = f"The HTML is nested more than {MAX_DEPTH} elements deep.") -> None:
        super().__init__(message)


@dataclass(slots=True)
class _Open:
    name: str
    tag: str
    is_ended: bool = False


class Writer:
    """Takes the pieces of a document one by one; `html()` closes what is open and gives the whole."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._open: list[_Open] = []
        self._is_after_text = False
        self._is_gap_due = False

    def html(self) -> str:
        self._close_down_to(0)
        return "".join(self._written)

    def gap(self) -> None:
        """A block's tag was left out here: the words before and after it must not run together."""
        self._is_gap_due = self._is_after_text

    def text(self, text: str) -> None:
        if text.strip(" \t\n"):
            self._leave_table_frame()
        if self._open and self._open[-1].name == "pre" and self._written[-1] is self._open[-1].tag:
            text = text.lstrip("\n")  # every parser drops the first one, so that each cleaning would take another
        if not text:
            return
        if self._is_gap_due:
            self._written.append("\n")
        self._written.append(text.translate(_ESCAPED_IN_TEXT))
        self._is_after_text, self._is_gap_due = True, False

    def start(self, name: str, attributes: dict[str, str]) -> bool:
        """False if the element has no place here: a part of a table where there is none."""
        if name in _TABLE_PARENTS:
            if not self._has_made_room_for(name):
                return False
        else:
            self._leave_table_frame()
            self._close_what_cannot_hold(name)
        self._push(name, _start_tag(name, attributes))
        return True

    def end(self, name: str) -> None:
        """An end tag that ends nothing is passed over."""
        names = HEADINGS if name in HEADINGS else frozenset({name})
        at = self._nearest(names, before=_TABLE)  # from within a table nothing around it can be closed
        if at is None:
            return
        inner = self._open[at + 1 :]
        if name not in MARKS or not inner:
            self._close_down_to(at)
        elif all(one.name in MARKS for one in inner):
            self._close_down_to(at)
            for one in inner[:_MAX_REOPENED]:
                self._push(one.name, one.tag)
        else:  # a mark that ends inside a block which began inside the mark: it ends with the block
            self._open[at].is_ended = True

    def _close_what_cannot_hold(self, name: str) -> None:
        if name == "li":
            self._close_nearest(frozenset({name}), before=_END_LOOK_FOR_ITEM - {name})
        elif name in _TERMS:
            self._close_nearest(_TERMS, before=_END_LOOK_FOR_ITEM - _TERMS)
        elif name == "a":
            self._close_nearest(_A, before=_TABLE)
        if name in _END_P:
            self._close_nearest(_P, before=_TABLE)
        if name in HEADINGS:
            self._close_nearest(HEADINGS, before=_TABLE)

    def _has_made_room_for(self, name: str) -> bool:
        table = self._nearest(_TABLE)
        holder = self._nearest(_HOLDS_TABLE_PART[name])
        if table is None or holder is None:
            return False
        self._close_down_to(holder + 1)
        if self._open[-1].name not in _TABLE_PARENTS[name]:
            self.start(_IMPLIED_PARENT[name], {})
        return True

    def _leave_table_frame(self) -> None:
        """Content between the cells gets a cell of its own. (Browsers move it in front of the table.)"""
        if self._open and self._open[-1].name in _FRAME:
            self.start("td", {})

    def _push(self, name: str, tag: str) -> None:
        self._written.append(tag)
        self._is_after_text = self._is_gap_due = False
        if name in VOID:
            return
        if len(self._open) == MAX_DEPTH:
            raise TooDeep
        self._open.append(_Open(name, tag))

    def _nearest(self, names: AbstractSet[str], before: AbstractSet[str] = frozenset()) -> int | None:
        for at in range(len(self._open) - 1, -1, -1):
            name = self._open[at].name
            if name in names:
                return at
            if name in before:
                return None
        return None

    def _close_nearest(self, names: AbstractSet[str], *, before: AbstractSet[str]) -> None:
        at = self._nearest(names, before)
        if at is not None:
            self._close_down_to(at)

    def _close_down_to(self, depth: int) -> None:
        while len(self._open) > depth or (self._open and self._open[-1].is_ended):
            self._written.append(f"</{self._open.pop().name}>")
            self._is_after_text = self._is_gap_due = False


def _start_tag(name: str, attributes: dict[str, str]) -> str:
    if not attributes:
        return f"<{name}>"
    pairs = "".join(f' {key}="{value.translate(_ESCAPED_IN_VALUES)}"' for key, value in attributes.items())
    return f"<{name}{pairs}>"
