"""Working copies: creating, changing, putting into the bin and taking out again.

Each verb is one transaction, checks the right itself, cleans HTML, appends a revision, and returns the thing. Nothing
here makes anything public; taking something away from the public on deletion is ``publishing.unpublish``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError

from accounts import audit
from accounts.models import User
from content import publishing, revisions, rights
from content.models import Action, BlogPost, Entry, Revision, State, Versioned
from core import errors, html, rows, transactions
from core import slugs as slug_rules
from delivery import slugs
from delivery.models import SlugState

E = TypeVar("E", bound=Entry)
V = TypeVar("V", bound=Versioned)


@dataclass
class Removed:
    """What the sanitiser took out of each HTML field of one save, for the answer to the writer."""

    by_field: dict[str, tuple[str, ...]] = field(default_factory=dict)


@transactions.verb
def create(
    model: type[E],
    values: Mapping[str, Any],
    *,
    by: User,
    now: datetime,
    removed: Removed | None = None,
    goes_live: bool = False,
) -> E:
    """A new working copy in state draft, with what ``with_publication`` adds. Without a slug its title makes one.

    ``goes_live``: the caller publishes it in the same transaction.
    """
    rights.require_create(by, model)
    entry = model(created_at=now, updated_at=now, created_by=by, updated_by=by)
    _assign(entry, values, removed or Removed())
    if isinstance(entry, BlogPost) and not entry.author:
        entry.author = by.name
    wanted = entry.slug or slug_rules.from_title(entry.title, fallback=entry.KIND.value)
    explicit, entry.slug = bool(entry.slug), wanted
    slug_state = SlugState.LIVE if goes_live else SlugState.WORKING
    _validate(entry)
    if explicit:
        slugs.claim(entry.KIND, wanted, entry.pk, state=slug_state)
    else:
        entry.slug = slugs.claim_like(entry.KIND, wanted, entry.pk, state=slug_state)
    return _save_new(entry, by=by, now=now)


@transactions.verb
def change(thing: V, values: Mapping[str, Any], *, by: User, now: datetime, removed: Removed | None = None) -> bool:
    """Changes some fields of a working copy that the caller has locked. False when nothing is different afterwards."""
    rights.require_change(by, thing)
    before = thing.values()
    _assign(thing, values, removed or Removed())
    if isinstance(thing, BlogPost) and not thing.author:
        thing.author = (thing.created_by or by).name
    _validate(thing)
    changed = [name for name, value in thing.values().items() if value != before[name]]
    if not changed:
        return False
    if isinstance(thing, Entry) and "slug" in changed:
        slugs.release(thing.KIND, before["slug"], thing.pk)
        slugs.claim(thing.KIND, thing.slug, thing.pk)
    _save(thing, changed, before, action=Action.UPDATED, by=by, now=now)
    return True


@transactions.verb
def delete(entry: Entry, *, by: User, now: datetime) -> None:
    """Into the bin: unpublished, its slug free at once. Everything it was stays in its revisions."""
    rights.require_delete(by, entry)
    publishing.withdraw(entry, by=by, now=now)
    slugs.release_all(entry.KIND, entry.pk)
    entry.deleted_at = now
    _save(entry, ["deleted_at"], entry.values(), action=Action.DELETED, by=by, now=now)


@transactions.verb
def restore(entry: E, *, by: User, now: datetime) -> E:
    """Out of the bin, as a draft. A slug that was taken in the meantime gets a suffix."""
    rights.require_delete(by, entry)
    if entry.deleted_at is None:
        raise errors.Conflict("It is not in the bin.")
    before = entry.values()
    entry.slug = slugs.claim_like(entry.KIND, entry.slug, entry.pk)
    entry.deleted_at = None
    entry.state = State.DRAFT
    _save(entry, ["slug", "deleted_at", "state"], before, action=Action.RESTORED, by=by, now=now)
    return entry


def _assign(thing: Versioned, values: Mapping[str, Any], removed: Removed) -> None:
    """Sets the fields and cleans HTML before anybody looks at it, noting what was taken out."""
    for name in values:
        if name not in thing.FIELDS:
            raise errors.Invalid.field(name, "unknown_field", "There is no such field here.")
    for name, value in values.items():
        setattr(thing, name, _clean(name, value, removed) if name in thing.HTML_FIELDS else value)


def _clean(name: str, value: Any, removed: Removed) -> html.CleanHTML:
    try:
        cleaned = html.clean(str(value))
    except html.TooDeep as error:
        raise errors.Invalid.field(name, error.code, str(error)) from error
    if cleaned.removed:
        removed.by_field[name] = cleaned.removed
    return cleaned.html


def _validate(thing: Versioned) -> None:
    others = {field.name for field in thing._meta.fields} - set(thing.FIELDS)
    try:
        thing.clean_fields(exclude=others)
    except ValidationError as error:
        raise errors.Invalid.from_django(error) from error


def _save_new(entry: E, *, by: User, now: datetime) -> E:
    revision = revisions.stamp(entry, action=Action.CREATED, by=by, now=now)
    rows.insert(entry)
    rows.insert(revision)
    entry.live_revision_id = entry.first_published_at = None
    entry.computed_status = str(entry.state)
    _tell(revision, entry, {}, by=by)
    return entry


def _save(
    thing: Versioned, changed: list[str], before: Mapping[str, Any], *, action: Action, by: User, now: datetime
) -> None:
    thing.version += 1
    thing.updated_at, thing.updated_by = now, by
    revision = revisions.stamp(thing, action=action, by=by, now=now)
    rows.update_one(thing, [*changed, "version", "revision_id", "updated_at", "updated_by"])
    rows.insert(revision)
    _tell(revision, thing, before, by=by)


def _tell(revision: Revision, thing: Versioned, before: Mapping[str, Any], *, by: User) -> None:
    """The row of the audit trail: `page.created`, `post.updated`, `settings.updated`, …"""
    changes = {name: pair for name, pair in audit.differences(before, thing.values()).items() if any(pair)}
    facts = {"version": thing.version}
    audit.record(f"{thing.KIND}.{revision.action}", by=by, on=thing, changes=changes, facts=facts)
