"""Bases for the shapes that come in: strict about names and types, silent about what is read-only."""

from typing import Any

from rest_framework import serializers


class StrictInput(serializers.Serializer[Any]):
    """Refuses unknown fields. ``read_only_names`` are accepted and ignored, so that what was read can be sent back."""

    read_only_names: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            known = {*self.fields, *self.read_only_names}
            unknown = {name: ["There is no such field here."] for name in data if name not in known}
            if unknown:
                raise serializers.ValidationError(unknown, code="unknown_field")
        return super().to_internal_value(data)


class StrictText(serializers.CharField):
    """Text is text: numbers and booleans are refused instead of being turned into it."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictBoolean(serializers.BooleanField):
    """``true`` or ``false``; DRF would take "yes", 1 and "on" as well."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
