"""Every public question, answered from the projection alone: there is no draft here that a filter could forget."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Min, QuerySet

from core import clock, ids, slugs
from core.api.pagination import Page
from delivery import slugs as slug_table
from delivery.models import Kind, LiveEntry, LiveTag

ORDERINGS = {
    "created_at": ("created_at", "entry_id"),
    "-created_at": ("-created_at", "entry_id"),
    "updated_at": ("updated_at", "entry_id"),
    "-updated_at": ("-updated_at", "entry_id"),
    "published_at": ("published_at", "entry_id"),
    "-published_at": ("-published_at", "entry_id"),
    "title": ("title_key", "entry_id"),
    "-title": ("-title_key", "entry_id"),
}
DEFAULT_ORDERING = {Kind.PAGE: "title", Kind.POST: "-created_at"}


@dataclass(frozen=True)
class Moved:
    """The entry that was asked for is public under another slug now."""

    slug: str


@dataclass(frozen=True)
class Listing:
    """What a caller asks of a public list; empty text means: no such filter."""

    kind: str
    page: Page
    ordering: str
    tag: str = ""
    author: str = ""
    q: str = ""


@dataclass(frozen=True)
class Found:
    rows: list[LiveEntry]
    total: int
    changes_at: datetime | None  # when time alone will change this list


def single(kind: str, key: str) -> LiveEntry | Moved | None:
    """The live entry with this slug or id, or where it has moved. One query when it is there under its slug."""
    live = LiveEntry.objects.live().filter(kind=kind)
    entry_id = ids.parse(key)
    row = live.filter(entry_id=entry_id).first() if entry_id else None
    if row is None and slugs.is_valid(key):
        row = live.filter(slug=key).first()
        return row or _moved(kind, key)
    return row


def settings() -> LiveEntry | None:
    return LiveEntry.objects.live().filter(kind=Kind.SETTINGS).first()


def _moved(kind: str, slug: str) -> Moved | None:
    target = slug_table.redirect_target(kind, slug)
    if target is None:
        return None
    now_at = LiveEntry.objects.live().filter(kind=kind, entry_id=target).values_list("slug", flat=True).first()
    return Moved(now_at) if now_at and now_at != slug else None


def listing(asked: Listing, *, whole: bool) -> Found:
    """One page of summaries (or of whole entries) and the exact total, in three queries."""
    rows = _filtered(asked)
    total = rows.count()
    if asked.page.start >= total:
        return Found([], total, next_change(asked.kind))
    text = "detail" if whole else "summary"
    page = rows.order_by(*ORDERINGS[asked.ordering]).only("publication_id", text)
    return Found(list(page[asked.page.start : asked.page.stop]), total, next_change(asked.kind))


def next_change(kind: str) -> datetime | None:
    """The next moment at which something of this kind starts or ends being public."""
    rows = LiveEntry.objects.filter(kind=kind)
    start = rows.upcoming().aggregate(at=Min("live_from"))["at"]
    end = rows.filter(live_until__gt=clock.Now()).aggregate(at=Min("live_until"))["at"]
    return min((moment for moment in (start, end) if moment), default=None)


def live_revision(kind: str, entry_id: UUID) -> UUID | None:
    """The revision of an entry that is public now."""
    rows = LiveEntry.objects.live().filter(kind=kind, entry_id=entry_id)
    return rows.values_list("revision_id", flat=True).first()


def _filtered(asked: Listing) -> QuerySet[LiveEntry]:
    rows: QuerySet[LiveEntry] = LiveEntry.objects.live().filter(kind=asked.kind)
    if asked.tag:
        tagged = LiveTag.objects.filter(kind=asked.kind, tag=asked.tag)
        rows = rows.filter(pk__in=tagged.values("entry"))
    if asked.author:
        rows = rows.filter(author=asked.author)
    if asked.q:
        rows = rows.filter(search_text__contains=asked.q.casefold())
    return rows
