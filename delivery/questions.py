"""The questions of public reads as SQL, one statement each, and what their rows mean: single entries and settings.

Lists are asked for in ``delivery.list_questions``.
"""

from functools import cache, partial
from typing import NamedTuple
from uuid import UUID

from core import ids
from delivery import dialects
from delivery.dialects import Question, Rows
from delivery.models import Kind, SlugState


class Single(NamedTuple):
    """An entry that is live. ``changes_in``: the seconds until time alone ends this answer; None: never."""

    detail: str
    entry_id: UUID
    slug: str
    changes_in: float | None


class Moved(NamedTuple):
    """Where the entry that was public under a slug is now; ``slug`` is None where there is no such entry."""

    slug: str | None
    changes_in: float | None


def single(kind: str, key: str) -> Question[Single | None]:
    """The live entry with this slug or id."""
    entry_id = ids.parse(key)
    if entry_id is None:
        return Question(_by_slug(kind), dialects.params(slug=key), _read_single)
    return Question(_by_id(kind), dialects.params(slug=key, id=dialects.value(entry_id)), _read_single)


def settings() -> Question[Single | None]:
    return Question(_by_slug(Kind.SETTINGS), dialects.params(slug=""), _read_single)


def moved(kind: str, slug: str) -> Question[Moved]:
    """Where the entry is that was live at this slug, be it that only time has moved it (a schedule has begun)."""
    return Question(_moved_from(kind), dialects.params(slug=slug), partial(_read_moved, slug))


def next_start(kind: str) -> str:
    """The subquery of the next moment at which something of this kind begins to be public."""
    return f"(SELECT MIN(live_from) FROM delivery_liveentry WHERE kind = '{kind}' AND live_from > {dialects.now()})"


def next_end(kind: str) -> str:
    return f"(SELECT MIN(live_until) FROM delivery_liveentry WHERE kind = '{kind}' AND live_until > {dialects.now()})"


@cache
def _by_slug(kind: str) -> str:
    return f"{_select(kind)} AND e.slug = %(slug)s LIMIT 1"


@cache
def _by_id(kind: str) -> str:
    """The id wins where a slug looks like one."""
    return f"{_select(kind)} AND e.entry_id = %(id)s UNION ALL {_select(kind)} AND e.slug = %(slug)s LIMIT 1"


def _select(kind: str) -> str:
    return f"""
SELECT e.detail, e.entry_id, e.slug, {dialects.moment(dialects.now())}, {dialects.moment("e.live_until")}
FROM delivery_liveentry e WHERE e.kind = '{Kind(kind).value}' AND {dialects.live("e")}"""


@cache
def _moved_from(kind: str) -> str:
    kind = Kind(kind).value
    return f"""
SELECT {dialects.moment(dialects.now())},
  {dialects.moment(next_start(kind))}, {dialects.moment(next_end(kind))},
  (SELECT e.slug FROM delivery_slug s JOIN delivery_liveentry e
    ON e.entry_id = CASE WHEN s.state = '{SlugState.LIVE.value}' THEN s.entry_id ELSE s.redirect_to END
    WHERE s.kind = '{kind}' AND s.slug = %(slug)s AND e.kind = '{kind}' AND {dialects.live("e")} LIMIT 1)"""


def _read_single(rows: Rows) -> Single | None:
    if not rows:
        return None
    detail, entry_id, slug, now, ends = rows[0]
    return Single(detail, dialects.id_from(entry_id), slug, dialects.seconds_between(now, ends))


def _read_moved(asked: str, rows: Rows) -> Moved:
    now, starts, ends, slug = rows[0]
    changes_in = [dialects.seconds_between(now, moment) for moment in (starts, ends)]
    return Moved(slug if slug != asked else None, min((one for one in changes_in if one is not None), default=None))
