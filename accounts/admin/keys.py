"""Everybody's API keys in the admin: whose they are, what they may, and the end of one. They are made by the API."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts import keys, permissions
from accounts.admin.pages import AuditedAdmin, actor
from accounts.models import ApiKey
from core import errors
from core.admin import display


class KeyAdmin(AuditedAdmin):
    list_display = ("name", "shown_prefix", "user", "state", "created_at", "expires_at", "last_used_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("name", "prefix__startswith", "user__email", "user__username")
    search_help_text = "Name, beginning of the key, or its maker"
    ordering = ("-created_at", "id")
    fields = ("name", "shown_prefix", "user", "shown_scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    actions = ("revoke",)
    change_form_outer_after_template = "accounts/revoke_key.html"

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Django would let anybody who sees the list ask ``hash__startswith``."""
        return lookup == "revoked_at__isempty"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Revoked instead: what a key has done stays told with its name."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(keys.DELETE)

    @display(description="begins with", ordering="prefix")
    def shown_prefix(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="state", label={"lives": "success", "ended": "warning", "revoked": "danger"})
    def state(self, key: ApiKey) -> tuple[str, str]:
        if key.revoked_at is not None:
            return "revoked", "revoked"
        return ("lives", "active") if key.is_alive(timezone.now()) else ("ended", "expired")

    @display(description="may")
    def shown_scopes(self, key: ApiKey) -> SafeString:
        """In the words of the groups' form; a right that there is no more, by its name."""
        words = ((permissions.RIGHTS.get(name, name),) for name in key.scopes)
        return format_html_join("", "<div>{}</div>", words)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page's button presses what the list offers."""
        key: ApiKey | None = kwargs.get("obj")
        is_kept = key is not None and key.revoked_at is None
        context |= {"may_revoke": is_kept and self.has_revoke_permission(request), "list_url": self.page("changelist")}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        by, now = actor(request), timezone.now()
        for key in rows.select_related("user"):
            try:
                keys.revoke(key, by=by, now=now)
            except errors.NotFound:
                messages.warning(request, f"{key} was revoked before.")
            else:
                messages.success(request, f"{key}: revoked.")
