"""The change log: in the order of commits, what public answers are no longer true. Who writes the projection writes it.

Readers of the log: the edge (``delivery.edge``), which ends answers in memory, and purging, which ends those of a CDN.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min, QuerySet

from core import clock, rows
from delivery.models import PLURAL, Change, Head, Kind, Tally

EVERYTHING = "*"
CHANNEL = "stitch_changes"
KEPT_FOR = timedelta(days=2)


@dataclass
class News:
    """One line of the log, for those who hear of it at once. Its id is known after the commit."""

    change: Change
    keys: list[str]
    is_known_to_all: bool = False


Listener = Callable[[News], None]

_before_commit: list[Listener] = []
_after_commit: list[Listener] = []

_NEXT = """
INSERT INTO delivery_head (id, position) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET position = delivery_head.position + 1 RETURNING position
"""
_COUNT = """
INSERT INTO delivery_tally (kind, facet, rows, position) VALUES (%s, %s, %s, %s)
ON CONFLICT (kind, facet) DO UPDATE
SET rows = delivery_tally.rows + excluded.rows, position = excluded.position
"""


def keys_of(kind: str, entry_id: object) -> list[str]:
    """The surrogate keys that a change of this entry ends: its own answers, and all lists, since one may gain it."""
    return [Kind.SETTINGS.value] if kind == Kind.SETTINGS else [f"{kind}:{entry_id}", PLURAL[Kind(kind)]]


def record(kind: str, entry_id: UUID, tallies: Mapping[str, int], *, now: datetime) -> None:
    """Appends to the log, in the transaction that has changed the projection of one entry."""
    append(kind, keys_of(kind, entry_id), {facet: more for facet, more in tallies.items() if more}, now=now)


def append(kind: str, keys: list[str], tallies: Mapping[str, int], *, now: datetime | None = None) -> None:
    """One line of the log. The position comes at the commit on PostgreSQL; on SQLite, which has one writer, at once."""
    change = Change(kind=kind, keys=" ".join(keys), tallies=dict(tallies), made_at=now or clock.now())
    if connection.vendor != "postgresql":
        change.position = _next_position()
        _count(kind, tallies, change.position)
    news = News(change, keys)
    rows.insert_and_learn(change)
    for listener in _before_commit:
        listener(news)
    transaction.on_commit(lambda: _tell(news), robust=True)


def before_commit(listener: Listener) -> None:
    """Is called in the writer's thread, within the transaction."""
    if listener not in _before_commit:
        _before_commit.append(listener)


def after_commit(listener: Listener) -> None:
    """Is called in the writer's thread, before the write is answered."""
    if listener not in _after_commit:
        _after_commit.append(listener)


def head() -> int:
    """The position of the last change that was committed."""
    return Head.objects.values_list("position", flat=True).first() or 0


def since(position: int, limit: int = 1_000) -> list[Change]:
    """The changes after a position, in order, at most so many."""
    return list(_positioned().filter(position__gt=position).order_by("position")[:limit])


def forgotten_up_to() -> int:
    """Changes up to this position are no longer in the log: who has not read so far, takes everything for changed."""
    oldest: int | None = _positioned().aggregate(oldest=Min("position"))["oldest"]
    return head() if oldest is None else oldest - 1


def forget() -> int:
    """Deletes what lies before the first change of the last two days; returns how many rows. The last one stays.

    Positions are given at the commit: who took long comes after others that began later. Deleted by their age, a change
    could go and one before it stay, and ``forgotten_up_to`` would not tell.
    """
    last = head()
    young = _positioned().filter(made_at__gte=clock.now() - KEPT_FOR)
    first: int | None = young.aggregate(first=Min("position"))["first"]
    return _positioned().filter(position__lt=last if first is None else first).delete()[0]


def recount() -> None:
    """Counts the tallies anew. The caller lets nobody publish in the meantime (``projection.rebuild``)."""
    Tally.objects.all().delete()
    with connection.cursor() as cursor:
        for select in (
            "SELECT kind, '', COUNT(*) FROM delivery_liveentry GROUP BY 1",
            "SELECT kind, 'author:' || author, COUNT(*) FROM delivery_liveentry WHERE author <> '' GROUP BY 1, 2",
            "SELECT kind, 'tag:' || tag, COUNT(*) FROM delivery_livetag GROUP BY 1, 2",
        ):
            cursor.execute(f"INSERT INTO delivery_tally (kind, facet, rows) {select}")


def _tell(news: News) -> None:
    for listener in _after_commit:
        listener(news)


def _positioned() -> QuerySet[Change]:
    return Change.objects.exclude(position=None)


def _next_position() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        position: int = cursor.fetchone()[0]
    return position


def _count(kind: str, tallies: Mapping[str, int], position: int) -> None:
    """As PostgreSQL's trigger does. Without a kind everything has changed."""
    if not kind:
        Tally.objects.filter(facet="").update(position=position)
        return
    with connection.cursor() as cursor:
        for facet, more in {"": 0, **tallies}.items():
            cursor.execute(_COUNT, [kind, facet, more, position])
