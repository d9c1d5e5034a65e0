"""Saving as editors know it: one step that stores the working copy and, where that is wanted and allowed, publishes.

A *changed* ``published`` publishes or unpublishes. Otherwise a change to something public, by somebody who may publish,
is public at once, unless it is saved as a draft (docs/decisions/0009-what-saving-publishes.md).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from accounts.models import User
from content import drafts, publishing, rights
from content.drafts import Removed
from content.models import Entry, Versioned
from core import errors, transactions
from delivery import reads

E = TypeVar("E", bound=Entry)


@transactions.verb
def save_new(
    model: type[E],
    values: Mapping[str, Any],
    *,
    published: bool | None,
    by: User,
    now: datetime,
    removed: Removed | None = None,
) -> E:
    """A new entry, public at once where ``published`` says so."""
    if published:
        rights.require_create(by, model)
        rights.require_publish(by, model)
    entry = drafts.create(model, values, by=by, now=now, removed=removed, goes_live=bool(published))
    if published:
        publishing.publish(entry, by=by, now=now, is_new=True)
    return entry


@transactions.verb
def save(
    thing: Versioned,
    values: Mapping[str, Any],
    *,
    published: bool | None = None,
    as_draft: bool = False,
    by: User,
    now: datetime,
    removed: Removed | None = None,
) -> None:
    """Changes something that the caller has locked. ``published=None`` leaves it as public or private as it is."""
    was_public = rights.is_visible(thing)
    turns = published is not None and published != was_public
    rights.require_change(by, thing)
    if turns:
        rights.require_publish(by, type(thing))
    if turns and as_draft:
        raise errors.Invalid.field("published", "conflicts_with_draft", "Either publish it or save it as a draft.")
    changed = drafts.change(thing, values, by=by, now=now, removed=removed)
    is_direct = was_public and not as_draft and rights.may_publish(by, type(thing))
    if turns and was_public and isinstance(thing, Entry):
        publishing.unpublish(thing, by=by, now=now)
    elif turns or (is_direct and _has_news(thing, values, changed)):
        publishing.publish(thing, by=by, now=now)


def _has_news(thing: Versioned, values: Mapping[str, Any], changed: bool) -> bool:
    """Saving content publishes what an earlier draft left waiting as well; saving no content publishes nothing."""
    return changed or (bool(values) and reads.live_revision(thing.KIND, thing.pk) != thing.revision_id)
