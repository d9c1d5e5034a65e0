"""The only writer of publications: going live and being withdrawn, in the transaction of the verb that decides it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet

from core import batch, clock, rows
from core.compiled import Compiled
from delivery import changes, dialects, projection, slugs
from delivery.models import Kind, Publication

# Their rows of the projection are gone by then.
_TAKE_BACK = "DELETE FROM delivery_publication WHERE kind = %(kind)s AND entry_id = %(entry)s AND live_from > {now}"
# A schedule may have begun since the past was looked at: then it was live for no time at all.
_CLOSE = """
UPDATE delivery_publication SET live_until = {later}(%(at)s, live_from), closed_by = %(by)s
WHERE kind = %(kind)s AND entry_id = %(entry)s AND (live_until IS NULL OR live_until > {now}) RETURNING id
"""


@dataclass(frozen=True)
class Content:
    """What a higher layer hands over to be public: the revision, its slug and the entry's own public fields."""

    kind: str
    entry_id: UUID
    revision_id: UUID
    slug: str
    fields: dict[str, Any]
    created_at: datetime
    is_new: bool = False  # made in this very transaction, with a live slug: nothing of it has ever been public


def go_live(content: Content, *, by: UUID | None, now: datetime, starts_at: datetime | None = None) -> Publication:
    """Makes a revision public from ``starts_at`` (now, if not given) on and closes the one it replaces.

    The caller holds the lock of the entry. A schedule that has not started is replaced.
    """
    past = _NOTHING if content.is_new else _Past.of(content.kind, content.entry_id)
    begin = past.not_before(starts_at or now)
    tallies = _make_room(content.kind, content.entry_id, past, at=begin, by=by, now=now)
    publication = Publication(
        kind=content.kind,
        entry_id=content.entry_id,
        revision_id=content.revision_id,
        slug=content.slug,
        content=content.fields,
        entry_created_at=content.created_at,
        published_at=past.first_published_at or begin,
        live_from=begin,
        published_by=by,
    )
    rows.insert(publication)
    tallies.update(projection.write([publication]))
    changes.record(content.kind, content.entry_id, tallies, now=now)
    # A schedule holds its slug as working copy until then.
    if content.kind != Kind.SETTINGS and starts_at is None and not content.is_new:
        slugs.go_live(content.kind, content.slug, content.entry_id, moves=past.is_any)
    return publication


def withdraw(kind: str, entry_id: UUID, *, working_slug: str, by: UUID | None, now: datetime) -> None:
    """The entry is not public any more, and nothing that was to come comes."""
    past = _Past.of(kind, entry_id)
    tallies = _make_room(kind, entry_id, past, at=past.not_before(now), by=by, now=now)
    changes.record(kind, entry_id, tallies, now=now)
    slugs.retire(kind, entry_id, keep=working_slug)


@dataclass(frozen=True)
class _Past:
    """What has been published of an entry so far."""

    is_any: bool
    latest_start: datetime | None  # of those that have started
    first_published_at: datetime | None

    @classmethod
    def of(cls, kind: str, entry_id: UUID) -> "_Past":
        found = _past_of.row(str(kind), entry_id)
        return cls(True, *found) if found else _NOTHING

    def not_before(self, moment: datetime) -> datetime:
        """A writer that waited for the lock may carry a moment older than what the one before it published."""
        return max(moment, self.latest_start) if self.latest_start else moment


_NOTHING = _Past(is_any=False, latest_start=None, first_published_at=None)


def _past(kind: str, entry_id: UUID) -> QuerySet[Any]:
    started = Q(live_from__lte=clock.Now())
    by_entry = Publication.objects.of(kind, entry_id).values("entry_id")
    return by_entry.annotate(
        latest=Max("live_from", filter=started), first=Min("published_at", filter=started)
    ).values_list("latest", "first")


_past_of: Compiled[Publication] = Compiled(_past, str, UUID)


def _make_room(kind: str, entry_id: UUID, past: _Past, *, at: datetime, by: UUID | None, now: datetime) -> Counter[str]:
    """Ends what is live at ``at`` and takes back what has not started; the projection keeps what is live until then.

    Returns how the tallies change by it.
    """
    if not past.is_any:
        return Counter()
    tallies: Counter[str] = Counter()
    tallies.subtract(projection.remove(kind, entry_id))
    which = {"kind": str(kind), "entry": dialects.value(entry_id)}
    end = {"at": dialects.value(at), "by": dialects.value(by) if by else None}
    closed: list[Any] = []
    batch.send(_TAKE_BACK.format(now=dialects.now()), dialects.params(**which))
    batch.send(
        _CLOSE.format(now=dialects.now(), later=dialects.later()),
        dialects.params(**which, **end),
        lambda cursor: closed.extend(row[0] for row in cursor.fetchall()),
    )
    if at > now:
        batch.flush()
        tallies.update(projection.write(Publication.objects.filter(pk__in=closed)))
    return tallies
