"""The site settings: one row, so no list."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from content.admin.forms import SiteSettingsForm
from content.admin.versioned import VersionedAdmin
from content.models import SiteSettings, Versioned


class SiteSettingsAdmin(VersionedAdmin):
    form = SiteSettingsForm
    fieldsets = (
        (None, {"fields": ("site_name", "tagline", "logo_url")}),
        ("Foot of every page", {"fields": ("footer_text", "social_links")}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.page("change", SiteSettings.objects.values_list("pk", flat=True).get()))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Versioned | None = None) -> bool:
        return False
