"""Posts that are public without working copies: the delivery layer alone."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from core import clock
from core.api.pagination import Page
from core.ids import uuid7
from delivery import changes, projection, publications
from delivery.listings import DEFAULT_ORDERING, Cursor, Listing
from delivery.models import PLURAL, Kind, Publication
from delivery.publications import Content

BARE = {"excerpt": "", "body": "", "author": "", "featured_image_url": "", "tags": []}


def publish(
    entry_id: UUID, *, title: str = "A post", starts_at: datetime | None = None, created_at: datetime | None = None,
    **fields: Any,
) -> None:  # fmt: skip
    now = clock.now()
    content = Content(
        kind="post",
        entry_id=entry_id,
        revision_id=uuid7(),
        slug=f"post-{entry_id}",
        fields=BARE | fields | {"title": title},
        created_at=created_at or now,
    )
    publications.go_live(content, by=None, now=now, starts_at=starts_at)


def withdraw(entry_id: UUID) -> None:
    publications.withdraw("post", entry_id, working_slug=f"post-{entry_id}", by=None, now=clock.now())


def publish_many(ids: Iterable[UUID], *, at: datetime, **fields: Any) -> None:
    """All at once and all alike, so that nothing but the id orders them."""
    several = Publication.objects.bulk_create(
        Publication(
            kind="post",
            entry_id=entry_id,
            revision_id=uuid7(),
            slug=f"post-{entry_id}",
            content=BARE | {"title": "A post"} | fields,
            entry_created_at=at,
            published_at=at,
            live_from=at,
        )
        for entry_id in ids
    )
    changes.append(Kind.POST, [PLURAL[Kind.POST]], projection.write(several))


def wait_until(moment: datetime) -> None:
    while clock.now() <= moment:
        time.sleep(0.002)


def asked(page: int = 1, *, per_page: int = 10, cursor: Cursor | None = None, **filters: Any) -> Listing:
    filters = {"ordering": DEFAULT_ORDERING[Kind.POST]} | filters
    return Listing(kind="post", page=Page(page, per_page), cursor=cursor, **filters)
