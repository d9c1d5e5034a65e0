"""Bases for the shapes that come in: strict about names and types, silent about what is read-only."""

from typing import Any

from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

MAX_UNKNOWN = 20  # who sends thousands of wrong names learns nothing from a list of them all


class StrictInput(serializers.Serializer[Any]):
    """Refuses unknown fields. ``read_only_names`` are accepted and ignored, so that what was read can be sent back."""

    default_error_messages = {"null": "Send an object."}
    read_only_names: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            known = {*self.fields, *self.read_only_names}
            unknown = [name[:80] for name in data if name not in known]
            if unknown:
                found = {name: ["There is no such field here."] for name in unknown[:MAX_UNKNOWN]}
                raise serializers.ValidationError(found, code="unknown_field")
        return super().to_internal_value(data)


class EmptyInput(StrictInput):
    """Of an operation that needs no body: an empty object at most."""


class NoSurrogates(ProhibitSurrogateCharactersValidator):
    """DRF's own, which looks at each character, for texts that cannot be encoded."""

    def __call__(self, value: Any) -> None:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            super().__call__(value)


class StrictText(serializers.CharField):
    """Text is text: numbers and booleans are refused instead of being turned into it.

    Its length is what was sent, blanks around it included, as the document says.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        slow = ProhibitSurrogateCharactersValidator()
        self.validators = [NoSurrogates() if one == slow else one for one in self.validators]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class BoundedList(serializers.ListField):
    """Counts before it looks: DRF would judge each of a million items, and only then say that they are too many."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        found: list[Any] = super().to_internal_value(data)
        return found


class StrictBoolean(serializers.BooleanField):
    """``true`` or ``false``; DRF would take "yes", 1 and "on" as well."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
