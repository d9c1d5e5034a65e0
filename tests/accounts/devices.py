"""What people hold in their hands: an authenticator app and a passkey device, in software, written from the standards.

``App`` is RFC 6238. ``Device`` is a browser and its authenticator in one: ES256 keys, no attestation (WebAuthn, 6 and
7). A test says what a device does wrong by the arguments of ``create`` and ``get``.
"""

import base64
import hashlib
import hmac
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils import timezone
from fido2 import cbor

from accounts.factors import totp
from tests.factories import PASSWORD

ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class App:
    def __init__(self, secret: str) -> None:
        self.secret = base64.b32decode(secret)

    def code(self, *, steps: int = 0) -> str:
        """What it shows now, or ``steps`` half minutes from now."""
        counter = int(timezone.now().timestamp()) // 30 + steps
        digest = hmac.new(self.secret, struct.pack(">Q", counter), hashlib.sha1).digest()
        offset = digest[-1] & 15
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


def with_app(user) -> tuple[App, list[str]]:
    """The app of a user who has set it up a minute ago, and the recovery codes."""
    setup = totp.begin(user, password=PASSWORD, now=timezone.now())
    app = App(setup.secret)
    codes = totp.confirm(user, setup.challenge, app.code(), now=timezone.now())
    row = Authenticator.objects.get(user=user, type="totp")
    row.data["last_step"] -= 2
    row.save()
    return app, codes


@dataclass
class Device:
    counter: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    user_handle: bytes | None = None

    def create(
        self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str | None = None, **wrong: Any
    ) -> dict[str, Any]:
        """``navigator.credentials.create`` with these options, as JSON."""
        self.user_handle = unb64(options["user"]["id"])
        attested = b"\0" * 16 + struct.pack(">H", len(self.credential_id)) + self.credential_id + self._public_key()
        data = self._data(rp_id or options["rp"]["id"], wrong.get("flags", PRESENT | VERIFIED) | ATTESTED) + attested
        response = {
            "clientDataJSON": b64(client_data("webauthn.create", options, origin, wrong)),
            "attestationObject": b64(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
            "authenticatorData": b64(data),
            "publicKeyAlgorithm": -7,
            "transports": ["internal", "hybrid", "telepathy"],
        }
        extensions = {"credProps": {"rk": True}}
        return {**self._credential(response), "clientExtensionResults": extensions}

    def get(
        self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str | None = None, **wrong: Any
    ) -> dict[str, Any]:
        """``navigator.credentials.get`` with these options, as JSON."""
        told = client_data("webauthn.get", options, origin, wrong)
        data = self._data(rp_id or options["rpId"], wrong.get("flags", PRESENT | VERIFIED))
        signature = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(SHA256()))
        handle = wrong.get("user_handle", self.user_handle)
        response = {
            "clientDataJSON": b64(told),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": b64(handle) if handle else None,
        }
        return {**self._credential(response), "clientExtensionResults": {}}

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        own = b64(self.credential_id)
        return {
            "id": own,
            "rawId": own,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": response,
        }

    def _data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return cbor.encode({1: 2, 3: -7, -1: 1, -2: x, -3: y})


def client_data(kind: str, options: dict[str, Any], origin: str, wrong: dict[str, Any]) -> bytes:
    told = {"type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": False}
    return json.dumps(told | wrong.get("client", {})).encode()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
