"""The shapes of JSON under /auth."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.api.cookie import Delivery
from accounts.credentials import MAX_PASSWORD_LENGTH
from accounts.models import Role, User
from accounts.tokens import Pair
from core.api.serializers import StrictInput, StrictText

MAX_TOKEN_LENGTH = 4096


class DeliveryInput(StrictInput):
    """What every login takes: how it wants the refresh token delivered (``CredentialDoor.paired``)."""

    delivery = serializers.ChoiceField(
        choices=[one.value for one in Delivery],
        default=Delivery.JSON.value,
        help_text="Where the refresh token goes: into the body of the answer (`json`, the default) or into a cookie "
        "that no script can read (`cookie`), which is for pages of this site and needs their `Origin`.",
    )


class LoginInput(DeliveryInput):
    """E-mail and password."""

    email = StrictText(max_length=254, trim_whitespace=False, help_text="In any case.")
    password = StrictText(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False)


class RefreshInput(StrictInput):
    """The refresh token that was given last. Without it, or without a body, the cookie is used."""

    refresh_token = StrictText(max_length=MAX_TOKEN_LENGTH, trim_whitespace=False, required=False)


class PasswordGrantInput(StrictInput):
    """RFC 6749, section 4.3.2. ``scope`` and the client's own credentials are accepted and ignored: there are none."""

    grant_type = serializers.ChoiceField(choices=["password"])
    username = StrictText(max_length=254, trim_whitespace=False, help_text="The e-mail, in any case.")
    password = StrictText(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False)
    scope = StrictText(required=False, allow_blank=True, max_length=1000)
    client_id = StrictText(required=False, allow_blank=True, max_length=1000)
    client_secret = StrictText(required=False, allow_blank=True, max_length=1000)


@extend_schema_serializer(component_name="User")
class UserDetail(serializers.Serializer[User]):
    """A person who can log in."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices, help_text="The highest one. What is allowed: `permissions`.")
    permissions = serializers.ListField(child=serializers.CharField(), help_text="Sorted names of rights.")
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class TokenPair(serializers.Serializer[Pair]):
    """An access token for requests, and a refresh token for the next pair."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")
    user = UserDetail()


class CookiePair(serializers.Serializer[Pair]):
    """The same where the refresh token travels as a cookie: this is all that a script sees."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["Bearer"])
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")
    user = UserDetail()


def user_detail(user: User) -> dict[str, Any]:
    """Costs three queries: the role, the user's own rights and those of the groups."""
    return {
        "id": user.pk,
        "email": user.email,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role(),
        "permissions": sorted(user.get_all_permissions()),
        "is_active": user.is_active,
        "created_at": user.created_at,
    }


def token_pair(pair: Pair, *, delivery: str = Delivery.JSON) -> dict[str, Any]:
    in_body = {"refresh_token": pair.refresh_token} if delivery == Delivery.JSON else {}
    return {
        "access_token": pair.access_token,
        **in_body,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "user": user_detail(pair.user),
    }
