"""The audit trail: who did what to which thing, when, from where; written with the change, sealed right after it.

``record`` appends a row in the transaction of the change, so that neither exists without the other. Rows are sealed
into a hash chain afterwards, in order, by whichever process comes first (``seal``): writers never queue for the chain.
Each seal is the SHA-256 of the seal before it and of all that the row says, so a row that was changed, taken out or put
in later breaks the chain from there on. Whoever can write to the database can also compute a whole new chain; so note
the newest seal elsewhere now and then, and hold it against the chain (``manage.py audit verify --head``).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts import audit_actions
from accounts.models import AuditEntry, User
from core import addresses, background, clock, rows
from core.observability import printable, request_id_var

LOOP = "audit.seal"  # in core.background
MASK = "•••"
MAX_TEXT = 200  # characters of a value that are kept; the whole of it is in the revisions
MAX_ITEMS = 100
MAX_DEPTH = 4
GENESIS = "0" * 64
BATCH = 500

_LOOKED_AT = 1000  # characters of a value; what it may cost to mask them is bounded by this
_CONTEXT = 20  # characters that are shown before the first difference of two long texts
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|hash|challenge|credential|cookie|authorization|session_stamp"
    r"|\bcode\b|\bkey\b|^api_key$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}"  # a JWT
    r"|stitch_[0-9A-Za-z]{9}_[0-9A-Za-z]+"  # an API key
    r"|\b(?:bcrypt|argon2|pbkdf2|scrypt|md5)\w*\$\S+|\$(?:2[aby]|argon2\w*)\$\S+"  # a hash of a password
    r"|(?<=token=)[^&\s]+"  # a mailed link
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",  # the password in an address
)
_SECRET_SIGNS = ("eyJ", "stitch_", "$", "token=", "://")  # each of those has one of these
_LOCK = 0x57A1_0001  # of PostgreSQL's advisory locks
_SEAL = "UPDATE accounts_auditentry SET position = %s, hash = %s WHERE id = %s"
_SEAL_ALL = """
UPDATE accounts_auditentry SET position = seal.position, hash = seal.hash
FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS seal (id, position, hash)
WHERE accounts_auditentry.id = seal.id
"""
_SIGNED = (
    "id",
    "at",
    "action",
    "actor_id",
    "actor_name",
    "api_key_id",
    "kind",
    "object_id",
    "object_name",
    "changes",
    "facts",
    "address",
    "request_id",
)


# --- Writing -------------------------------------------------------------------------------------------------------


def record(  # noqa: PLR0913 - each is one column
    action: str,
    *,
    by: User | None,
    on: Model | None = None,
    kind: str = "",
    object_id: object = "",
    name: str = "",
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Appends one row to the trail in the running transaction. ``on`` gives kind, id and name of the thing at once.

    Address, request id and API key are those of the request that is being answered. Values that look like a secret, or
    have the name of one, are masked; long ones are cut.
    """
    api_key = by.api_key if by is not None else None
    kind = kind or (kind_of(on) if on is not None else "")
    audit_actions.require_known(action, kind)
    entry = {
        "at": timezone.now(),
        "action": action,
        "actor_id": by.pk if by is not None else None,
        "actor_name": by.username if by is not None else "",
        "api_key_id": api_key.pk if api_key is not None else None,
        "kind": kind,
        "object_id": str(on.pk if on is not None and object_id == "" else object_id)[:64],
        "object_name": _cut(name or (str(on) if on is not None else "")),
        "changes": {_cut(field): _pair(field, *pair) for field, pair in (changes or {}).items()},
        "facts": {_cut(fact): _shown(fact, value) for fact, value in (facts or {}).items()},
        "address": addresses.client_address_var.get() or None,
        "request_id": request_id if (request_id := request_id_var.get()) != "-" else "",
    }
    rows.insert_values(AuditEntry, [entry])
    transaction.on_commit(wake, robust=True)


@contextmanager
def on_behalf_of(*, address: str, request_id: str) -> Iterator[None]:
    """For a job: what it records belongs to the request that asked for it."""
    at, of = addresses.client_address_var.set(address), request_id_var.set(request_id)
    try:
        yield
    finally:
        addresses.client_address_var.reset(at)
        request_id_var.reset(of)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What ``record`` takes as ``changes``: the fields whose values differ."""
    return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}


def wake() -> None:
    background.wake(LOOP)


def kind_of(thing: Model | type[Model]) -> str:
    """What the trail calls such things: ``post``, ``user``, ``api_key``."""
    return str(getattr(thing, "KIND", None) or str(thing._meta.verbose_name).lower().replace(" ", "_"))


def _pair(field: str, before: Any, after: Any) -> list[Any]:
    """Of two long texts that part which is different, or both would be cut off before it."""
    if isinstance(before, str) and isinstance(after, str) and max(len(before), len(after)) > MAX_TEXT:
        start = max(0, _first_difference(before, after) - _CONTEXT)
        before, after = (f"…{text[start:]}" if start and text[start:] else text for text in (before, after))
    return [_shown(field, before), _shown(field, after)]


def _first_difference(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _shown(name: str, value: Any, depth: int = 0) -> Any:
    if _SECRET_NAME.search(name) and value not in (None, "", [], {}):
        return MASK
    match value:
        case None | bool() | int():
            return value
        case datetime():
            return clock.iso(value)
        case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
            return [_shown("", one, depth + 1) for one in list(value)[:MAX_ITEMS]]
        case dict() if depth < MAX_DEPTH:
            items = list(value.items())[:MAX_ITEMS]
            return {_cut(str(key)): _shown(str(key), one, depth + 1) for key, one in items}
        case _:
            return _cut(str(value))


def _cut(text: str) -> str:
    looked_at = text[:_LOOKED_AT]
    shown = looked_at if looked_at.isprintable() else printable(looked_at)
    if any(sign in shown for sign in _SECRET_SIGNS):
        shown = _SECRET_VALUE.sub(MASK, shown)
    if len(shown) <= MAX_TEXT and len(text) <= _LOOKED_AT:
        return shown
    return f"{shown[: MAX_TEXT - 30]}… ({len(text)} characters)"


# --- Sealing -------------------------------------------------------------------------------------------------------


def seal() -> int:
    """Seals whatever is committed and not sealed. Returns how many rows; none while another process is at it."""
    count = 0
    while _waiting().exists() and (sealed := _seal_some()):
        count += sealed
    return count


def _waiting() -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(position=None)


@transaction.atomic
def _seal_some() -> int:
    if not _is_ours():
        return 0
    last = AuditEntry.objects.exclude(position=None).order_by("-position").first()
    sealed, digest = (last.position or 0, last.hash) if last else (0, GENESIS)
    entries = list(_waiting().order_by("id")[:BATCH])
    for position, entry in enumerate(entries, start=sealed + 1):
        digest = digest_of(entry, after=digest)
        entry.position, entry.hash = position, digest
    _write_seals(entries)
    return len(entries)


def _write_seals(entries: list[AuditEntry]) -> None:
    """The model's own ``update`` refuses."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_SEAL_ALL, [[getattr(one, name) for one in entries] for name in ("pk", "position", "hash")])
        else:
            cursor.executemany(_SEAL, [(one.position, one.hash, one.pk) for one in entries])


def _is_ours() -> bool:
    """Of all processes one seals at a time. On SQLite the transaction itself is the lock (it begins IMMEDIATE)."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def digest_of(entry: AuditEntry, *, after: str) -> str:
    said = {name: _plain(getattr(entry, name)) for name in _SIGNED}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{after}\n{text}".encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    return str(value) if isinstance(value, UUID) else value


# --- Verifying -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    sealed: int  # rows that were looked at
    unsealed: int
    broken_at: int | None  # the first position at which the chain does not hold
    reason: str
    head: str  # the newest seal that holds
    has_expected: bool  # whether the seal that was asked for is in the chain


def verify(*, expected: str = "") -> Verdict:
    """Walks the whole chain. ``expected``: a seal that was noted earlier and must still be there."""
    position, digest, found = 0, GENESIS, not expected
    reason = ""
    for entry in _sealed():
        reason = _fault(entry, position + 1, digest)
        if reason:
            break
        position, digest = position + 1, entry.hash
        found = found or digest == expected
    return Verdict(
        sealed=position,
        unsealed=_waiting().count(),
        broken_at=position + 1 if reason else None,
        reason=reason,
        head=digest if position else "",
        has_expected=found,
    )


def _sealed() -> Iterator[AuditEntry]:
    """In many small queries: one over the whole trail would run into the bound of a statement's time."""
    rows = AuditEntry.objects.exclude(position=None).order_by("position")
    page = list(rows[:BATCH])
    while page:
        yield from page
        page = list(rows.filter(position__gt=page[-1].position)[:BATCH])


def _fault(entry: AuditEntry, position: int, before: str) -> str:
    if entry.position is None or entry.position > position:
        return f"Row {position} is missing."
    if entry.position < position:
        return f"Row {entry.position} (id {entry.pk}, {entry.action}) stands where there is no place for it."
    if entry.hash != digest_of(entry, after=before):
        return f"Row {position} (id {entry.pk}, {entry.action}) is not what was sealed."
    return ""
