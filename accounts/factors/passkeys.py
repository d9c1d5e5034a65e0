"""Passkeys: added, named, removed; as the second step of a login, and as a login of their own."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts import audit
from accounts.factors import challenges, notices, proof, recovery, rows, webauthn
from accounts.factors.challenges import Purpose
from accounts.models import User
from core import errors, ids

MAX_PASSKEYS = 20
MAX_NAME_LENGTH = 100

_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z")


class PasskeyInvalid(errors.Unauthenticated):
    code = "passkey_invalid"
    title = "This passkey does not open this account"
    meaning = "The answer of the device was not what was asked for, or no account here has this passkey."


class PasskeyRegistered(errors.Conflict):
    code = "passkey_registered"
    title = "This passkey is registered already"


class TooManyPasskeys(errors.Conflict):
    code = "too_many_passkeys"
    title = f"Nobody has more than {MAX_PASSKEYS} passkeys; remove one first"


@dataclass(frozen=True)
class Ceremony:
    """A challenge to send back, and the options for the browser's dialogue, in their JSON form (WebAuthn, 5.1)."""

    challenge: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Passkey:
    id: uuid.UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Added:
    passkey: Passkey
    recovery_codes: list[str]  # empty where there are some already


# --- Managing one's own --------------------------------------------------------------------------------------------


def all_of(user: User) -> list[Passkey]:
    return [_shown(row) for row in rows.of(user, rows.Kind.WEBAUTHN)]


def require_own(user: User, passkey_id: object) -> None:
    """Raises ``NotFound``: for an interface that has to say so before it reads anything else."""
    _the(passkey_id, rows.of(user, rows.Kind.WEBAUTHN))


def begin(user: User, *, password: str, now: datetime) -> Ceremony:
    proof.require_password(user, password)
    challenge, nonce = challenges.make(Purpose.PASSKEY_SETUP, user=user, now=now)
    return Ceremony(challenge, webauthn.creation_options(user, nonce, keys_of(user)))


@transaction.atomic
def add(user: User, challenge: str, credential: Mapping[str, Any], *, name: str, now: datetime) -> Added:
    """From now on a login with the password asks for it, or for another factor; and it logs in without a password."""
    _require_name(name)
    found = challenges.read_own(Purpose.PASSKEY_SETUP, challenge, user=user, now=now)
    try:
        new = webauthn.read_creation(credential, found.nonce)
    except webauthn.Rejected as error:
        raise errors.Invalid.field("credential", "invalid", "This is not the answer to the challenge.") from error
    rows.lock_owner(user)
    _require_room(user)
    _require_unknown(new)
    if not challenges.use_up(found, now=now):
        raise errors.Invalid.field("challenge", "invalid", challenges.ChallengeInvalid.title)
    row = _create(user, new, name, now)
    codes = recovery.make_if_none(user, now=now)
    notices.changed(user, "auth.passkey_added", by=user, name=name)
    return Added(_shown(row), codes)


@transaction.atomic
def rename(user: User, passkey_id: object, *, name: str) -> Passkey:
    _require_name(name)
    row = _own(user, passkey_id)
    before, row.data["name"] = row.data["name"], name
    row.save(update_fields=["data"])
    audit.record("auth.passkey_renamed", by=user, on=user, changes={"name": (before, name)})
    return _shown(row)


def remove(user: User, passkey_id: object, *, password: str, now: datetime) -> None:
    """The last factor takes the recovery codes along."""
    require_own(user, passkey_id)
    proof.require_password(user, password)
    with transaction.atomic():
        rows.lock_owner(user)
        row = _own(user, passkey_id)
        row.delete()
        recovery.drop_if_useless(user)
        notices.changed(user, "auth.passkey_removed", by=user, name=row.data["name"])


def _require_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not _LINE.match(name):
        wanted = f"One line of 1 to {MAX_NAME_LENGTH} characters, without control characters."
        raise errors.Invalid.field("name", "invalid", wanted)


# --- Logging in ----------------------------------------------------------------------------------------------------


def begin_login(*, now: datetime) -> Ceremony:
    challenge, nonce = challenges.make(Purpose.PASSKEY_LOGIN, now=now)
    return Ceremony(challenge, webauthn.request_options(nonce))


def log_in(challenge: str, credential: Mapping[str, Any], *, now: datetime) -> User:
    """Whom the device has verified. That is two factors, the device and its user: no further step is asked for."""
    found = challenges.read(Purpose.PASSKEY_LOGIN, challenge, now=now)
    user = _claimed(credential)
    check(user, credential, found.nonce, must_verify_user=True, now=now)
    if not challenges.use_up(found, now=now):
        raise challenges.ChallengeInvalid()
    return user


def check(user: User, credential: Mapping[str, Any], nonce: bytes, *, must_verify_user: bool, now: datetime) -> None:
    """Raises ``PasskeyInvalid`` unless one of the user's passkeys signed the nonce."""
    with transaction.atomic():
        is_copy = _use(user, credential, nonce, must_verify_user, now)
        if is_copy:
            notices.changed(user, "auth.passkey_refused", by=user)
    if is_copy:
        raise PasskeyInvalid()  # not before the commit: it would take the notice back


def keys_of(user: User) -> list[webauthn.Key]:
    return [_key(row) for row in rows.of(user, rows.Kind.WEBAUTHN)]


def _use(user: User, credential: Mapping[str, Any], nonce: bytes, must_verify_user: bool, now: datetime) -> bool:
    """Notes the use. True where the signature is right and its counter is not: two devices hold the one key.

    fido2 leaves counters to us (WebAuthn, 6.1.1). Most passkeys are synchronised between devices and always say 0.
    """
    found = {_key(row).attested.credential_id: row for row in rows.locked(user, rows.Kind.WEBAUTHN)}
    try:
        known = [_key(row) for row in found.values()]
        assertion = webauthn.read_assertion(credential, nonce, known, must_verify_user=must_verify_user)
    except webauthn.Rejected as error:
        raise PasskeyInvalid() from error
    if assertion.user_handle not in (None, user.pk.bytes):
        raise PasskeyInvalid()
    row = found[assertion.credential_id]
    if max(assertion.counter, row.data["counter"]) and assertion.counter <= row.data["counter"]:
        return True
    row.data["counter"], row.last_used_at = assertion.counter, now
    row.save(update_fields=["data", "last_used_at"])
    return False


def _claimed(credential: Mapping[str, Any]) -> User:
    """The user whom the device names; the signature is still to be checked."""
    try:
        handle = webauthn.user_handle(credential)
        user = User.objects.filter(pk=uuid.UUID(bytes=handle), is_active=True).first()
    except (webauthn.Rejected, ValueError, TypeError) as error:
        raise PasskeyInvalid() from error
    if user is None:
        raise PasskeyInvalid()
    return user


# --- Rows ----------------------------------------------------------------------------------------------------------


def _create(user: User, new: webauthn.NewKey, name: str, now: datetime) -> Any:
    data = {
        "id": str(ids.uuid7()),
        "name": name,
        "credential": new.credential,
        "counter": new.counter,
        "transports": list(new.transports),
    }
    return Authenticator.objects.create(user=user, type=rows.Kind.WEBAUTHN, data=data, created_at=now)


def _require_room(user: User) -> None:
    if rows.of(user, rows.Kind.WEBAUTHN).count() >= MAX_PASSKEYS:
        raise TooManyPasskeys()


def _require_unknown(new: webauthn.NewKey) -> None:
    """Whoever's it is (WebAuthn, 7.1). Looks through all passkeys, which only happens here."""
    if Authenticator.objects.filter(type=rows.Kind.WEBAUTHN, data__credential__id=new.credential_id).exists():
        raise PasskeyRegistered()


def _own(user: User, passkey_id: object) -> Any:
    """Inside a transaction, locked. Somebody else's is not there."""
    return _the(passkey_id, rows.locked(user, rows.Kind.WEBAUTHN))


def _the(passkey_id: object, candidates: Any) -> Any:
    for row in candidates:
        if row.data["id"] == str(passkey_id).lower():
            return row
    raise errors.NotFound()


def _key(row: Any) -> webauthn.Key:
    return webauthn.Key(row.wrap().authenticator_data.credential_data, tuple(row.data["transports"]))


def _shown(row: Any) -> Passkey:
    return Passkey(uuid.UUID(row.data["id"]), row.data["name"], row.created_at, row.last_used_at)
