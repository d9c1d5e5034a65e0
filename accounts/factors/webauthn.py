"""The protocol of passkeys (WebAuthn), spoken by fido2: what browsers are asked, and what is believed of their answers.

The relying party and the origins come from the settings, never from a request. fido2 is given text alone: where it
expects bytes and finds a number, it would make as many of them. It compares no counters; ``passkeys`` does.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestationObject,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.models import User

logger = logging.getLogger("stitch.auth")

MAX_MEMBER = 20_000  # characters; the longest, an attestation object, has a few hundred
MAX_CREDENTIAL_ID = 1023  # bytes (WebAuthn, 4)
TIMEOUT = 300_000  # milliseconds for which a browser asks its user
_ATTESTATION = ("clientDataJSON", "attestationObject")
_ASSERTION = ("clientDataJSON", "authenticatorData", "signature")
_TRANSPORTS = {one.value for one in AuthenticatorTransport}


class Rejected(Exception):
    """What the browser sent proves nothing. The reason is for the log."""


@dataclass(frozen=True)
class Key:
    """A passkey that was registered."""

    attested: AttestedCredentialData
    transports: tuple[str, ...]


@dataclass(frozen=True)
class NewKey:
    credential: dict[str, Any]  # as allauth stores it, without the attestation
    credential_id: str
    counter: int
    transports: tuple[str, ...]


@dataclass(frozen=True)
class Assertion:
    credential_id: bytes
    counter: int
    user_handle: bytes | None


def creation_options(user: User, nonce: bytes, existing: Sequence[Key]) -> dict[str, Any]:
    """For ``navigator.credentials.create``. The id of the user is all that a device learns beside the two names."""
    options, _ = _server().register_begin(
        PublicKeyCredentialUserEntity(id=user.pk.bytes, name=user.email, display_name=user.name),
        credentials=[_descriptor(key) for key in existing],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=nonce,
        extensions={"credProps": True},
    )
    return _plain(options)


def request_options(nonce: bytes, allowed: Sequence[Key] = ()) -> dict[str, Any]:
    """For ``navigator.credentials.get``. Nobody named: whoever the device knows, and it makes sure that it is them."""
    options, _ = _server().authenticate_begin(
        credentials=[_descriptor(key) for key in allowed] or None,
        user_verification=_verification(must_verify_user=not allowed),
        challenge=nonce,
    )
    return _plain(options)


def read_creation(credential: Mapping[str, Any], nonce: bytes) -> NewKey:
    """Raises ``Rejected`` for another origin, relying party or challenge, and for what cannot be read."""
    with _reading():
        sent = _texts(credential, _ATTESTATION)
        data = _server().register_complete(_state(nonce, must_verify_user=False), sent)
        _require_same_origin(RegistrationResponse.from_dict(sent).response.client_data)
        attested = data.credential_data
        _require(attested is not None and len(attested.credential_id) <= MAX_CREDENTIAL_ID, "no credential id")
        assert attested is not None
        _require(websafe_encode(attested.credential_id) == sent["id"], "another credential id")
        _require(attested.public_key.ALGORITHM in CoseKey.supported_algorithms(), "an unknown algorithm")
    sent["response"]["attestationObject"] = websafe_encode(AttestationObject.create("none", data, {}))
    return NewKey(sent, sent["id"], data.counter, _transports(credential))


def read_assertion(
    credential: Mapping[str, Any], nonce: bytes, known: Sequence[Key], *, must_verify_user: bool
) -> Assertion:
    """Raises ``Rejected`` unless one of the known keys signed this nonce, here, for us."""
    with _reading():
        sent = _texts(credential, _ASSERTION, optional="userHandle")
        state = _state(nonce, must_verify_user=must_verify_user)
        used = _server().authenticate_complete(state, [key.attested for key in known], sent)
        answer = AuthenticationResponse.from_dict(sent).response
        _require_same_origin(answer.client_data)
    return Assertion(used.credential_id, answer.authenticator_data.counter, answer.user_handle)


def user_handle(credential: Mapping[str, Any]) -> bytes | None:
    """Whose the device says the passkey is: the id that it was given at the creation. Proves nothing."""
    with _reading():
        sent = _texts(credential, _ASSERTION, optional="userHandle")
        return AuthenticationResponse.from_dict(sent).response.user_handle


def _server() -> Fido2Server:
    relying_party = PublicKeyCredentialRpEntity(id=settings.PASSKEY_RP_ID, name=settings.PASSKEY_RP_ID)
    server = Fido2Server(relying_party, AttestationConveyancePreference.NONE, verify_origin=_is_ours)
    server.timeout = TIMEOUT  # type: ignore[assignment] # annotated by its default, None
    return server


def _is_ours(origin: str) -> bool:
    return origin in (settings.PUBLIC_BASE_URL, *settings.ALLOWED_ORIGINS)


def _state(nonce: bytes, *, must_verify_user: bool) -> dict[str, Any]:
    return {"challenge": websafe_encode(nonce), "user_verification": _verification(must_verify_user=must_verify_user)}


def _verification(*, must_verify_user: bool) -> UserVerificationRequirement:
    return UserVerificationRequirement.REQUIRED if must_verify_user else UserVerificationRequirement.PREFERRED


def _descriptor(key: Key) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        type=PublicKeyCredentialType.PUBLIC_KEY,
        id=key.attested.credential_id,
        transports=[AuthenticatorTransport(one) for one in key.transports] or None,
    )


def _plain(options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(dict(options)["publicKey"]))
    return found


# --- Reading what a browser sent -----------------------------------------------------------------------------------


@contextmanager
def _reading() -> Iterator[None]:
    """Hostile bytes make the parsers below raise whatever they happen to raise: all of it means the same."""
    try:
        yield
    except Exception as error:
        logger.info("A passkey was rejected: %s", type(error).__name__)
        raise Rejected() from error


def _texts(credential: Mapping[str, Any], names: Sequence[str], *, optional: str = "") -> dict[str, Any]:
    """What fido2 needs of it, and nothing else, once it is sure that each member is a text of bounded length."""
    response = credential["response"]
    _require(credential["type"] == "public-key", "another type")
    wanted = [*names, optional] if response.get(optional) is not None else [*names]
    sent = {name: credential[name] for name in ("id", "rawId")} | {name: response[name] for name in wanted}
    for name, value in sent.items():
        _require(isinstance(value, str) and len(value) <= MAX_MEMBER, f"{name} is no text")
    members = {name: sent[name] for name in wanted}
    return {"id": sent["id"], "rawId": sent["rawId"], "type": "public-key", "response": members}


def _transports(credential: Mapping[str, Any]) -> tuple[str, ...]:
    """How the device is reached, so that a browser asks for the right one. Only a hint: nonsense is left out."""
    told = credential["response"].get("transports")
    return tuple(one for one in told[:10] if one in _TRANSPORTS) if isinstance(told, list) else ()


def _require_same_origin(client_data: Any) -> None:
    _require(client_data.cross_origin is not True, "asked by a page inside another's")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
