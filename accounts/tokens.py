"""The whole life of a token, from the login to the end of its family.

A login makes a *family*: one row that remembers which refresh token may be used next. An access token is good for any
number of requests until it expires; a refresh token for one exchange, which gives a new pair and uses it up.

    issue     a login: a new family and its first pair
    identify  a request: who is it? The family must be alive and its user active, at this moment
    rotate    an exchange: exactly one request wins a token; a token that was used before ends its family
    revoke    a logout: ends one family; revoke_all ends every family of a user

Tokens are signed, not encrypted: they hold no secret. Of a used refresh token only its hash is stored.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import jwt
from django.conf import settings
from django.db import transaction
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts import audit, granted, signing
from accounts.credentials import InvalidCredentials
from accounts.models import TokenFamily, User, new_stamp
from core import clock, errors, ids
from core.compiled import Compiled

logger = logging.getLogger("stitch.auth")

REMEMBERED = 1_024  # access tokens whose signature a process need not check again
CLAIMS = ["sub", "role", "iat", "exp", "jti", "aud", "iss", "token_type", "fam"]


class TokenInvalid(errors.Unauthenticated):
    """Expired, revoked, foreign or garbage: the holder logs in again, and learns no more than that."""

    code = "token_invalid"
    title = "The token is not valid, or no longer"


class AlreadyRotated(errors.Unauthenticated):
    """The holder sent one token twice at the same time; the other request has the new pair."""

    code = "already_rotated"
    title = "Another request has just exchanged this token"
    meaning = "Your login lives. Use the pair of tokens that the other request got, and do not send this one again."


class TokenReused(errors.Unauthenticated):
    """Two hold the same token, and one of them stole it. Which one cannot be known: both log in again."""

    code = "token_reused"
    title = "This token was used before; every token that came from it has been revoked"
    meaning = "Somebody else may have had it. Log in again."


@dataclass(frozen=True)
class Pair:
    user: User
    access_token: str
    refresh_token: str
    expires_in: int  # seconds that the access token lives


# --- What is signed, and how it is read ----------------------------------------------------------------------------


class KeyRing(TokenBackend):
    """Signs with the first of JWT_KEYS, verifies with the one that ``kid`` names, and each with its own algorithm.

    What a token's header says about the algorithm is only compared with that; no token chooses it.
    """

    def encode(self, payload: dict[str, Any]) -> str:
        kid, text = next(iter(settings.JWT_KEYS.items()))
        key = signing.read(text)
        claims = {**payload, "aud": _ours("AUDIENCE"), "iss": _ours("ISSUER")}
        return jwt.encode(claims, key.signs_with, algorithm=key.algorithm, headers={"kid": kid})

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            key = signing.read(settings.JWT_KEYS[_kid(str(token).partition(".")[0])])
            return jwt.decode(
                token,
                key.verifies_with,
                algorithms=[key.algorithm],
                audience=_ours("AUDIENCE"),
                issuer=_ours("ISSUER"),
                # ``iat`` is not compared: the clocks of two servers differ by more than the time to the first request.
                options={"require": CLAIMS, "strict_aud": True, "verify_iat": False},
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise TokenBackendError("Token is invalid") from error


@lru_cache(maxsize=64)
def _kid(header: str) -> str:
    """Of a token's first part, which is the same in all that one key has signed."""
    return str(jwt.get_unverified_header(f"{header}.e30.")["kid"])


def _ours(name: str) -> str:
    return str(settings.SIMPLE_JWT[name])


class Access(AccessToken):
    _token_backend = KeyRing("HS256")  # a name that SimpleJWT asks for; each key has its own


class Refresh(RefreshToken):
    _token_backend = Access._token_backend

    def check_blacklist(self) -> None:
        """Left to ``rotate``, which tells a lost race from a stolen token."""


def _read[T: Token](kind: type[T], raw: str) -> T:
    """Signature, expiry, audience, issuer, presence of all claims, and that an access token is not a refresh token."""
    try:
        token = kind(raw)  # type: ignore[arg-type] # the parameter is annotated as Token, and is text
    except TokenError as error:
        raise TokenInvalid() from error
    if not all(ids.parse(str(token[claim])) for claim in ("sub", "fam")):
        raise TokenInvalid()
    return token


def _sign_pair(family: TokenFamily, now: datetime) -> Pair:
    """``role`` is there for people and frontends to read; nothing here ever asks it."""
    access, refresh = Access(), Refresh()
    for token, lifetime in ((access, settings.ACCESS_TOKEN_LIFETIME), (refresh, settings.REFRESH_TOKEN_LIFETIME)):
        token["sub"], token["role"], token["fam"] = str(family.user_id), family.user.role(), str(family.pk)
        token.set_iat(at_time=now)
        token.set_exp(from_time=now, lifetime=lifetime)
    refresh["jti"] = family.jti
    return Pair(family.user, str(access), str(refresh), int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()))


# --- The life ------------------------------------------------------------------------------------------------------


def issue(user: User, *, address: str, user_agent: str, now: datetime, means: str = "") -> Pair:
    """For somebody whose credentials have just been checked; refused if they have changed since.

    ``means``: how it was proved, where it was neither a password nor a second factor after it; for the audit trail.
    """
    with transaction.atomic():
        # Holds a change of password or a deactivation up, which revokes this family too as soon as it may go on.
        if not User.objects.filter(pk=user.pk, password=user.password, is_active=True).update(last_login=now):
            raise InvalidCredentials()
        family = TokenFamily.objects.create(
            user=user,
            jti=uuid4().hex,
            created_at=now,
            rotated_at=now,
            expires_at=now + settings.REFRESH_TOKEN_LIFETIME,
            address=address or None,
            user_agent=user_agent[:200],
        )
        facts = {"means": means} if means else None
        audit.record("auth.login", by=user, kind="session", object_id=family.pk, name=user.username, facts=facts)
    logger.info("User %s logged in, session %s", user.pk, family.pk)
    return _sign_pair(family, now)


_owner_of_living: Compiled[User] = Compiled(
    lambda family_id: User.objects.filter(token_families=family_id, token_families__revoked_at=None).annotate(
        granted=granted.Granted(), read_at=clock.Now()
    ),
    UUID,
)


def identify(raw: str) -> tuple[User, dict[str, Any]]:
    """The user and the claims of an access token. One query, by primary key, for session, user and rights together."""
    claims = _verified(raw, tuple(settings.JWT_KEYS.items()), _ours("AUDIENCE"), _ours("ISSUER"))
    if claims["exp"] <= time.time():
        raise TokenInvalid()
    user: Any = _owner_of_living.first(UUID(claims["fam"]))
    if user is None or str(user.pk) != claims["sub"] or not user.is_active:
        raise TokenInvalid()
    user.take_rights(granted.names(user.granted))
    user.seen_at = user.read_at
    return user, dict(claims)


@lru_cache(maxsize=REMEMBERED)
def _verified(raw: str, keys: tuple[tuple[str, str], ...], audience: str, issuer: str) -> Mapping[str, Any]:
    """The claims of an access token that was good when it was seen first, with what it was judged by."""
    return MappingProxyType(_read(Access, raw).payload)


def rotate(raw: str, *, arrived_at: float, now: datetime) -> Pair:
    """Exchanges a refresh token for a new pair. ``arrived_at``: when the request reached us, in seconds since 1970."""
    used = _read(Refresh, raw)
    with transaction.atomic():
        family = _lock(used)
        refusal = _refusal(family, used, arrived_at)
        if refusal is None:
            _advance(family, now)
        elif isinstance(refusal, TokenReused):
            _end(family, now)
    if refusal is not None:
        raise refusal  # not before the commit: raised inside, it would take the revocation back
    pair = _sign_pair(family, now)
    _blacklist(used, raw)  # last: see _was_in_flight
    return pair


def revoke(raw: str, *, now: datetime) -> None:
    """Ends the family of a refresh token, be it the next one or a used one. Nothing to end is no error."""
    token = _read(Refresh, raw)
    with transaction.atomic():
        if TokenFamily.objects.filter(pk=token["fam"], user_id=token["sub"]).revoke(now):
            user = User.objects.get(pk=token["sub"])
            audit.record("auth.logout", by=user, kind="session", object_id=token["fam"], name=user.username)
            logger.info("User %s logged out, session %s", user.pk, token["fam"])


@transaction.atomic
def revoke_all(user: User, *, now: datetime) -> int:
    """Those of the admin as well, and the links in mails that are out. Returns how many families were revoked."""
    user.session_stamp = new_stamp()
    user.save(update_fields=["session_stamp"])
    return user.token_families.revoke(now)


def prune(*, now: datetime) -> tuple[int, int]:
    """Forgets families and used tokens that have expired: they are refused for that alone. Returns how many of each."""
    families, _ = TokenFamily.objects.filter(expires_at__lte=now).delete()
    outstanding = OutstandingToken.objects.filter(expires_at__lte=now)
    BlacklistedToken.objects.filter(token__in=outstanding).delete()
    used, _ = outstanding.delete()
    return families, used


# --- The steps of an exchange --------------------------------------------------------------------------------------


def _lock(used: Refresh) -> TokenFamily:
    """Holds every other exchange of this family up until the transaction ends.

    Lock first, then look: a condition on the user inside the locking query would be judged by a row that may be old by
    the time the lock is ours. On SQLite the transaction itself is the lock (it begins IMMEDIATE).
    """
    family = TokenFamily.objects.select_for_update().filter(pk=used["fam"], revoked_at=None).first()
    if family is None or str(family.user_id) != used["sub"] or not family.user.is_active:
        raise TokenInvalid()
    return family


def _refusal(family: TokenFamily, used: Refresh, arrived_at: float) -> errors.Unauthenticated | None:
    if family.jti == used["jti"]:
        return None
    return AlreadyRotated() if _was_in_flight(used, arrived_at) else TokenReused()


def _was_in_flight(used: Refresh, arrived_at: float) -> bool:
    """Whether the request was on its way while the exchange that used this token up was not complete.

    The blacklist's entry marks the moment: it is written after the exchange is committed and before it is answered.
    Whoever has seen the answer comes later than it; whoever came earlier, or finds none, has not seen an answer.
    """
    entry = BlacklistedToken.objects.filter(token__jti=used["jti"]).first()
    return entry is None or arrived_at < entry.blacklisted_at.timestamp()


def _advance(family: TokenFamily, now: datetime) -> None:
    family.jti = uuid4().hex
    family.rotated_at = now
    family.expires_at = now + settings.REFRESH_TOKEN_LIFETIME
    family.save(update_fields=["jti", "rotated_at", "expires_at"])


def _end(family: TokenFamily, now: datetime) -> None:
    family.revoked_at = now
    family.save(update_fields=["revoked_at"])
    audit.record("auth.token_reused", by=None, kind="session", object_id=family.pk, name=family.user.username)
    logger.warning("A used refresh token of user %s came back, session %s revoked", family.user_id, family.pk)


def _blacklist(used: Refresh, raw: str) -> None:
    """Without the user: the family knows whose it is, and a user deleted at this moment must not matter."""
    with transaction.atomic():
        outstanding = OutstandingToken.objects.create(
            jti=used["jti"],
            token=hashlib.sha256(raw.encode()).hexdigest(),
            created_at=datetime.fromtimestamp(used["iat"], UTC),
            expires_at=datetime.fromtimestamp(used["exp"], UTC),
        )
        BlacklistedToken.objects.create(token=outstanding)
