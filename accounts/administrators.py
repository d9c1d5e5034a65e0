"""The lock under which people are managed, and the last administrator, who stays.

An administrator is somebody active, a superuser or in the group ``admin``, who can log in. Every change that could take
one away runs inside ``kept``: lock, change, look. So of two who go at once the second finds the other gone already.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import rights
from accounts.factors.rows import Kind
from accounts.models import ExternalIdentity, Role, User
from core import errors


class LastAdministrator(errors.Conflict):
    code = "last_administrator"
    title = "This is the last active administrator"
    meaning = (
        "Somebody must be able to manage this site: an active administrator who can log in. Make somebody else one "
        "first. Who was invited and has not chosen a password yet does not count."
    )


def able() -> QuerySet[User]:
    """Those who can manage the site. Who was invited and has nothing to log in with yet is not among them."""
    is_administrator = Q(is_superuser=True) | Exists(Group.objects.filter(user=OuterRef("pk"), name=Role.ADMIN))
    return User.objects.filter(is_administrator & _can_log_in(), is_active=True)


def _can_log_in() -> Q:
    """A password, a passkey, or an account at the identity provider that is in use."""
    has_password = ~Q(password="") & ~Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    passkeys = Authenticator.objects.filter(user=OuterRef("pk"), type=Kind.WEBAUTHN)
    found: Q = has_password | Q(Exists(passkeys))
    if settings.OIDC_ISSUER:
        found |= Q(Exists(ExternalIdentity.objects.filter(user=OuterRef("pk"), issuer=settings.OIDC_ISSUER)))
    return found


def is_last(user: User) -> bool:
    """Ask it inside ``hold``."""
    return list(able().values_list("pk", flat=True)[:2]) == [user.pk]


def hold() -> None:
    """Whoever manages people comes one after the other. First of all locks of a transaction, so that none cross."""
    assert transaction.get_connection().in_atomic_block
    list(Group.objects.select_for_update(no_key=True).filter(name=Role.ADMIN))


@contextmanager
def kept(*, by: User, right: str) -> Iterator[None]:
    """Around a change of people, by somebody who has the right. Raises ``LastAdministrator`` if nobody would be left.

    While we waited for the lock, somebody may have taken ``by`` out. That is asked again, and judged last: of two who
    remove each other, the one who comes second is told that the first is the last one.
    """
    with transaction.atomic():
        hold()
        was_any, may_still = able().exists(), _again(by).has_perm(right)
        yield
        if was_any and not able().exists():
            raise LastAdministrator()
        if not may_still:
            raise errors.Forbidden()


@contextmanager
def managed(user: User, *, by: User, right: str = rights.CHANGE) -> Iterator[None]:
    """Around a change of one user: reads the row again, locked, and asks whether ``by`` may manage whom it shows."""
    with kept(by=by, right=right):
        try:
            user.refresh_from_db(from_queryset=User.objects.select_for_update(no_key=True))
        except User.DoesNotExist as gone:
            raise errors.NotFound() from gone
        rights.require_manage(user, by=by, right=right)
        yield


def _again(by: User) -> User:
    """The one who acts, as the database knows them now. Who is gone may nothing."""
    fresh = User.objects.filter(pk=by.pk).first() or User(is_active=False)
    fresh.api_key = by.api_key
    return fresh
