"""Queries that are compiled once: to make the text of one with annotations takes Django longer than its answer takes.

Only on PostgreSQL. On SQLite the present moment is a value in the query (``core.clock``), so there each is made anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import Model, QuerySet

from core.prepared import Prepared

Value = str | UUID


@dataclass(frozen=True)
class _Plan:
    statement: Prepared
    converters: dict[int, Any]
    names: list[str]  # of the model's columns, which come first
    annotations: dict[str, int]


class Compiled[M: Model]:
    """``Compiled(lambda key: Thing.objects.filter(pk=key), UUID)``, then ``.first(key)``: one query.

    What ``make`` does with texts and ids must not depend on what they are: it is called with some that mean nothing.
    """

    def __init__(self, make: Callable[..., QuerySet[Any]], *types: type[str] | type[UUID]) -> None:
        self._make, self._types = make, types

    def first(self, *values: Value) -> M | None:
        """The first thing that is found, with its annotations. Related objects are fetched when they are asked for."""
        if connection.vendor != "postgresql":
            return next(iter(self._make(*values)[:1]), None)
        plan, row = self._plan, self._ask(values)
        if row is None:
            return None
        thing: M = self._model.from_db(connection.alias, plan.names, row[: len(plan.names)])
        for name, place in plan.annotations.items():
            setattr(thing, name, row[place])
        return thing

    def row(self, *values: Value) -> tuple[Any, ...] | None:
        """The first row, where ``make`` gives a ``values_list``."""
        if connection.vendor != "postgresql":
            return next(iter(self._make(*values)[:1]), None)
        row = self._ask(values)
        return None if row is None else tuple(row)

    def _ask(self, values: tuple[Value, ...]) -> list[Any] | None:
        plan = self._plan
        found = plan.statement.ask(*values)
        if not found:
            return None
        row = list(found[0])
        for place, (converters, expression) in plan.converters.items():
            for convert in converters:
                row[place] = convert(row[place], expression, connection)
        return row

    @cached_property
    def _model(self) -> Any:
        return self._marked[0].model

    @cached_property
    def _marked(self) -> tuple[QuerySet[Any], list[Value]]:
        """The query, with a mark wherever a value goes."""
        marks = [uuid4() if kind is UUID else f"mark-{uuid4()}" for kind in self._types]
        return self._make(*marks)[:1], marks

    @cached_property
    def _plan(self) -> _Plan:
        queryset, marks = self._marked
        compiler: Any = queryset.query.get_compiler(connection=connection)
        statement = Prepared(_with_places(compiler, marks))
        fields = compiler.klass_info["select_fields"] if compiler.klass_info else []
        return _Plan(
            statement,
            compiler.get_converters([column[0] for column in compiler.select]),
            [compiler.select[place][0].target.attname for place in fields],
            compiler.annotation_col_map,
        )


def _with_places(compiler: Any, marks: list[Value]) -> str:
    """The text of a query, with a place for each mark that stands in it. TypeError where one does not."""
    with connection.cursor() as cursor:
        driver: Any = cursor
        sql = driver.mogrify(*compiler.as_sql()).replace("%", "%%")
        for number, mark in enumerate(marks):
            literal = driver.mogrify("%s", [mark])
            if literal not in sql:
                raise TypeError("Not every value of the query can be found in it again.")
            sql = sql.replace(literal, f"%(p{number})s")
    return str(sql)
