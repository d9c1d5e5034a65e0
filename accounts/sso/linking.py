"""Whose account it is that somebody at the provider has here.

Once linked, issuer and subject alone decide. The first time it is found by the e-mail, if the provider says that it has
verified it; an e-mail it does not vouch for is nobody's. Accounts are made only if OIDC_CREATE_USERS is on.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import administrators, audit
from accounts.models import ExternalIdentity, PendingRegistration, Role, User
from accounts.sso import provider
from accounts.sso.identity_tokens import Claims
from core import errors

logger = logging.getLogger("stitch.auth")

MAX_NAME = 150


class EmailNotVerified(errors.Forbidden):
    code = "sso_email_unverified"
    title = "The identity provider does not vouch for your e-mail"
    meaning = "The first login needs an e-mail that the provider says it has verified. An operator can also link you."


class AccountUnknown(errors.Forbidden):
    """Nobody has this e-mail, whoever has it is somebody else at the provider, or may not log in."""

    code = "sso_account_unknown"
    title = "You have no account here that may log in"
    meaning = "Ask an administrator for an account with the e-mail that the identity provider knows you by."


@dataclass(frozen=True)
class Identity:
    """Somebody, as the provider describes them. Empty where it does not, or not in a form that can be used."""

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    name: str
    username: str
    roles: tuple[str, ...]  # names of roles here that the provider gives them

    @classmethod
    def of(cls, claims: Claims) -> "Identity":
        return cls(
            issuer=claims["iss"],
            subject=claims["sub"],
            email=_email(claims.get("email")),
            is_email_verified=claims.get("email_verified") is True,  # "true" is a text, and not what the standard says
            name=_text(claims.get("name"), MAX_NAME),
            username=_text(claims.get("preferred_username"), MAX_NAME),
            roles=tuple(_roles(provider.find(claims, settings.OIDC_ROLE_CLAIM))),
        )


def user_for(identity: Identity, *, now: datetime) -> User:
    """The active user, linked now if not before, with the role that the provider gives. A refusal changes nothing."""
    try:
        return _user_for(identity, now)
    except IntegrityError:  # the same person in two tabs, or somebody who just took the e-mail: look again
        return _user_for(identity, now)


@transaction.atomic
def _user_for(identity: Identity, now: datetime) -> User:
    if settings.OIDC_ROLES:
        administrators.hold()
    user = _linked(identity, now) or _linked_for_the_first_time(identity, now)
    if not user.is_active:
        raise AccountUnknown(f"User {user.pk} is not active.")
    if settings.OIDC_ROLES:
        _give_role(user, identity)
    return user


def _linked(identity: Identity, now: datetime) -> User | None:
    known = ExternalIdentity.objects.filter(issuer=identity.issuer, subject=identity.subject)
    link = known.select_related("user").first()
    if link is None:
        return None
    link.last_used_at = now
    link.save(update_fields=["last_used_at"])
    return link.user


def _linked_for_the_first_time(identity: Identity, now: datetime) -> User:
    if not identity.email or not identity.is_email_verified:
        raise EmailNotVerified()
    user = User.objects.filter(email=identity.email).first() or _made(identity)
    others = user.external_identities.filter(issuer=identity.issuer).exclude(subject=identity.subject)
    if others.exists():
        raise AccountUnknown(f"User {user.pk} is linked with another subject of this issuer.")
    link(user, issuer=identity.issuer, subject=identity.subject, by=user, now=now)
    return user


@transaction.atomic
def link(user: User, *, issuer: str, subject: str, by: User | None, now: datetime) -> None:
    """Raises IntegrityError where either of them is linked already."""
    ExternalIdentity.objects.create(user=user, issuer=issuer, subject=subject, created_at=now, last_used_at=now)
    audit.record("user.identity_linked", by=by, on=user, facts={"issuer": issuer, "subject": subject})
    logger.info("User %s linked with an identity at %s", user.pk, issuer)


@transaction.atomic
def unlink(user: User, *, issuer: str, by: User | None) -> bool:
    """Whether there was anything to unlink. Sessions live on; the next login finds the user by the e-mail again."""
    known = ExternalIdentity.objects.filter(user=user, issuer=issuer).first()
    if known is None:
        return False
    known.delete()
    audit.record("user.identity_unlinked", by=by, on=user, facts={"issuer": issuer, "subject": known.subject})
    return True


# --- A new account -------------------------------------------------------------------------------------------------


def _made(identity: Identity) -> User:
    if not settings.OIDC_CREATE_USERS:
        raise AccountUnknown("Nobody has this e-mail, and OIDC_CREATE_USERS is off.")
    try:
        user = User.objects.create_user(identity.email, _free_username(identity), None, display_name=identity.name)
    except ValidationError as error:
        raise AccountUnknown(f"No account can be made of what the provider says: {error.messages}.") from error
    user.groups.add(Group.objects.get(name=Role.MEMBER))
    PendingRegistration.objects.filter(email=user.email).delete()
    audit.record("user.created", by=user, on=user, facts={"means": "oidc", "role": Role.MEMBER})
    return user


def _free_username(identity: Identity) -> str:
    wanted = identity.username.partition("@")[0] or identity.email.partition("@")[0]
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-.")[:140] or "user"
    tried = (base if number == 1 else f"{base}-{number}" for number in count(1))
    return next(name for name in tried if not User.objects.filter(username__iexact=name).exists())


# --- Roles ---------------------------------------------------------------------------------------------------------


def _roles(claimed: Any) -> Iterable[str]:
    values = [claimed] if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
    return (settings.OIDC_ROLES[value] for value in values if isinstance(value, str) and value in settings.OIDC_ROLES)


def _give_role(user: User, identity: Identity) -> None:
    """Where roles are the provider's to give, what it does not give is not had. Nobody becomes a superuser by it."""
    role = next((role for role in Role if role in identity.roles), Role.MEMBER)
    before = user.role()
    if user.is_superuser or before == role:
        return
    if before == Role.ADMIN and administrators.is_last(user):
        logger.error("User %s stays the last administrator, although the provider says %s", user.pk, role)
        return
    user.groups.remove(*Group.objects.filter(name__in=Role.values))
    user.groups.add(Group.objects.get(name=role))
    audit.record("user.role_changed", by=user, on=user, changes={"role": (before, role)}, facts={"means": "oidc"})


def _text(value: Any, longest: int) -> str:
    """What is no text, too long or unprintable counts as left out: it is nothing that somebody could repair here."""
    is_usable = isinstance(value, str) and len(value.strip()) <= longest and value.isprintable()
    return value.strip() if is_usable else ""


def _email(value: Any) -> str:
    """ASCII alone: beyond it there are letters that become somebody else's in lower case (U+212A becomes a k)."""
    found = _text(value, 254)
    return found if found.isascii() else ""
