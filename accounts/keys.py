"""API keys: the way in for machines, each in the name of the user who made it.

    make      somebody makes a key that may some of what they may; its whole text is shown this once
    identify  a request: whose is it, and what may it? The key must be alive and its user active, at this moment
    revoke    the end of it

A key is ``stitch_<9 characters>_<49 characters>``, letters and digits. The first part, its prefix, is how people tell
it from others and how we find it. The second is 256 random bits and a checksum, so that a typing error, or a false
alarm of a scanner for secrets, is told without asking the database. Stored is the SHA-256 of the whole: what is random
needs no slow hash, and nobody guesses it, so attempts are not limited either.

Whatever a verb asks with ``has_perm`` is answered for the key: what it names, and its maker may now (``User.api_key``).
That something is one's own opens nothing to a key here: it would reach the keys beside it.
"""

import hashlib
import hmac
import logging
import re
import secrets
import string
import zlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import audit, mails, permissions
from accounts.models import ApiKey, AuditEntry, User
from core import addresses, clock, errors
from core.errors import FieldError

logger = logging.getLogger("stitch.auth")

MAX_LIVING = 50  # of one user
MAX_SCOPES = 100
MAX_NAME_LENGTH = 100
PATTERN = r"stitch_[0-9A-Za-z]{9}_[0-9A-Za-z]{49}"

ADD, VIEW, DELETE = "accounts.add_apikey", "accounts.view_apikey", "accounts.delete_apikey"

_LETTERS = string.digits + string.ascii_letters
_SECRET_LENGTH, _CHECKSUM_LENGTH = 43, 6  # 62 ** 43 is more than 2 ** 256, 62 ** 6 more than 2 ** 32
_KEY = re.compile(PATTERN + r"\Z", re.ASCII)
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z")

_USE_IS_WRITTEN_EVERY = timedelta(minutes=1)
_USE_IS_TOLD_EVERY = timedelta(hours=1)
_MAX_REMEMBERED = 10_000


class ApiKeyInvalid(errors.Unauthenticated):
    """Unknown, mistyped, expired, revoked, or its maker is not active: the machine learns no more than that."""

    code = "api_key_invalid"
    title = "The API key is not valid, or no longer"
    meaning = "Ask whoever made it for a new one."
    schemes = "Bearer, Api-Key"


class ApiKeyNotAllowed(errors.Forbidden):
    code = "api_key_not_allowed"
    title = "This is not for API keys; log in instead"
    meaning = "A machine makes no keys and does nothing to the account of the person who made its key."


class TooManyApiKeys(errors.Conflict):
    code = "too_many_api_keys"
    title = f"You have {MAX_LIVING} API keys; revoke one that is not needed"


# --- Making --------------------------------------------------------------------------------------------------------


def require_make(user: User) -> None:
    if user.api_key is not None:
        raise ApiKeyNotAllowed()
    if not user.has_perm(ADD):
        raise errors.Forbidden()


@transaction.atomic
def make(
    user: User, *, name: str, scopes: Collection[str], expires_at: datetime | None, now: datetime
) -> tuple[ApiKey, str]:
    """A new key of the user's, and its whole text, which is kept nowhere."""
    require_make(user)
    wrong = [*_wrong_name(name), *_wrong_scopes(user, list(scopes)), *_wrong_end(expires_at, now)]
    if wrong:
        raise errors.Invalid(errors=wrong)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once count one after the other
    if user.api_keys.alive(now).count() >= MAX_LIVING:
        raise TooManyApiKeys()
    raw = _new_text()
    key = user.api_keys.create(
        name=name.strip(),
        prefix=_prefix(raw),
        hash=_hash(raw),
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    audit.record("api_key.created", by=user, on=key, facts={"scopes": key.scopes, "expires_at": expires_at})
    mails.tell_key_created.enqueue(user_id=str(user.pk), name=key.name, at=clock.iso(now))
    logger.info("User %s made the API key %s", user.pk, key.prefix)
    return key, raw


def _wrong_name(name: str) -> Iterator[FieldError]:
    if not name.strip():
        yield FieldError("name", "blank", "Say what the key is for.")
    elif len(name) > MAX_NAME_LENGTH:
        yield FieldError("name", "max_length", f"At most {MAX_NAME_LENGTH} characters.")
    elif not _LINE.match(name):
        yield FieldError("name", "control_character", "One line of text, without control characters.")


def _wrong_scopes(user: User, scopes: list[str]) -> Iterator[FieldError]:
    if not 0 < len(scopes) <= MAX_SCOPES:
        yield FieldError("scopes", "length", f"1 to {MAX_SCOPES} names of rights.")
        return
    held = user.get_all_permissions()
    for number, scope in enumerate(scopes):
        if scope not in permissions.RIGHTS:
            yield FieldError(f"scopes.{number}", "unknown_scope", "There is no such right.")
        elif scope not in held:
            yield FieldError(f"scopes.{number}", "not_held", "You do not have this right yourself.")
        elif scope in scopes[:number]:
            yield FieldError(f"scopes.{number}", "duplicate", "Name it once.")


def _wrong_end(expires_at: datetime | None, now: datetime) -> Iterator[FieldError]:
    if expires_at is not None and expires_at <= now:
        yield FieldError("expires_at", "in_the_past", "A moment in the future.")


# --- The text ------------------------------------------------------------------------------------------------------


def _new_text() -> str:
    body = f"stitch_{_random(9)}_{_random(_SECRET_LENGTH)}"
    return body + _checksum(body)


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _checksum(body: str) -> str:
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(_LETTERS))
        digits = _LETTERS[digit] + digits
    return digits


def _prefix(raw: str) -> str:
    return raw[: len("stitch_") + 9]


def _hash(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()


def _is_well_formed(raw: str) -> bool:
    return bool(_KEY.match(raw)) and raw[-_CHECKSUM_LENGTH:] == _checksum(raw[:-_CHECKSUM_LENGTH])


# --- Using ---------------------------------------------------------------------------------------------------------


def identify(raw: str, *, address: str, now: datetime) -> tuple[User, ApiKey]:
    """The user in whose name a key speaks, narrowed to what the key may. One query, by the prefix's unique index.

    Now and then it also notes that the key is in use: at most once a minute in its row, and once an hour and network
    in the audit trail.
    """
    key = _find(raw)
    if key is None:
        raise ApiKeyInvalid()
    if not key.is_alive(now) or not key.user.is_active:
        logger.warning("The API key %s was refused", key.prefix)
        raise ApiKeyInvalid()
    key.user.api_key = key
    _write_use(key, now)
    _tell_use(key, addresses.network(address), now)
    return key.user, key


def _find(raw: str) -> ApiKey | None:
    if not _is_well_formed(raw):
        return None
    key = ApiKey.objects.select_related("user").filter(prefix=_prefix(raw)).first()
    return key if key is not None and hmac.compare_digest(key.hash, _hash(raw)) else None


def _write_use(key: ApiKey, now: datetime) -> None:
    before = now - _USE_IS_WRITTEN_EVERY
    if key.last_used_at is None or key.last_used_at <= before:
        rows = ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=before), pk=key.pk)
        rows.update(last_used_at=now)
        key.last_used_at = now


_told: dict[tuple[UUID, str], datetime] = {}  # by this process: saves asking the trail at every request


def _tell_use(key: ApiKey, network: str, now: datetime) -> None:
    """The trail itself remembers what it was told, so that any number of processes write one row."""
    since = now - _USE_IS_TOLD_EVERY
    if _told.get((key.pk, network), since) > since:
        return
    with transaction.atomic():
        held = ApiKey.objects.select_for_update(no_key=True).filter(pk=key.pk).first()
        if held is not None and not _uses(key, network).filter(at__gt=since).exists():
            audit.record("api_key.used", by=key.user, on=key, facts={"network": network})
    if len(_told) >= _MAX_REMEMBERED:
        _told.clear()
    _told[key.pk, network] = now


def _uses(key: ApiKey, network: str) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.filter(kind=audit.kind_of(key), object_id=str(key.pk), action="api_key.used")
    return rows.filter(facts__network=network)


# --- Looking and revoking ------------------------------------------------------------------------------------------


def require_view(by: User, *, of: UUID | None) -> None:
    """``of``: whose keys; None: everybody's."""
    is_own = of == by.pk and by.api_key is None
    if not is_own and not by.has_perm(VIEW):
        raise errors.Forbidden()


def visible(by: User) -> QuerySet[ApiKey]:
    """Those that are not revoked, newest first."""
    rows = ApiKey.objects.kept().select_related("user").order_by("-created_at", "id")
    if by.has_perm(VIEW):
        return rows
    return rows.filter(user=by) if by.api_key is None else rows.none()


@transaction.atomic
def revoke(key: ApiKey, *, by: User, now: datetime) -> None:
    """Refused from the next request on. Raises NotFound where somebody was faster."""
    is_own = key.user_id == by.pk and by.api_key is None
    if not is_own and not by.has_perm(DELETE):
        raise errors.Forbidden()
    if not ApiKey.objects.kept().filter(pk=key.pk).update(revoked_at=now):
        raise errors.NotFound()
    audit.record("api_key.revoked", by=by, on=key, facts={"user_id": key.user_id})
    logger.info("User %s revoked the API key %s", by.pk, key.prefix)
