"""The rich-text editor, and the plain one for HTML that the rich one would lose.

The editor knows fewer elements than our allow-list (docs/html.md); what it does not know, it drops as soon as somebody
types. So a text that holds such HTML is edited as source.
"""

from typing import Any

import nh3
from django_prose_editor.widgets import AdminProseEditorWidget

from core.admin import Textarea

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
}
_KEPT: dict[str, set[str]] = {
    **{name: set() for name in ("p", "h2", "h3", "h4", "strong", "em", "b", "i", "u", "s", "del", "sub", "sup", "code")},
    **{name: set() for name in ("pre", "br", "hr", "blockquote", "ul", "li", "figure", "figcaption")},
    **{name: set() for name in ("table", "tbody", "tr")},
    "ol": {"start"},
    "a": {"href", "title", "target", "rel"},
    "img": {"src", "alt"},
    "th": {"colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
}
_keeping = nh3.Cleaner(
    tags=set(_KEPT), attributes=_KEPT, link_rel=None, url_schemes={"http", "https", "mailto", "tel"}
)


def keeps(html: str) -> bool:
    """The rich-text editor can hold all of this clean HTML."""
    return _keeping.clean(html) == html


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


