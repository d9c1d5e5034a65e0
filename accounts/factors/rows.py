"""The rows of somebody's factors, in allauth's table; and the lock under which they change."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import User

Kind = Authenticator.Type


def of(user: User, *kinds: str) -> Any:
    """A QuerySet in a total order; of all kinds where none is named."""
    rows = Authenticator.objects.filter(user_id=user.pk).order_by("created_at", "pk")
    return rows.filter(type__in=kinds) if kinds else rows


def locked(user: User, kind: str) -> list[Any]:
    """Inside a transaction: nobody else uses or changes these until it ends."""
    return list(of(user, kind).select_for_update())


def lock_owner(user: User) -> None:
    """Inside a transaction: of two who change somebody's factors at once, one waits."""
    assert transaction.get_connection().in_atomic_block
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()


def has_factor(user: User) -> bool:
    """Recovery codes alone are none: they stand in for a factor that was lost."""
    found: bool = of(user, Kind.TOTP, Kind.WEBAUTHN).exists()
    return found
