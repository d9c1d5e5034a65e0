"""The question of a public list: its parameters, and what its rows mean. Its text stands in ``delivery.list_sql``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from delivery import dialects, list_sql, shapes
from delivery.dialects import Params, Question, Rows
from delivery.list_sql import Shape
from delivery.listings import MOST, NEAR, Anchor, Listing, Place
from delivery.models import Kind


@dataclass(frozen=True, slots=True)
class Found:
    """``texts`` are JSON: one for each item, or one for all of them with commas in between.

    ``now`` and ``changes_at`` (when time alone will change a list of this kind) are microseconds since 1970, by the
    database's clock; ``version`` is another after every change of the kind. All of it is true of one moment.
    """

    texts: Sequence[str]
    total: int
    version: int
    now: int
    changes_at: int | None
    first: Place | None = None
    last: Place | None = None
    count: int = 0
    has_more: bool = False

    @property
    def changes_in(self) -> float | None:
        """Seconds."""
        return None if self.changes_at is None else max(self.changes_at - self.now, 0) / 1_000_000


def listing(asked: Listing, *, start: Anchor | None) -> Question[Found]:
    """One page of a list, or the stretch after a cursor. ``start``: where to enter the list instead of counting."""
    shape = _shape(asked, start)
    read = _read_lean if shape.is_lean else partial(_read_rows, asked)
    return Question(list_sql.text(shape), _params(asked, start), read)


def _shape(asked: Listing, start: Anchor | None) -> Shape:
    return Shape(
        kind=Kind(asked.kind).value,
        order=asked.order,
        column="detail" if set(shapes.ONLY_IN_DETAIL) & set(asked.fields or ()) else "summary",
        has_tag=bool(asked.tag),
        has_author=bool(asked.author),
        has_q=bool(asked.q),
        at_most=_at_most(asked, start),
        from_place=_comparison(asked, start),
        has_places=asked.cursor is not None or not asked.is_near,
    )


def _at_most(asked: Listing, start: Anchor | None) -> int | None:
    if asked.cursor is not None or asked.page.start == (start.offset if start else 0):
        return MOST
    return NEAR if asked.is_near else None


def _comparison(asked: Listing, start: Anchor | None) -> str:
    onwards = "<" if asked.order.is_descending else ">"
    if start is not None:
        return f"{onwards}="
    return onwards if asked.cursor is not None and asked.cursor.after is not None else ""


def _params(asked: Listing, start: Anchor | None) -> Params:
    page, cursor = asked.page, asked.cursor
    offset = 0 if cursor else page.start
    found = dialects.params(
        start=offset, skip=offset - (start.offset if start else 0), limit=page.per_page + (1 if cursor else 0)
    )
    place = start.place if start else cursor.after if cursor else None
    if place is not None:
        found |= {"value": dialects.value(place.value), "id": dialects.value(place.entry_id)}
    if asked.tag:
        found |= {"tag": asked.tag, "tag_facet": f"tag:{asked.tag}"}
    if asked.author:
        found |= {"author": asked.author, "author_facet": f"author:{asked.author}"}
    if asked.q:
        found["q"] = f"%{_literally(asked.q.casefold())}%"
    return found


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _read_lean(rows: Rows) -> Found:
    *counts, texts = rows[0]
    return Found([] if texts is None else [texts], *_counts(counts))


def _read_rows(asked: Listing, rows: Rows) -> Found:
    counts = _counts(rows[0][:5])
    page = [row for row in rows if row[7] is not None]
    items = page[: asked.page.per_page]
    if not items:
        return Found([], *counts)
    return Found(
        [row[7] for row in items],
        *counts,
        first=_place(items[0]),
        last=_place(items[-1]),
        count=len(items),
        has_more=len(page) > len(items),
    )


def _counts(selected: Sequence[Any]) -> tuple[int, int, int, int | None]:
    total, version, now, starts, ends = selected
    coming = [moment for moment in map(dialects.microseconds, (starts, ends)) if moment is not None]
    return total, version, dialects.microseconds(now) or 0, min(coming, default=None)


def _place(row: Sequence[Any]) -> Place:
    value, entry_id = row[5], row[6]
    is_bytes = isinstance(value, bytes | memoryview)
    return Place(bytes(value) if is_bytes else dialects.moment_from(value), dialects.id_from(entry_id))
