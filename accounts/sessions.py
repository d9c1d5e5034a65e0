"""What somebody is logged in with, and ending it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import audit, tokens
from accounts.models import TokenFamily, TokenFamilyQuerySet, User
from core import errors


def alive(user: User, *, now: datetime) -> TokenFamilyQuerySet:
    """Newest first."""
    found: TokenFamilyQuerySet = TokenFamily.objects.filter(user=user)
    return found.alive(now).order_by("-created_at", "-id")


@transaction.atomic
def end(user: User, session: UUID | None, *, now: datetime) -> None:
    """One's own, the present one too. Somebody else's, or one that is over, is not found."""
    if session is None or not alive(user, now=now).filter(pk=session).order_by().revoke(now):
        raise errors.NotFound()
    audit.record("auth.session_revoked", by=user, kind="session", object_id=session, name=user.username)


@transaction.atomic
def end_all(user: User, *, now: datetime) -> None:
    """Everywhere at once: the present session, those of the admin, and with them the links in mails that are out."""
    count = tokens.revoke_all(user, now=now)
    audit.record("auth.logout_all", by=user, on=user, facts={"sessions": count})
