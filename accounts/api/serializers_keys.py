"""The shapes of JSON under /api-keys, and what /auth/me says to an API key."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from accounts import keys
from accounts.api.serializers import UserDetail
from accounts.models import ApiKey
from core.api import parsing
from core.api.serializers import BoundedList, StrictInput, StrictText


@extend_schema_field({"type": ["string", "null"], "format": "date-time"})
class Moment(serializers.Field[datetime, Any, str, Any]):
    """A moment with its zone; Django's own field would take one without, and guess."""

    def to_internal_value(self, data: Any) -> datetime:
        found = parsing.moment(data) if isinstance(data, str) else None
        if found is None:
            raise serializers.ValidationError("A moment with its zone, such as 2026-03-01T09:30:00Z.", code="invalid")
        return found


class ApiKeyInput(StrictInput):
    """What a key is for, what it may, and until when."""

    name = StrictText(max_length=keys.MAX_NAME_LENGTH)
    scopes = BoundedList(child=StrictText(max_length=100), max_length=keys.MAX_SCOPES, allow_empty=False)
    expires_at = Moment(required=False, allow_null=True)


@extend_schema_serializer(component_name="PresentApiKey")
class PresentKey(serializers.Serializer[ApiKey]):
    """The key with which this request was sent."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How the key begins.")
    scopes = serializers.ListField(child=serializers.CharField(), help_text="Sorted names of rights.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Null: never.")


@extend_schema_serializer(component_name="Me")
class MeDetail(UserDetail):
    """Whoever sends this request."""

    api_key = PresentKey(required=False, help_text="Only where it was sent with an API key.")


class Maker(serializers.Serializer[Any]):
    """Whose key it is."""

    id = serializers.UUIDField()
    username = serializers.CharField()


@extend_schema_serializer(component_name="ApiKey")
class ApiKeyDetail(PresentKey):
    """An API key, without its secret part."""

    user = Maker()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute; null: not yet.")


@extend_schema_serializer(component_name="NewApiKey")
class NewApiKey(ApiKeyDetail):
    """A key that was just made."""

    key = serializers.CharField(help_text="The whole key, shown this once.")


@extend_schema_serializer(component_name="ApiKeyList")
class ApiKeyPage(serializers.Serializer[Any]):
    """A page of keys."""

    items = ApiKeyDetail(many=True)
    total = serializers.IntegerField(min_value=0, help_text="How many match in all.")
    page = serializers.IntegerField(min_value=1)
    per_page = serializers.IntegerField(min_value=1, max_value=100)
    total_pages = serializers.IntegerField(min_value=0)


def present_key(key: ApiKey) -> dict[str, Any]:
    return {"id": key.pk, "name": key.name, "prefix": key.prefix, "scopes": key.scopes, "expires_at": key.expires_at}


def api_key_detail(key: ApiKey) -> dict[str, Any]:
    """Costs no query where the user was selected with the key."""
    return present_key(key) | {
        "user": {"id": key.user_id, "username": key.user.username},
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
    }
