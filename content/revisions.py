"""The history: every save appends the full field values; any of them can be brought back."""

from datetime import datetime
from uuid import UUID

from accounts.models import User
from content.models import Action, Revision, Versioned
from core.ids import uuid7


def stamp(thing: Versioned, *, action: Action, by: User, now: datetime) -> Revision:
    """The next version of a working copy and the revision that goes with it; the caller saves both, ``thing`` first."""
    revision = Revision(
        id=uuid7(),
        kind=thing.KIND,
        entry_id=thing.pk,
        version=thing.version,
        action=action,
        values=thing.values(),
        created_at=now,
        created_by=by,
    )
    thing.revision_id = revision.pk
    return revision


def of(thing: Versioned) -> list[Revision]:
    """Newest first. One query."""
    return list(Revision.objects.filter(entry_id=thing.pk).select_related("created_by"))


def values_at(thing: Versioned, revision_id: UUID) -> dict[str, object]:
    """The field values of one revision of this thing. Raises Revision.DoesNotExist."""
    values: dict[str, object] = Revision.objects.get(pk=revision_id, entry_id=thing.pk).values
    return values
