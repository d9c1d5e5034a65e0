"""``field__has="x"``: a JSON array holds the text x. Django's ``contains`` on JSON does not exist on SQLite."""

from typing import Any

from django.db.models import JSONField, Lookup


@JSONField.register_lookup
class Has(Lookup):
    lookup_name = "has"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        return "%s", (str(value),)

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        (left, left_params), (right, right_params) = self._sides(compiler, connection)
        return f"{left} @> jsonb_build_array({right}::text)", (*left_params, *right_params)

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        (left, left_params), (right, right_params) = self._sides(compiler, connection)
        return f"EXISTS (SELECT 1 FROM json_each({left}) WHERE value = {right})", (*left_params, *right_params)  # noqa: S608 - compiled SQL, values apart

    def _sides(self, compiler: Any, connection: Any) -> tuple[Any, Any]:
        return self.process_lhs(compiler, connection), self.process_rhs(compiler, connection)
