"""The rich-text editor, and the plain one for HTML that the rich one would lose.

By itself the editor knows fewer elements than our allow-list (docs/html.md), and what it does not know, it drops as
soon as somebody types. ``static/content/prose.js`` makes it carry the rest along; what even that cannot hold is edited
as source.
"""

import re
from typing import Any

from django_prose_editor.widgets import AdminProseEditorWidget

from core.admin import Textarea
from core.html import allowed

EXTENSIONS: dict[str, Any] = {
    "Heading": {"levels": [2, 3, 4]},
    "Bold": True,
    "Italic": True,
    "Underline": True,
    "Strike": True,
    "Subscript": True,
    "Superscript": True,
    "Code": True,
    "CodeBlock": True,
    "HardBreak": True,
    "HorizontalRule": True,
    "Blockquote": True,
    "BulletList": True,
    "OrderedList": True,
    "ListItem": True,
    "Link": {"enableTarget": True, "protocols": ["http", "https", "mailto", "tel"]},
    "Figure": True,
    "Caption": True,
    "Image": True,
    "Table": True,
    "TableRow": True,
    "TableHeader": True,
    "TableCell": True,
    "HTML": True,
    "Carried": {
        "elements": {name: sorted({*checks, "class", "rel", "allow"}) for name, checks in allowed.ELEMENTS.items()},
        "classes": sorted(allowed.CLASSES),
    },
}
# What `prose.js` carries along, and the very few things that it does not.
_LOST = re.compile(r"<(?:wbr|div)>")
_PART = re.compile(r"<(?:dt|dd|figcaption|summary)\b")
_WHOLE = re.compile(r"</(?:dl|figure|details)>")


def keeps(html: str) -> bool:
    """The visual editor can hold all of this clean HTML."""
    return _LOST.search(html) is None and _last(_PART, html) <= _last(_WHOLE, html)


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Where it stands for the last time; -1: nowhere. Looking ahead from every part would take the square of time."""
    return max((found.start() for found in pattern.finditer(text)), default=-1)


class RichText(AdminProseEditorWidget):  # type: ignore[misc] # django_prose_editor is not annotated
    """The rich-text editor where it does no harm, else the HTML itself."""

    template_name = "content/rich_text.html"
    as_source = False  # asked for by the writer

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs=attrs, config={"extensions": EXTENSIONS}, preset="configurable")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        widget = context["widget"]
        widget["loses"] = not keeps(value or "")
        widget["is_source"] = self.as_source or widget["loses"]
        if widget["is_source"]:
            del widget["attrs"]["data-django-prose-editor-configurable"]
            widget["attrs"] |= {"class": f"{Textarea().attrs['class']} font-mono", "rows": 24, "spellcheck": "false"}
        return context
