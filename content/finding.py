"""Finding a working copy by what stands in an address: its slug, the slug under which it is live, or its id."""

from typing import Any, TypeVar
from uuid import UUID

from content.models import Entry, Versioned
from core import ids, slugs
from delivery import slugs as slug_table

E = TypeVar("E", bound=Entry)
V = TypeVar("V", bound=Versioned)


def entry(model: type[E], key: str, *, lock: bool = False) -> E | None:
    """With ``lock`` the row is locked until the transaction ends, so that what is checked stays true."""
    entry_id = _id_of(model, key)
    if entry_id is None:
        return None
    rows = model.objects.present()
    if lock:
        locked: E | None = rows.select_for_update(of=("self",)).filter(pk=entry_id).first()
        return locked
    found: E | None = rows.with_publication().filter(pk=entry_id).first()
    return found


def again(thing: V) -> V:
    """The thing as it is now, with what its publications say. One query."""
    manager: Any = type(thing)._default_manager
    fresh: V = manager.with_publication().get(pk=thing.pk)
    return fresh


def _id_of(model: type[Entry], key: str) -> UUID | None:
    entry_id = ids.parse(key)
    if entry_id and model.objects.present().filter(pk=entry_id).exists():
        return entry_id
    return slug_table.holder(model.KIND, key) if slugs.is_valid(key) else None
