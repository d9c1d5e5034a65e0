"""API keys as tests make and send them."""

from typing import Any

from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, User
from tests.factories import make_user

WRITE = ["content.add_blogpost", "content.view_blogpost"]


def make_key(user: User | None = None, scopes: list[str] = WRITE, **options: Any) -> tuple[ApiKey, str]:
    fields = {"name": "a machine", "expires_at": None, "now": timezone.now(), **options}
    return keys.make(user or make_user("author"), scopes=scopes, **fields)


def with_key(raw: str, **headers: str) -> dict[str, Any]:
    """For the methods of ``api``."""
    return {"headers": {"Authorization": f"Api-Key {raw}", **headers}}
