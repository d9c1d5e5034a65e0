"""The shapes of JSON under /users and /roles."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts import people, permissions, roles
from accounts.api.serializers_accounts import SINGLE_LINE
from accounts.models import Role, User
from core.api.serializers import BoundedList, StrictBoolean, StrictInput, StrictText

READ_ONLY = (
    "id",
    "permissions",
    "is_superuser",
    "is_invited",
    "has_second_factor",
    "last_login_at",
    "created_at",
    "updated_at",
)


# --- In ------------------------------------------------------------------------------------------------------------


class RoleField(serializers.ChoiceField):
    """One of the four."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Role.values, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class UserInput(StrictInput):
    """Somebody new, who is invited by mail to choose a password."""

    email = StrictText(max_length=254, trim_whitespace=False)
    username = StrictText(max_length=150, trim_whitespace=False)
    display_name = StrictText(max_length=150, allow_blank=True, required=False, validators=[SINGLE_LINE])
    role = RoleField(required=False)
    groups = BoundedList(
        child=StrictText(max_length=roles.MAX_NAME_LENGTH), max_length=roles.MAX_GROUPS, required=False
    )

    read_only_names = READ_ONLY


class UserChangeInput(UserInput):
    """What is to be different."""

    is_active = StrictBoolean(required=False)


# --- Out -----------------------------------------------------------------------------------------------------------


@extend_schema_serializer(component_name="ManagedUserSummary")
class UserSummary(serializers.Serializer[User]):
    """A user in a list, for those who manage users."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Role.values, help_text="The highest one; `admin` for superusers.")
    groups = serializers.ListField(child=serializers.CharField(), help_text="Sorted names of the other groups.")
    is_active = serializers.BooleanField()
    is_superuser = serializers.BooleanField(help_text="May everything, whatever the groups allow.")
    is_invited = serializers.BooleanField(help_text="Has chosen no password yet and was never here.")
    has_second_factor = serializers.BooleanField()
    last_login_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="ManagedUser")
class ManagedUserDetail(UserSummary):
    """A user, for those who manage users."""

    permissions = serializers.ListField(
        child=serializers.CharField(), help_text="Sorted names of what the user may at this moment; deactivated: none."
    )


@extend_schema_serializer(component_name="ManagedUserList")
class UserPage(serializers.Serializer[Any]):
    """A page of users."""

    items = UserSummary(many=True)
    total = serializers.IntegerField(min_value=0, help_text="How many match in all.")
    page = serializers.IntegerField(min_value=1)
    per_page = serializers.IntegerField(min_value=1, max_value=100)
    total_pages = serializers.IntegerField(min_value=0)


class InvitationSent(serializers.Serializer[Any]):
    """Accepted: a job sends it."""

    detail = serializers.CharField(help_text="For people.")


@extend_schema_serializer(component_name="Role")
class RoleDetail(serializers.Serializer[roles.Described]):
    """One of the four roles, or a group that the site made."""

    name = serializers.CharField()
    description = serializers.CharField()
    is_builtin = serializers.BooleanField(help_text="One of the four.")
    permissions = serializers.ListField(child=serializers.CharField(), help_text="Sorted names of what it allows.")


@extend_schema_serializer(component_name="Permission")
class RightDetail(serializers.Serializer[Any]):
    """A right, in words."""

    name = serializers.CharField()
    description = serializers.CharField()


@extend_schema_serializer(component_name="Roles")
class RoleList(serializers.Serializer[Any]):
    """The roles and groups, and every right that there is."""

    items = RoleDetail(many=True)
    permissions = RightDetail(many=True)


def user_summary(user: Any) -> dict[str, Any]:
    """Of a user from ``listing.whole``: no query."""
    return {
        "id": user.pk,
        "email": user.email,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role(),
        "groups": roles.custom_names(user),
        "is_active": user.is_active,
        "is_superuser": user.is_superuser,
        "is_invited": people.is_invited(user),
        "has_second_factor": user.has_second_factor,
        "last_login_at": user.last_login,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def user_detail(user: User) -> dict[str, Any]:
    """Two queries more than the summary."""
    held = user.get_all_permissions() & permissions.RIGHTS.keys()
    return {**user_summary(user), "permissions": sorted(held)}


def role_list(described: list[roles.Described]) -> dict[str, Any]:
    rights = [{"name": name, "description": words} for name, words in permissions.RIGHTS.items()]
    return {"items": [role_detail(one) for one in described], "permissions": rights}


def role_detail(role: roles.Described) -> dict[str, Any]:
    return {
        "name": role.name,
        "description": role.description,
        "is_builtin": role.is_builtin,
        "permissions": list(role.permissions),
    }
