"""The current projection: publications written out as rows that lists filter and order by, and as finished JSON."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection

from core import batch, rendering, rows
from delivery import changes, dialects, shapes
from delivery.models import LiveEntry, LiveTag, Publication

BATCH = 1000

# Everybody locks a row before its tags: else one who has the tags and one who has the row would wait for each other.
_DELETE_TAGS = """
DELETE FROM delivery_livetag
WHERE entry_id IN (SELECT publication_id FROM delivery_liveentry WHERE {which}{for_update}) RETURNING tag
"""
_DELETE = "DELETE FROM delivery_liveentry WHERE {which} RETURNING author"


def write(publications: Iterable[Publication]) -> Counter[str]:
    """Adds the rows of publications that are live or still to come; the caller has removed those they replace.

    Returns what they count for, for the change log.
    """
    several = list(publications)
    live = [_row(one) for one in several]
    tags = [
        _tag(row, tag)
        for row, publication in zip(live, several, strict=True)
        for tag in publication.content.get("tags", ())
    ]
    rows.insert(*live)
    rows.insert_values(LiveTag, tags)
    return _counted([row.author for row in live], [row["tag"] for row in tags])


def remove(kind: str, entry_id: UUID) -> Counter[str]:
    """Removes all rows of an entry; returns what they had counted for."""
    return _remove("kind = %s AND entry_id = %s", [str(kind), rows.prepared(LiveEntry, "entry_id", entry_id)])


def remove_rows(publications: Sequence[UUID]) -> Counter[str]:
    """Removes the rows of these publications, at least one; returns what they had counted for."""
    which = f"publication_id IN ({', '.join(['%s'] * len(publications))})"
    return _remove(which, [rows.prepared(LiveEntry, "pk", one) for one in publications])


def rebuild() -> int:
    """Writes the whole projection anew from the publications; returns how many rows it has. One transaction, please.

    Nobody publishes in the meantime, nor locks a row; readers see the old rows until it is committed.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE delivery_liveentry IN EXCLUSIVE MODE")
    LiveEntry.objects.all().delete()
    written, batch = 0, []
    for publication in Publication.objects.not_over().order_by("live_from").iterator(chunk_size=BATCH):
        batch.append(publication)
        if len(batch) == BATCH:
            write(batch)
            written, batch = written + BATCH, []
    write(batch)
    changes.recount()
    changes.append("", [changes.EVERYTHING], {})
    return written + len(batch)


def public_shape(publication: Publication) -> dict[str, Any]:
    """Exactly what visitors get. ``updated_at`` is when this content went live: unpublished edits move nothing here."""
    whole = {
        **publication.content,
        "id": publication.entry_id,
        "slug": publication.slug,
        "published": True,
        "published_at": publication.published_at,
        "created_at": publication.entry_created_at,
        "updated_at": publication.live_from,
    }
    return shapes.pick(whole, shapes.FIELDS[publication.kind])


def sort_key(title: str) -> bytes:
    """Titles sort without regard to case and accents, in the same order on every database."""
    decomposed = unicodedata.normalize("NFKD", title.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).encode()


def _row(publication: Publication) -> LiveEntry:
    shape = public_shape(publication)
    content = publication.content
    return LiveEntry(
        publication_id=publication.pk,
        kind=publication.kind,
        entry_id=publication.entry_id,
        revision_id=publication.revision_id,
        slug=publication.slug,
        title_key=sort_key(content.get("title", "")),
        author=content.get("author", ""),
        search_text=f"{content.get('title', '')}\n{content.get('excerpt', '')}".casefold(),
        created_at=publication.entry_created_at,
        updated_at=publication.live_from,
        published_at=publication.published_at,
        live_from=publication.live_from,
        live_until=publication.live_until,
        summary=rendering.dumps(shapes.pick(shape, shapes.summary_fields(publication.kind))).decode(),
        detail=rendering.dumps(shape).decode(),
    )


def _tag(row: LiveEntry, tag: str) -> dict[str, Any]:
    return {
        "entry_id": row.publication_id,
        "kind": row.kind,
        "tag": tag,
        "post_id": row.entry_id,
        "created_at": row.created_at,
        "live_from": row.live_from,
        "live_until": row.live_until,
    }


def _remove(which: str, params: list[Any]) -> Counter[str]:
    tags: list[str] = []
    authors: list[str] = []
    for_update = " FOR UPDATE" if dialects.is_postgresql() else ""
    batch.send(_DELETE_TAGS.format(which=which, for_update=for_update), params, partial(_collect, tags))
    batch.send(_DELETE.format(which=which), params, partial(_collect, authors))
    batch.flush()
    return _counted(authors, tags)


def _collect(into: list[str], cursor: Any) -> None:
    into += [value for (value,) in cursor.fetchall()]


def _counted(authors: Iterable[str], tags: Iterable[str]) -> Counter[str]:
    facets: Counter[str] = Counter(f"tag:{tag}" for tag in tags)
    for author in authors:
        facets[""] += 1
        if author:
            facets[f"author:{author}"] += 1
    return facets
