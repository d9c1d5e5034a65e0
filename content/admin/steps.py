"""Who did the last thing to a working copy: saved it, published it or took it back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.models import User
from content.models import Revision, Versioned
from delivery.models import Publication

NOBODY = "Somebody"


@dataclass(frozen=True)
class Step:
    version: int
    verb: str
    by: str
    at: datetime


def last_step(thing: Versioned) -> Step:
    """Publishing and unpublishing move the version without a revision. At most three queries."""
    revision = Revision.objects.filter(entry_id=thing.pk).select_related("created_by").first()
    if revision is not None and revision.version == thing.version:
        return Step(thing.version, revision.action, str(revision.created_by or NOBODY), revision.created_at)
    publication = Publication.objects.of(thing.KIND, thing.pk).order_by("live_from").last()
    if publication is None:
        return Step(thing.version, "saved", str(thing.updated_by or NOBODY), thing.updated_at)
    if publication.live_until is not None:
        return Step(thing.version, "unpublished", name_of(publication.closed_by), publication.live_until)
    return Step(thing.version, "published", name_of(publication.published_by), publication.live_from)


def name_of(user_id: UUID | None) -> str:
    user = User.objects.filter(pk=user_id).first() if user_id else None
    return str(user) if user else NOBODY
