"""The only writer of publications: going live and being withdrawn, in the transaction of the verb that decides it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from core import clock
from delivery import changes, projection, slugs
from delivery.models import Kind, Publication


@dataclass(frozen=True)
class Content:
    """What a higher layer hands over to be public: the revision, its slug and the entry's own public fields."""

    kind: str
    entry_id: UUID
    revision_id: UUID
    slug: str
    fields: dict[str, Any]
    created_at: datetime


def go_live(content: Content, *, by: UUID | None, now: datetime, starts_at: datetime | None = None) -> Publication:
    """Makes a revision public from ``starts_at`` (now, if not given) on and closes the one it replaces.

    The caller holds the lock of the entry. A schedule that has not started is replaced.
    """
    begin = _not_before_the_present_one(content.kind, content.entry_id, starts_at or now)
    first = Publication.objects.of(content.kind, content.entry_id).started().order_by("live_from").first()
    tallies = _make_room(content.kind, content.entry_id, at=begin, by=by, now=now)
    publication = Publication.objects.create(
        kind=content.kind,
        entry_id=content.entry_id,
        revision_id=content.revision_id,
        slug=content.slug,
        content=content.fields,
        entry_created_at=content.created_at,
        published_at=first.published_at if first else begin,
        live_from=begin,
        published_by=by,
    )
    tallies.update(projection.write([publication]))
    changes.record(content.kind, content.entry_id, tallies)
    if content.kind != Kind.SETTINGS and starts_at is None:  # a schedule holds its slug as working copy until then
        slugs.go_live(content.kind, content.slug, content.entry_id)
    return publication


def withdraw(kind: str, entry_id: UUID, *, working_slug: str, by: UUID | None, now: datetime) -> None:
    """The entry is not public any more, and nothing that was to come comes."""
    tallies = _make_room(kind, entry_id, at=_not_before_the_present_one(kind, entry_id, now), by=by, now=now)
    changes.record(kind, entry_id, tallies)
    slugs.retire(kind, entry_id, keep=working_slug)


def _not_before_the_present_one(kind: str, entry_id: UUID, moment: datetime) -> datetime:
    """A writer that waited for the lock may carry a moment older than what the one before it published."""
    started = Publication.objects.of(kind, entry_id).started()
    latest: datetime | None = started.aggregate(latest=Max("live_from"))["latest"]
    return max(moment, latest) if latest else moment


def _make_room(kind: str, entry_id: UUID, *, at: datetime, by: UUID | None, now: datetime) -> Counter[str]:
    """Ends what is live at ``at`` and takes back what has not started; the projection keeps what is live until then.

    Returns how the tallies change by it.
    """
    tallies: Counter[str] = Counter()
    tallies.subtract(projection.remove(kind, entry_id))
    ids = list(Publication.objects.of(kind, entry_id).not_over().values_list("pk", flat=True))
    current = Publication.objects.filter(pk__in=ids)
    current.filter(live_from__gt=clock.Now()).delete()
    current.update(live_until=at, closed_by=by)
    if at > now:
        tallies.update(projection.write(current))
    return tallies
