"""The shapes of JSON around an account: getting one, its password, its sessions, itself."""

from typing import Any
from uuid import UUID

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.api.serializers import MAX_TOKEN_LENGTH, UserDetail
from accounts.credentials import MAX_PASSWORD_LENGTH
from accounts.models import TokenFamily, User
from accounts.profile import FIELDS
from core.api.serializers import StrictInput, StrictText

SINGLE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z", "One line of text, without control characters.")


def _length(name: str) -> int:
    longest = User._meta.get_field(name).max_length  # type: ignore[union-attr]
    assert longest is not None
    return longest


def _email() -> StrictText:
    return StrictText(max_length=_length("email"), trim_whitespace=False, help_text="In any case.")


def _username(**options: Any) -> StrictText:
    return StrictText(max_length=_length("username"), trim_whitespace=False, **options)


def _display_name() -> StrictText:
    return StrictText(max_length=_length("display_name"), allow_blank=True, required=False, validators=[SINGLE_LINE])


def _password() -> StrictText:
    return StrictText(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False)


def _token() -> StrictText:
    return StrictText(max_length=MAX_TOKEN_LENGTH, trim_whitespace=False)


# --- In ------------------------------------------------------------------------------------------------------------


class RegistrationInput(StrictInput):
    """Who wants an account."""

    email = _email()
    username = _username()
    password = _password()
    display_name = _display_name()


class EmailInput(StrictInput):
    """To whom a mail is to go."""

    email = _email()


class LinkInput(StrictInput):
    """The token of a mailed link."""

    token = _token()


class LinkPasswordInput(StrictInput):
    """The token of a mailed link, and the new password."""

    token = _token()
    password = _password()


class PasswordChangeInput(StrictInput):
    """The present password and the new one."""

    current_password = _password()
    new_password = _password()


class EmailChangeInput(StrictInput):
    """The new e-mail and the present password."""

    email = _email()
    current_password = _password()


class MeInput(StrictInput):
    """What one may change about oneself. Everything else that ``me`` answers is taken back and ignored."""

    username = _username(required=False)
    display_name = _display_name()

    read_only_names = tuple(str(name) for name in UserDetail().fields if str(name) not in FIELDS)


# --- Out -----------------------------------------------------------------------------------------------------------


class Accepted(serializers.Serializer[dict[str, str]]):
    """The same for everybody, whatever there is or is not."""

    detail = serializers.CharField(help_text="What to do next, for people.")


@extend_schema_serializer(component_name="Session")
class SessionDetail(serializers.Serializer[TokenFamily]):
    """One login, and all tokens that came from it."""

    id = serializers.UUIDField()
    created_at = serializers.DateTimeField(help_text="The login.")
    last_used_at = serializers.DateTimeField(help_text="The login, or the last exchange of the refresh token.")
    expires_at = serializers.DateTimeField(help_text="If it is not used until then.")
    address = serializers.IPAddressField(allow_null=True, help_text="Of the client that logged in.")
    user_agent = serializers.CharField(allow_blank=True, help_text="What that client calls itself; may be empty.")
    current = serializers.BooleanField(help_text="Whether this is the session of the request.")


class SessionList(serializers.Serializer[dict[str, Any]]):
    """One page, newest first."""

    items = SessionDetail(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    per_page = serializers.IntegerField()
    total_pages = serializers.IntegerField()


def session_detail(family: TokenFamily, *, present: UUID | None) -> dict[str, Any]:
    return {
        "id": family.pk,
        "created_at": family.created_at,
        "last_used_at": family.rotated_at,
        "expires_at": family.expires_at,
        "address": family.address,
        "user_agent": family.user_agent,
        "current": family.pk == present,
    }
