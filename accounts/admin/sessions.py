"""Who is logged in from where, in the admin."""

from datetime import datetime

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import activation
from accounts.admin.pages import AuditedAdmin, actor
from accounts.models import TokenFamily
from core.admin import display


class SessionAdmin(AuditedAdmin):
    list_display = ("user", "created_at", "last_used_at", "expires_at", "revoked_at", "address", "user_agent")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__username", "address")
    search_help_text = "E-mail, username or address"
    ordering = ("-created_at", "id")
    fields = ("user", "created_at", "last_used_at", "expires_at", "revoked_at", "address", "user_agent")
    readonly_fields = ("last_used_at",)
    actions = ("revoke",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Django would let anybody who sees the list ask ``jti__startswith``."""
        return lookup == "revoked_at__isempty"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(activation.REVOKE)

    @display(description="last used at", ordering="rotated_at")
    def last_used_at(self, family: TokenFamily) -> datetime:
        return family.rotated_at

    @admin.action(description="Revoke: log out", permissions=["revoke"])
    def revoke(self, request: HttpRequest, families: QuerySet[TokenFamily]) -> None:
        by, now = actor(request), timezone.now()
        with transaction.atomic():
            count = sum(activation.end_session(family, by=by, now=now) for family in families.select_related("user"))
        messages.success(request, f"Sessions revoked: {count}.")
