"""Finding a working copy by what stands in an address: its slug, the slug under which it is live, or its id."""

from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from content.models import Entry, Versioned
from core import ids, slugs
from core.compiled import Compiled
from delivery import slugs as slug_table

E = TypeVar("E", bound=Entry)
V = TypeVar("V", bound=Versioned)


def entry(model: type[E], key: str, *, lock: bool = False) -> E | None:
    """With ``lock`` the row is locked until the transaction ends, so that what is checked stays true."""
    find = _locked(model) if lock else _present(model)
    entry_id = ids.parse(key)
    found = find.first(entry_id) if entry_id else None
    if found is not None or not slugs.is_valid(key):
        return found
    holder = slug_table.holder(model.KIND, key)
    return find.first(holder) if holder else None


def again(thing: V) -> V:
    """The thing as it is now, with what its publications say. One query."""
    fresh: V | None = _again(type(thing)).first(thing.pk)
    if fresh is None:
        raise type(thing).DoesNotExist
    return fresh


@cache
def _again(model: type[V]) -> Compiled[V]:
    manager: Any = model._default_manager
    return Compiled(lambda key: manager.with_publication().filter(pk=key), UUID)


@cache
def _present(model: type[E]) -> Compiled[E]:
    return Compiled(lambda key: model.objects.present().with_publication().filter(pk=key), UUID)


@cache
def _locked(model: type[E]) -> Compiled[E]:
    return Compiled(lambda key: model.objects.present().select_for_update(of=("self",)).filter(pk=key), UUID)
