"""Users in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from accounts import activation, listing, people, rights, roles
from accounts.admin.forms import NewUserForm, PasswordForm, UserForm
from accounts.admin.pages import VerbAdmin, actor, sentence
from accounts.factors import resets
from accounts.models import Role, User
from core import errors
from core.admin import display


class RoleFilter(admin.SimpleListFilter):
    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(role.value, role.label) for role in Role]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        return roles.having(queryset, chosen) if chosen in Role.values else queryset


class GroupFilter(admin.SimpleListFilter):
    title = "group"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(group.pk), group.name) for group in roles.custom()[: roles.MAX_GROUPS]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        chosen = self.value()
        known = {value for value, _ in self.lookup_choices}
        return queryset.filter(groups=int(chosen)) if chosen is not None and chosen in known else queryset


class UserAdmin(VerbAdmin):
    form = UserForm
    fieldsets = (
        (None, {"fields": ("email", "username", "display_name", "password_state")}),
        (
            "Rights",
            {
                "fields": ("is_active", "role", "groups", "is_superuser"),
                "description": "To activate or deactivate somebody, choose the action in the list of users.",
            },
        ),
        ("Dates", {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "username", "display_name", "role", "groups")}),
        (
            "Password",
            {
                "fields": ("password1", "password2"),
                "description": "An invitation is sent by mail, unless you choose a password here.",
            },
        ),
    )
    readonly_fields = ("password_state", "is_active", "last_login", "created_at", "updated_at")
    list_display = ("email", "username", "display_name", "shown_role", "group_names", "state", "factor", "last_login")
    list_filter = (RoleFilter, "is_active", GroupFilter)
    lookups = ("role", "group", "is_active__exact")
    search_fields = ("email", "username", "display_name")
    search_help_text = "E-mail, username or name"
    ordering = ("email", "id")
    actions = ("activate", "deactivate", "invite", "log_out", "reset_factors")

    # --- the list ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return listing.whole(super().get_queryset(request))

    @display(description="role")
    def shown_role(self, user: User) -> str:
        return "superuser" if user.is_superuser else user.role()

    @display(description="groups")
    def group_names(self, user: User) -> str:
        return ", ".join(roles.custom_names(user))

    @display(description="state", ordering="is_active", label={"active": "success", "invited": "info", "off": "danger"})
    def state(self, user: User) -> tuple[str, str]:
        if not user.is_active:
            return "off", "deactivated"
        return ("invited", "invited") if people.is_invited(user) else ("active", "active")

    @display(description="second factor", boolean=True)
    def factor(self, user: Any) -> bool:
        return bool(user.has_second_factor)

    @display(description="password")
    def password_state(self, user: User) -> SafeString:
        state = "is set" if user.has_usable_password() else "none"
        return format_html('{} · <a class="underline" href="../password/">Set a new one</a>', state)

    # --- who may ---

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may(rights.CHANGE, request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may(rights.DELETE, request, obj)

    def has_invite_permission(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(rights.ADD)

    def has_log_out_permission(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(activation.REVOKE)

    # --- one user ---

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Only superusers make superusers."""
        return self.readonly_fields if rights.is_superuser(actor(request)) else (*self.readonly_fields, "is_superuser")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **({} if obj else {"form": NewUserForm}), **kwargs)

    @method_decorator(sensitive_post_parameters())
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        response: HttpResponse = super().add_view(request, form_url, extra_context)
        return response

    def deletion(self, row: User) -> str:
        return f"{row} ({row.email}), with sessions, API keys and second factors; what they wrote stays, without a name"

    def delete_by_verb(self, row: User, *, by: User) -> None:
        people.delete(row, by=by)

    # --- the password of somebody else ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.password_view)
        return [path("<id>/password/", view, name="auth_user_password_change"), *super().get_urls()]

    @method_decorator(sensitive_post_parameters())
    def password_view(self, request: HttpRequest, id: str) -> HttpResponse:
        user = self.get_object(request, unquote(id))
        if user is None:
            raise Http404
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user == actor(request):  # with the present one, as for everybody
            return HttpResponseRedirect(reverse("admin:password_change"))
        form = PasswordForm(user, request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._set_password(request, user, form.cleaned_data["password1"])
        return TemplateResponse(
            request, "admin/auth/user/change_password.html", self._password_page(request, user, form)
        )

    def _set_password(self, request: HttpRequest, user: User, password: str) -> HttpResponse:
        try:
            people.set_password(user, password, by=actor(request), now=timezone.now())
        except errors.Refusal as refusal:
            messages.error(request, sentence(refusal))
        else:
            self.log_change(request, user, "Changed password.")
            messages.success(request, f"The password of {user} is set, and every session of theirs has ended.")
        return HttpResponseRedirect(self.page("change", user.pk))

    def _password_page(self, request: HttpRequest, user: User, form: PasswordForm) -> dict[str, Any]:
        fields = [(None, {"fields": list(form.fields)})]
        return {
            **self.admin_site.each_context(request),
            "title": f"Set the password of {user}",
            "form": form,
            "adminForm": AdminForm(form, fields, {}),
            "opts": self.opts,
            "original": user,
            "add": True,
            "has_change_permission": True,
        }

    # --- several at once ---

    @admin.action(description="Activate", permissions=["change"])
    def activate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        by = actor(request)
        self.each(request, users, "Activated", lambda user: activation.activate(user, by=by))

    @admin.action(description="Deactivate and log out everywhere", permissions=["change"])
    def deactivate(self, request: HttpRequest, users: QuerySet[User]) -> None:
        by, now = actor(request), timezone.now()
        self.each(request, users, "Deactivated", lambda user: activation.deactivate(user, by=by, now=now))

    @admin.action(description="Send the invitation again", permissions=["invite"])
    def invite(self, request: HttpRequest, users: QuerySet[User]) -> None:
        by = actor(request)
        self.each(request, users, "Invited", lambda user: people.invite(user, by=by))

    @admin.action(description="Log out everywhere", permissions=["log_out"])
    def log_out(self, request: HttpRequest, users: QuerySet[User]) -> None:
        by, now = actor(request), timezone.now()
        self.each(request, users, "Logged out everywhere", lambda user: activation.log_out(user, by=by, now=now))

    @admin.action(description="Take second factors away", permissions=["change"])
    def reset_factors(self, request: HttpRequest, users: QuerySet[User]) -> None:
        by, now = actor(request), timezone.now()
        self.each(request, users, "Second factors taken away", lambda user: resets.reset_factors(user, by=by, now=now))


def _may(right: str, request: HttpRequest, user: User | None) -> bool:
    by = actor(request)
    return by.has_perm(right) if user is None else rights.may_manage(user, by=by, right=right)
