"""New rows and simple changes as Django's ORM writes them, through texts that are made once (``core.batch`` sends them).

Compiling an INSERT costs more than executing it. Values take the way they always take: each field's ``pre_save`` and
``get_db_prep_save``. There are no signals, and nothing is told of ids that the database gives unless it is asked for.
"""

from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Field, Model
from django.db.models.sql import InsertQuery

from core import batch

_inserts: dict[tuple[str, type[Model], int, bool], str] = {}
_updates: dict[tuple[type[Model], tuple[str, ...], tuple[str, ...], tuple[str, ...]], str] = {}


def insert(*things: Model, learn_id: bool = False) -> None:
    """Writes rows of one model; at least one. ``learn_id``: a single thing gets the id that the database gives it."""
    model, fields = type(things[0]), _written(type(things[0]))
    key = (connection.vendor, model, len(things), learn_id)
    if key not in _inserts:
        _inserts[key] = _insert_text(model, fields, things, learn_id=learn_id)
    values = [field.get_db_prep_save(field.pre_save(one, True), connection) for one in things for field in fields]
    batch.send(_inserts[key], values, things[0]._set_id if False else (_learner(things[0]) if learn_id else None))
    for one in things:
        one._state.adding, one._state.db = False, connection.alias
