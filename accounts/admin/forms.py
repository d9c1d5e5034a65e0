"""The forms of users and groups. Which verb each of them runs stands in its ``run``."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
)

from accounts import people, permissions, rights, roles
from accounts.admin.pages import VerbForm
from accounts.models import Role, User


class RightsWidget(UnfoldAdminCheckboxSelectMultipleWidget):  # type: ignore[misc] # unfold is not annotated
    template_name = "accounts/rights_widget.html"


class PersonForm(VerbForm):
    """What a new user and a present one have in common. Offered is only what the actor may hand out."""

    role = forms.ChoiceField(widget=UnfoldAdminRadioSelectWidget())
    groups = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="What they allow comes on top of the role.",
    )

    class Meta:
        model = User
        fields: tuple[str, ...] = ("email", "username", "display_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = roles.grantable(by=self.actor)
        if isinstance(role := self.fields.get("role"), forms.ChoiceField):
            own = self.instance.role() if not self.instance._state.adding else Role.MEMBER.value
            self.initial["role"] = own
            names = [one for one in Role if one == own or one.value in offered]
            role.choices = [(one.value, f"{one.label}: {permissions.ROLES[one]}") for one in names]
        if isinstance(groups := self.fields.get("groups"), forms.ModelMultipleChoiceField):
            groups.queryset = roles.custom().filter(name__in=offered)
            if not roles.custom().exists():
                groups.help_text = _no_groups(self.actor)
            if not self.instance._state.adding:
                self.initial["groups"] = list(roles.custom().filter(user=self.instance))

    def values(self) -> dict[str, Any]:
        found = {name: self.cleaned_data[name] for name in people.FIELDS if name in self.cleaned_data}
        if "groups" in found:
            found["groups"] = [group.name for group in found["groups"]]
        return found


def _no_groups(by: User) -> str:
    if not by.has_perm(roles.ADD):
        return "None yet."
    return format_html('None yet. <a class="underline" href="{}">Add a group</a>', reverse("admin:auth_group_add"))


class UserForm(PersonForm):
    class Meta(PersonForm.Meta):
        fields = (*PersonForm.Meta.fields, "is_superuser")
        labels: ClassVar = {"is_superuser": "Superuser"}
        help_texts: ClassVar = {
            "is_superuser": "May do everything, whatever role and groups say. Only superusers make superusers."
        }

    def run(self) -> User:
        user = User.objects.get(pk=self.instance.pk)
        people.change(user, self.values(), by=self.actor, now=timezone.now())
        return user


class NewUserForm(PersonForm):
    places = {"password": "password2"}

    password1 = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty: the new user gets a mail with a link to choose one.",
    )
    password2 = forms.CharField(
        label="Password, once more",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("password1", "") != data.get("password2", ""):
            self.add_error("password2", ValidationError("The two passwords differ.", code="password_mismatch"))
        return data

    def run(self) -> User:
        password = self.cleaned_data["password1"] or None
        return people.create(self.values(), by=self.actor, password=password, now=timezone.now())


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc] # unfold is not annotated
    """Sets one. To keep somebody out there is deactivating them."""

    usable_password = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)


class GroupForm(VerbForm):
    places = {"permissions": "rights"}

    rights = forms.MultipleChoiceField(label="It allows", required=False, widget=RightsWidget())

    class Meta:
        model = Group
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = rights.of_groups([self.instance]) if self.instance.pk else set()
        if isinstance(allowed := self.fields.get("rights"), forms.MultipleChoiceField):
            self.initial["rights"] = sorted(held & permissions.RIGHTS.keys())
            allowed.choices = _choices(self.actor, held)
        if "name" in self.fields and roles.is_builtin(self.instance.name):
            self.fields["name"].disabled = True
            self.fields["name"].help_text = "A role keeps its name."

    def run(self) -> Group:
        name, wanted = self.cleaned_data["name"], self.cleaned_data["rights"]
        if self.instance._state.adding:
            return roles.create(name, wanted, by=self.actor)
        group = Group.objects.get(pk=self.instance.pk)
        roles.change(group, name=name, permissions=wanted, by=self.actor)
        return group


def _choices(by: User, held: set[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """By area, in the order of the one list; only what the actor may hand out."""
    found: dict[str, list[tuple[str, str]]] = {area: [] for area in permissions.AREAS.values()}
    for name, words in permissions.RIGHTS.items():
        if name in held or rights.may_grant([name], by=by):
            found[permissions.area_of(name)].append((name, words))
    return [(area, choices) for area, choices in found.items() if choices]
