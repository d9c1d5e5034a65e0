"""Taking, releasing and following slugs. Every function runs inside the transaction of the verb that calls it."""

import secrets
from uuid import UUID

from core import batch, errors, rows, slugs
from core.prepared import Prepared
from delivery.models import Slug, SlugState

_TAKE = Prepared("""
INSERT INTO delivery_slug (kind, slug, state, entry_id) VALUES (%(p0)s, %(p1)s, %(p2)s, %(p3)s)
ON CONFLICT DO NOTHING RETURNING 1
""")
_RETIRE = """
UPDATE delivery_slug SET state = 'old', entry_id = NULL, redirect_to = %s
WHERE kind = %s AND entry_id = %s AND state = 'live' AND slug <> %s
"""
_KEEP = """
UPDATE delivery_slug SET state = 'working' WHERE kind = %s AND entry_id = %s AND state = 'live' AND slug = %s
"""


class SlugTaken(errors.Invalid):
    """A slug given explicitly belongs to another entry of the same kind."""

    def __init__(self, slug: str) -> None:
        super().__init__(errors=[errors.FieldError("slug", "unique", f"The slug {slug!r} is taken.")])


def claim(kind: str, slug: str, entry_id: UUID, *, state: SlugState = SlugState.WORKING) -> None:
    """Takes a slug for the working copy of an entry. Raced or not: exactly one caller gets it.

    ``state`` LIVE is for what is made and published in one transaction; it saves the step to ``go_live``.
    """
    row = Slug.objects.filter(kind=kind, slug=slug).first()
    if row is None:
        if not _insert(kind, slug, entry_id, state):
            raise SlugTaken(slug)
    elif row.entry_id != entry_id:
        free = Slug.objects.filter(pk=row.pk, entry_id=None)
        redirect_to = None if state == SlugState.LIVE else row.redirect_to
        if not free.update(entry_id=entry_id, state=state, redirect_to=redirect_to):
            raise SlugTaken(slug)


def claim_like(kind: str, wanted: str, entry_id: UUID, *, state: SlugState = SlugState.WORKING) -> str:
    """Takes ``wanted`` or the next free variation of it, and never one that still redirects somewhere."""
    for suffix in ("", "2", "3", "4", "5", secrets.token_hex(3), secrets.token_hex(8)):
        candidate = slugs.with_suffix(wanted, suffix) if suffix else wanted
        if _insert(kind, candidate, entry_id, state):
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
    now_here = {"state": SlugState.LIVE.value, "redirect_to": None}
    rows.update(Slug, {"kind": kind, "slug": slug, "entry_id": entry_id}, now_here)


def retire(kind: str, entry_id: UUID, *, keep: str) -> None:
    """The entry is no longer public where it was, except at ``keep``, where its working copy still stands."""
    holder = rows.prepared(Slug, "entry_id", entry_id)
    batch.send(_RETIRE, [holder, str(kind), holder, keep])
    batch.send(_KEEP, [str(kind), holder, keep])


def holder(kind: str, slug: str) -> UUID | None:
    """The entry that holds the slug, as working copy or live."""
    return Slug.objects.filter(kind=kind, slug=slug).values_list("entry_id", flat=True).first()


def redirect_target(kind: str, slug: str) -> UUID | None:
    """The entry that was live at this slug and moved on, be it that only time has moved it (a schedule has begun)."""
    row = Slug.objects.filter(kind=kind, slug=slug).first()
    if row is None:
        return None
    return row.entry_id if row.state == SlugState.LIVE else row.redirect_to


def _insert(kind: str, slug: str, entry_id: UUID, state: SlugState) -> bool:
    """Waits for somebody else who is just taking it, as any insert does."""
    holder = rows.prepared(Slug, "entry_id", entry_id)
    return bool(_TAKE.ask(str(kind), slug, state.value, holder))
