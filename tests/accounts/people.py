"""What the tests of /users share."""

from typing import Any
from urllib.parse import unquote

from django.utils import timezone

from accounts import keys
from accounts.models import AuditEntry, User
from tests.factories import PASSWORD

NEW = {"email": "New@Example.com", "username": "new"}
UNKNOWN = "01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11"


def superuser() -> User:
    return User.objects.create_superuser("root@example.com", "root", PASSWORD)


def reloaded(user: User) -> User:
    return User.objects.get(pk=user.pk)


def key_of(user: User, *scopes: str) -> dict[str, str]:
    """The header with a new API key of theirs."""
    _, raw = keys.make(user, name="k", scopes=scopes, expires_at=None, now=timezone.now())
    return {"Authorization": f"Api-Key {raw}"}


def actions() -> list[str]:
    """What the audit trail has, but for logins."""
    return [*AuditEntry.objects.exclude(action="auth.login").order_by("id").values_list("action", flat=True)]


def last_entry() -> AuditEntry:
    return AuditEntry.objects.order_by("-id")[0]


def token_in(body: str) -> str:
    return unquote(body.split("token=")[1].split()[0])


def names(response: Any) -> list[str]:
    return [item["username"] for item in response.json()["items"]]
