"""New rows and plain changes of rows, as the ORM writes them, with texts that are made once; ``core.batch`` sends them.

To compile an INSERT takes Django longer than to execute it. Values go the way they always go: through ``pre_save`` and
``get_db_prep_save`` of their fields. What is left out: signals, defaults of the database, and ids that the database
gives, unless they are asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    Model,
    PositiveIntegerField,
    TextField,
    UUIDField,
)

from core import batch

Convert = Callable[[Any], Any]

# By database: values of which type such a field need not be asked about, and what the driver gets. To ask takes longer
# than all the rest, and psycopg takes its time for ids and moments; PostgreSQL knows from the column what a text is.
_PLAIN: dict[str, dict[type[Field[Any, Any]], tuple[type, Convert | None]]] = {
    "postgresql": {
        BooleanField: (bool, None),
        CharField: (str, None),
        DateTimeField: (datetime, str),
        PositiveIntegerField: (int, None),
        TextField: (str, None),
        UUIDField: (UUID, str),
    }
}
MOST = 500  # rows in one statement: SQLite takes 32,766 values


def insert(*things: Model) -> None:
    """Writes new rows of one model."""
    for start in range(0, len(things), MOST):
        some = things[start : start + MOST]
        batch.send(_insert_text(type(some[0]), len(some)), _values(some))
        _are_stored(some)


def insert_values(model: type[Model], several: Sequence[Mapping[str, Any]]) -> None:
    """The same for those who need no instances, which take longer to make: values by ``attname``, the rest defaults.

    Fields that change their values while they are saved (``pre_save``) have nothing to change them in.
    """
    for start in range(0, len(several), MOST):
        some = several[start : start + MOST]
        values = [
            column.value(one[column.name] if column.name in one else column.field.get_default())
            for one in some
            for column in _columns(model)
        ]
        batch.send(_insert_text(model, len(some)), values)


def insert_and_learn(thing: Model) -> None:
    """Writes a new row. ``thing.pk``, which the database gives, is there as soon as anything has been read after it."""
    key = connection.ops.quote_name(_meta(type(thing)).pk.column)
    batch.send(f"{_insert_text(type(thing), 1)} RETURNING {key}", _values((thing,)), partial(_learn, thing))
    _are_stored((thing,))


def update(
    model: type[Model], where: Mapping[str, Any], values: Mapping[str, Any], *, add: Mapping[str, int] | None = None
) -> None:
    """Sets ``values`` and adds to numbers, in the rows whose fields equal those of ``where`` (not None)."""
    _send_update(model, where, values, add or {}, None)


def update_one(thing: Model, names: list[str]) -> None:
    """As ``thing.save(update_fields=names)``. DatabaseError where there is no such row (any more)."""
    fields = [_meta(type(thing)).get_field(name) for name in names]
    values = {field.attname: field.pre_save(thing, False) for field in fields}
    _send_update(type(thing), {"pk": thing.pk}, values, {}, _require_row)


def prepared(model: type[Model], name: str, value: Any) -> Any:
    """As the database takes it: SQLite has neither UUIDs nor moments."""
    return _field(model, name).get_db_prep_save(value, connection)


def _send_update(
    model: type[Model],
    where: Mapping[str, Any],
    values: Mapping[str, Any],
    add: Mapping[str, int],
    then: batch.Then | None,
) -> None:
    text = _update_text(model, tuple(where), tuple(values), tuple(add))
    params = [prepared(model, name, value) for part in (values, where) for name, value in part.items()]
    steps = list(add.values())
    batch.send(text, [*params[: len(values)], *steps, *params[len(values) :]], then, may_refuse=then is not None)


@lru_cache(maxsize=256)
def _insert_text(model: type[Model], count: int) -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in _written(model))
    row = f"({', '.join(['%s'] * len(_written(model)))})"
    return f"INSERT INTO {quote(_meta(model).db_table)} ({names}) VALUES {', '.join([row] * count)}"  # noqa: S608 - names of columns


@cache
def _update_text(model: type[Model], where: tuple[str, ...], values: tuple[str, ...], add: tuple[str, ...]) -> str:
    quote = connection.ops.quote_name
    columns = {name: quote(_field(model, name).column) for name in (*where, *values, *add)}
    changes = [f"{columns[name]} = %s" for name in values] + [f"{columns[name]} = {columns[name]} + %s" for name in add]
    conditions = " AND ".join(f"{columns[name]} = %s" for name in where)
    return f"UPDATE {quote(_meta(model).db_table)} SET {', '.join(changes)} WHERE {conditions}"  # noqa: S608 - as above


@cache
def _written(model: type[Model]) -> list[Field[Any, Any]]:
    """All but the id that the database gives."""
    meta = _meta(model)
    return [field for field in meta.local_concrete_fields if field is not meta.auto_field and not field.generated]


def _values(things: tuple[Model, ...]) -> list[Any]:
    columns = _columns(type(things[0]))
    return [column.value_of(thing) for thing in things for column in columns]


class _Column:
    def __init__(self, field: Field[Any, Any], plain: tuple[type, Convert | None] | None) -> None:
        self.name, self.field = field.attname, field
        self._type: type | None = plain[0] if plain else None
        self._convert: Convert | None = plain[1] if plain else None

    def value_of(self, thing: Model) -> Any:
        if self._type is not None:
            value = getattr(thing, self.name)
            if value is None or type(value) is self._type:
                return self._plain(value)
        return self.field.get_db_prep_save(self.field.pre_save(thing, True), connection)

    def value(self, given: Any) -> Any:
        if self._type is not None and (given is None or type(given) is self._type):
            return self._plain(given)
        return self.field.get_db_prep_save(given, connection)

    def _plain(self, value: Any) -> Any:
        return value if self._convert is None or value is None else self._convert(value)


@cache
def _columns(model: type[Model]) -> list[_Column]:
    plain = _PLAIN.get(connection.vendor, {})
    return [_Column(field, plain.get(type(_target(field)))) for field in _written(model)]


def _target(field: Any) -> Any:
    return field.target_field if field.is_relation else field


@cache
def _field(model: type[Model], name: str) -> Any:
    return _meta(model).pk if name == "pk" else _meta(model).get_field(name)


def _meta(model: type[Model]) -> Any:
    return model._meta


def _are_stored(things: tuple[Model, ...]) -> None:
    for thing in things:
        thing._state.adding, thing._state.db = False, connection.alias


def _learn(thing: Model, cursor: Any) -> None:
    thing.pk = cursor.fetchone()[0]


def _require_row(cursor: Any) -> None:
    if not cursor.rowcount:
        raise DatabaseError("Save with update_fields did not affect any rows.")
