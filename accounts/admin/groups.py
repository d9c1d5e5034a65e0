"""Groups in the admin: the four roles, and those that a site makes, with what they allow in words."""

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts import permissions, roles
from accounts.admin.forms import GroupForm
from accounts.admin.pages import VerbAdmin, actor
from accounts.models import User
from core.admin import display


class GroupAdmin(VerbAdmin):
    form = GroupForm
    fieldsets = ((None, {"fields": ("name", "rights")}),)
    list_display = ("name", "kind", "meaning", "members")
    search_fields = ("name",)
    search_help_text = "Name of the group"
    ordering = ("name", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        rows: QuerySet[Group] = super().get_queryset(request)
        return rows.annotate(member_count=Count("user")).prefetch_related("permissions__content_type")

    @display(description="kind", label={"role": "info", "group": ""})
    def kind(self, group: Group) -> tuple[str, str]:
        return ("role", "role") if roles.is_builtin(group.name) else ("group", "group")

    @display(description="what it is for")
    def meaning(self, group: Group) -> str:
        return roles.describe(group).description

    @display(description="members", ordering="member_count")
    def members(self, group: Any) -> int:
        count: int = group.member_count
        return count

    @display(description="It allows")
    def rights(self, group: Group) -> SafeString:
        """For those who may only look."""
        words = ((permissions.RIGHTS[name],) for name in roles.describe(group).permissions)
        return format_html_join("", "<div>{}</div>", words)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _may(roles.CHANGE, request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _may(roles.DELETE, request, obj) and (obj is None or not roles.is_builtin(obj.name))

    def deletion(self, row: Group) -> str:
        return f"{row}: its members lose what it gave them"

    def delete_by_verb(self, row: Group, *, by: User) -> None:
        roles.delete(row, by=by)


def _may(right: str, request: HttpRequest, group: Group | None) -> bool:
    by = actor(request)
    return by.has_perm(right) if group is None else roles.may_change(group, by=by, right=right)
