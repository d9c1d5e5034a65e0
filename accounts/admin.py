"""Users, groups and sessions in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import activation
from accounts.models import TokenFamily, User
from core import errors
from core.admin import ModelAdmin

admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    pass


class NewUserForm(UserCreationForm):  # type: ignore[misc] # unfold is not annotated
    usable_password = None  # there is no other way to log in than with a password


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    fieldsets = (
        (None, {"fields": ("email", "username", "display_name", "password")}),
        (
            "Rights",
            {
                "fields": ("is_active", "groups", "is_superuser"),
                "description": "To activate or deactivate somebody, choose the action in the list of users.",
            },
        ),
        ("Dates", {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("email", "username", "display_name", "groups", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("is_active", "last_login", "created_at", "updated_at")
    list_display = ("email", "username", "display_name", "group_names", "is_active", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    search_fields = ("email", "username", "display_name")
    ordering = ("email",)
    filter_horizontal = ()
    actions = ("activate", "deactivate")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """There are few groups: a box for each."""
        return super().formfield_for_manytomany(
            db_field, request, **{**kwargs, "widget": UnfoldAdminCheckboxSelectMultipleWidget()}
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Only superusers make superusers."""
        return self.readonly_fields if _actor(request).is_superuser else (*self.readonly_fields, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Sessions go with their user: that nobody may delete one by itself is no obstacle."""
        shown, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        return shown, counts, perms_needed - {TokenFamily._meta.verbose_name}, protected

    @admin.display(description="groups")
    def group_names(self, user: User) -> str:
        return ", ".join(sorted(group.name for group in user.groups.all()))

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        by = _actor(request)
        self._each(request, users, "Activated.", lambda user: activation.activate(user, by=by))

    @admin.action(description="Deactivate and log out everywhere", permissions=["change"])
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        now = timezone.now()
        by = _actor(request)
        self._each(request, users, "Deactivated.", lambda user: activation.deactivate(user, by=by, now=now))

    def _each(self, request: HttpRequest, users: QuerySet[User], done: str, verb: Any) -> None:
        for user in users:
            try:
                verb(user)
            except errors.Refusal as refusal:
                messages.error(request, f"{user}: {refusal.detail}")
            else:
                self.log_change(request, user, done)
                messages.success(request, f"{user}: {done}")


@admin.register(TokenFamily)
class TokenFamilyAdmin(ModelAdmin):
    list_display = ("user", "created_at", "rotated_at", "expires_at", "revoked_at", "address", "user_agent")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__username", "address")
    ordering = ("-created_at", "id")
    exclude = ("jti",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TokenFamily | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return _actor(request).has_perm("accounts.revoke_tokenfamily")

    @admin.action(description="Revoke: log out", permissions=["revoke"])
    def revoke(self, request: HttpRequest, families: QuerySet[TokenFamily]) -> None:
        count = TokenFamily.objects.filter(pk__in=families.values("pk")).revoke(timezone.now())
        messages.success(request, f"Sessions revoked: {count}.")


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin site lets nobody else in
    return request.user


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """Superusers are changed and deleted by superusers only."""
    return user is None or _actor(request).is_superuser or not user.is_superuser
