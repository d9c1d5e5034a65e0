"""What somebody sees who may look at a thing and not change it: text as visitors would see it, no source code."""

from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from core import html
from core.admin import ModelAdmin, display

SHOWN = {
    "body": "shown_body",
    "footer_text": "shown_footer_text",
    "tags": "shown_tags",
    "social_links": "shown_social_links",
}


class LookingAdmin(ModelAdmin):
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (title, {**options, "fields": [SHOWN.get(name, name) for name in options["fields"]]})
            for title, options in fieldsets
        ]

    @display(description="Body")
    def shown_body(self, obj: Any) -> SafeString:
        return _as_visitors_see(obj.body)

    @display(description="Footer text")
    def shown_footer_text(self, obj: Any) -> SafeString:
        return _as_visitors_see(obj.footer_text)

    @display(description="Tags")
    def shown_tags(self, obj: Any) -> str:
        return ", ".join(obj.tags) or "-"

    @display(description="Social links")
    def shown_social_links(self, obj: Any) -> str:
        return format_html_join("", "<p>{}: {}</p>", obj.social_links.items()) or "-"


def _as_visitors_see(text: str) -> SafeString:
    safe = mark_safe(html.clean(text).html)  # noqa: S308 - cleaned in this very line
    return format_html('<div class="desk-prose">{}</div>', safe)
