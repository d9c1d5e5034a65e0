"""Publishing: making a working copy's present state public, and taking it away again."""

from datetime import datetime
from typing import Any, TypeVar

from accounts import audit
from accounts.models import User
from content import rights
from content.models import Entry, State, Status, Versioned
from core import errors, rows, transactions
from delivery import publications
from delivery.models import Publication

V = TypeVar("V", bound=Versioned)


class NotPublished(errors.Conflict):
    code = "not_published"
    title = "It is not public"


@transactions.verb
def publish(thing: V, *, by: User, now: datetime, is_new: bool = False) -> Publication:
    """Makes what the working copy says now public at once, closing what was public before. The caller locked it.

    ``is_new``: the caller has made it in this transaction to be published, so there is nothing to close, and nobody has
    seen a version of it before.
    """
    rights.require_publish(by, type(thing))
    content = publications.Content(
        kind=thing.KIND.value,
        entry_id=thing.pk,
        revision_id=thing.revision_id,
        slug=thing.slug if isinstance(thing, Entry) else "",
        fields=thing.values(),
        created_at=thing.created_at,
        is_new=is_new,
    )
    publication = publications.go_live(content, by=by.pk, now=now)
    if not is_new:
        _after_publishing(thing)
    thing.live_revision_id, thing.first_published_at = publication.revision_id, publication.published_at
    if isinstance(thing, Entry):
        thing.computed_status = Status.PUBLISHED.value
    audit.record(f"{thing.KIND}.published", by=by, on=thing, facts={"version": thing.version})
    return publication


@transactions.verb
def unpublish(entry: Entry, *, by: User, now: datetime) -> None:
    """Nobody but editors finds it any more. Raises NotPublished where there is nothing to take away."""
    rights.require_publish(by, type(entry))
    if not rights.is_visible(entry):
        raise NotPublished()
    _next_version(entry)
    _take_away(entry, by=by, now=now)


def withdraw(entry: Entry, *, by: User, now: datetime) -> None:
    """Unpublishes whatever is public or scheduled, as a part of deleting; nothing to do is no error."""
    if Publication.objects.of(entry.KIND, entry.pk).not_over().exists():
        rights.require_publish(by, type(entry))
        _take_away(entry, by=by, now=now)


def _take_away(entry: Entry, *, by: User, now: datetime) -> None:
    publications.withdraw(entry.KIND, entry.pk, working_slug=entry.slug, by=by.pk, now=now)
    audit.record(f"{entry.KIND}.unpublished", by=by, on=entry, facts={"version": entry.version})


def _after_publishing(thing: Versioned) -> None:
    if isinstance(thing, Entry):
        thing.state = State.DRAFT
        _next_version(thing, state=State.DRAFT.value)
    else:
        _next_version(thing)


def _next_version(thing: Versioned, **also: Any) -> None:
    """A step that changes no field still changes what an editor reads, so the ETag must move."""
    thing.version += 1
    rows.update(type(thing), {"pk": thing.pk}, also, add={"version": 1})
