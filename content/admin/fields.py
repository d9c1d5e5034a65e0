"""Form fields for values that are no plain text: a list of tags, an object of links."""

import csv
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from core.admin import TextInput

EMPTY_ROWS = 2


class TagsField(forms.CharField):
    """A list of texts, written with commas between them. A tag that holds a comma itself stands in quotes."""

    widget = TextInput

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join(_quoted(str(tag)) for tag in value)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        try:
            rows = list(csv.reader(text.splitlines(), skipinitialspace=True))
        except csv.Error as error:
            raise ValidationError("This is much too long for tags.", code="max_length") from error
        return [tag.strip() for row in rows for tag in row if tag.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or []) != self.to_python(data))
        except ValidationError:
            return True


def _quoted(tag: str) -> str:
    if "," not in tag and '"' not in tag:
        return tag
    return '"' + tag.replace('"', '""') + '"'


class LinkRows(forms.Widget):
    """Pairs of inputs, name and address, with some empty ones below."""

    template_name = "content/link_rows.html"

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[tuple[str, str]]:
        names, urls = (data.getlist(f"{name}_{part}") for part in ("name", "url"))  # type: ignore[attr-defined]
        return [(one.strip(), url.strip()) for one, url in zip(names, urls, strict=False)]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}_name" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        written = [pair for pair in (value or []) if any(pair)]
        inputs = TextInput().attrs["class"]
        context["widget"] |= {"rows": [*written, *[("", "")] * EMPTY_ROWS], "input_class": inputs}
        return context

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return f"{id_}_0"


class LinksField(forms.Field):
    """An object of names and addresses."""

    widget = LinkRows

    def prepare_value(self, value: Any) -> Any:
        return list(value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, str]:
        links: dict[str, str] = {}
        for name, url in value or []:
            if not name and not url:
                continue
            if not name or not url:
                raise ValidationError(f"{name or url}: a link needs both a name and an address.", code="incomplete")
            if name in links:
                raise ValidationError(f"The name {name!r} stands twice.", code="duplicate")
            links[name] = url
        return links

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except ValidationError:
            return True
