"""Taking, releasing and following slugs. Every function runs inside the transaction of the verb that calls it."""

import secrets
from uuid import UUID

from django.db import IntegrityError, transaction

from core import errors, slugs
from delivery.models import Slug, SlugState


class SlugTaken(errors.Invalid):
    """A slug given explicitly belongs to another entry of the same kind."""

    def __init__(self, slug: str) -> None:
        super().__init__(errors=[errors.FieldError("slug", "unique", f"The slug {slug!r} is taken.")])


def claim(kind: str, slug: str, entry_id: UUID) -> None:
    """Takes a slug for the working copy of an entry. Raced or not: exactly one caller gets it."""
    row = Slug.objects.filter(kind=kind, slug=slug).first()
    if row is None:
        if not _insert(kind, slug, entry_id):
            raise SlugTaken(slug)
    elif row.entry_id != entry_id:
        free = Slug.objects.filter(pk=row.pk, entry_id=None)
        if not free.update(entry_id=entry_id, state=SlugState.WORKING):
            raise SlugTaken(slug)


def claim_like(kind: str, wanted: str, entry_id: UUID) -> str:
    """Takes ``wanted`` or the next free variation of it, and never one that still redirects somewhere."""
    for suffix in ("", "2", "3", "4", "5", secrets.token_hex(3), secrets.token_hex(8)):
        candidate = slugs.with_suffix(wanted, suffix) if suffix else wanted
        if _insert(kind, candidate, entry_id):
            return candidate
    raise SlugTaken(wanted)


def release(kind: str, slug: str, entry_id: UUID) -> None:
    """The working copy leaves a slug. One that is live stays taken: visitors find the entry there."""
    working = Slug.objects.filter(kind=kind, slug=slug, entry_id=entry_id, state=SlugState.WORKING)
    if not working.exclude(redirect_to=None).update(entry_id=None, state=SlugState.OLD):
        working.delete()


def release_all(kind: str, entry_id: UUID) -> None:
    """Everything the entry holds is free at once. What redirected to it stays, for the day it is restored."""
    held = Slug.objects.filter(kind=kind, entry_id=entry_id)
    held.exclude(redirect_to=None).update(entry_id=None, state=SlugState.OLD)
    held.delete()


def go_live(kind: str, slug: str, entry_id: UUID, *, moves: bool) -> None:
    """The entry is public at ``slug`` from now on; where it was public before (``moves``), it redirects."""
    if moves:
        retire(kind, entry_id, keep=slug)
    Slug.objects.filter(kind=kind, slug=slug, entry_id=entry_id).update(state=SlugState.LIVE, redirect_to=None)


def retire(kind: str, entry_id: UUID, *, keep: str) -> None:
    """The entry is no longer public where it was, except at ``keep``, where its working copy still stands."""
    live = Slug.objects.filter(kind=kind, entry_id=entry_id, state=SlugState.LIVE)
    live.exclude(slug=keep).update(state=SlugState.OLD, entry_id=None, redirect_to=entry_id)
    live.filter(slug=keep).update(state=SlugState.WORKING)


def holder(kind: str, slug: str) -> UUID | None:
    """The entry that holds the slug, as working copy or live."""
    return Slug.objects.filter(kind=kind, slug=slug).values_list("entry_id", flat=True).first()


def redirect_target(kind: str, slug: str) -> UUID | None:
    """The entry that was live at this slug and moved on, be it that only time has moved it (a schedule has begun)."""
    row = Slug.objects.filter(kind=kind, slug=slug).first()
    if row is None:
        return None
    return row.entry_id if row.state == SlugState.LIVE else row.redirect_to


def _insert(kind: str, slug: str, entry_id: UUID) -> bool:
    try:
        with transaction.atomic():
            Slug.objects.create(kind=kind, slug=slug, state=SlugState.WORKING, entry_id=entry_id)
    except IntegrityError:
        return False
    return True
