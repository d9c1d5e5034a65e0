"""Places in long lists whose number is known, so that a deep page is entered where it starts instead of counted up to.

A small memory of this process. What it says is a guess: it counts only where the same statement that used it says that
nothing of the kind has changed since, and that no scheduled moment has passed.
"""

from bisect import bisect_right, insort
from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from delivery.list_questions import Found
from delivery.listings import Anchor, Listing, Place, Unchanged

MAX_LINES = 50
MAX_ANCHORS = 40  # of one line

_Name = tuple[str, str, str, str, str]


class _Line(NamedTuple):
    """The known places of one list."""

    unchanged: Unchanged
    places: OrderedDict[int, Place]  # by number; the one that was used last comes last
    offsets: list[int]  # sorted


_lines: OrderedDict[_Name, _Line] = OrderedDict()
_lock = Lock()


def nearest(asked: Listing) -> Anchor | None:
    """The last known place at or before the page's start; None where counting is as quick."""
    if asked.is_near:
        return None
    with _lock:
        line = _lines.get(_name(asked))
        if line is None or not (below := bisect_right(line.offsets, asked.page.start)):
            return None
        offset = line.offsets[below - 1]
        line.places.move_to_end(offset)
        return Anchor(offset, line.places[offset], line.unchanged)


def holds(anchor: Anchor, found: Found) -> bool:
    """Whether what was found from an anchor is what counting would have found."""
    return anchor.unchanged.has(found.version, found.now)


def remember(asked: Listing, found: Found) -> None:
    """Keeps the places of the page's first and last item."""
    if asked.is_near or found.first is None or found.last is None:
        return
    with _lock:
        line = _line(_name(asked), found)
        for offset, place in (
            (asked.page.start, found.first),
            (asked.page.start + found.count - 1, found.last),
        ):
            _keep(line, offset, place)


def clear() -> None:
    with _lock:
        _lines.clear()


def _line(name: _Name, found: Found) -> _Line:
    line = _lines.get(name)
    if line is None or not line.unchanged.has(found.version, found.now):
        unchanged = Unchanged(found.version, found.now, found.changes_at)
        line = _lines[name] = _Line(unchanged, OrderedDict(), [])
    _lines.move_to_end(name)
    if len(_lines) > MAX_LINES:
        _lines.popitem(last=False)
    return line


def _keep(line: _Line, offset: int, place: Place) -> None:
    if offset not in line.places:
        insort(line.offsets, offset)
    line.places[offset] = place
    line.places.move_to_end(offset)
    if len(line.places) > MAX_ANCHORS:
        oldest, _ = line.places.popitem(last=False)
        line.offsets.remove(oldest)


def _name(asked: Listing) -> _Name:
    return asked.kind, asked.ordering, asked.tag, asked.author, asked.q
