"""The keys of tokens. Each brings its one algorithm along, so no token has a say in how it is verified.

As they are written in JWT_KEYS (``cms_project.secrets`` takes that apart):

    a text of at least 32 bytes             HS256: whoever verifies can also sign
    ed25519:<base64url of 32 bytes>         EdDSA
    rs256:<base64url of PKCS #8 in DER>     RS256, at least 2048 bits
    ed25519-public:…, rs256-public:…        verify alone: the 32 bytes, or SubjectPublicKeyInfo in DER
    -----BEGIN …                            either of them as PEM, not encrypted
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from jwt.algorithms import HMACAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

Algorithm = Literal["HS256", "RS256", "EdDSA"]

ALGORITHMS: tuple[Algorithm, ...] = ("HS256", "RS256", "EdDSA")
MIN_SECRET_BYTES = 32
MIN_RSA_BITS, NEW_RSA_BITS = 2048, 3072
PUBLIC_EXPONENT = 65_537

_AS_PAIRS = re.compile(r"[A-Za-z0-9_.:=+/-]+")  # what needs no quotes, in .env or in a shell


@dataclass(frozen=True)
class SigningKey:
    algorithm: Algorithm
    verifies_with: Any = field(repr=False)
    signs_with: Any = field(repr=False)  # None: it only verifies

    def jwk(self, kid: str) -> dict[str, Any] | None:
        """Its public half as RFC 7517 has it; None for a secret, which has none."""
        if self.algorithm == "HS256":
            return None
        converter = RSAAlgorithm if self.algorithm == "RS256" else OKPAlgorithm
        public = converter.to_jwk(self.verifies_with, as_dict=True)
        return {"kid": kid, "use": "sig", "alg": self.algorithm, **public}


@lru_cache(maxsize=64)
def read(text: str) -> SigningKey:
    """Kept, so that a key is taken apart once in the life of a process: at its start, when the settings check it.

    Raises ValueError, whose text never repeats a secret.
    """
    form, colon, encoded = text.partition(":")
    if text.startswith("-----BEGIN"):
        return _asymmetric(lambda: _from_pem(text.encode()), "is no PEM text of a key without a password")
    if colon and form in _FORMS:
        read_form, what = _FORMS[form]
        return _asymmetric(lambda: read_form(_base64url(encoded)), f"is not {what}, in Base64URL")
    return _secret(text)


def make(algorithm: Algorithm) -> str:
    """A new key, as it is written in JWT_KEYS."""
    if algorithm == "HS256":
        return secrets.token_urlsafe(48)
    if algorithm == "EdDSA":
        return f"ed25519:{_as_base64url(Ed25519PrivateKey.generate().private_bytes_raw())}"
    key = generate_private_key(public_exponent=PUBLIC_EXPONENT, key_size=NEW_RSA_BITS)
    pkcs8 = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return f"rs256:{_as_base64url(pkcs8)}"


def written(keys: Mapping[str, str]) -> str:
    """The value of JWT_KEYS for these keys: as pairs, or where that cannot be read back, as JSON in quotes."""
    if all(_AS_PAIRS.fullmatch(text) for text in keys.values()):
        return ",".join(f"{kid}:{text}" for kid, text in keys.items())
    as_json = json.dumps(dict(keys), separators=(",", ":")).replace("'", "\\u0027")
    return f"'{as_json}'"


def _secret(text: str) -> SigningKey:
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"has fewer than {MIN_SECRET_BYTES} bytes")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(text)
    except InvalidKeyError:
        raise ValueError("is a public key or certificate, which is no secret") from None
    return SigningKey("HS256", text, text)


def _asymmetric(load: Callable[[], Any], otherwise: str) -> SigningKey:
    try:
        key = load()
    except (ValueError, TypeError, UnsupportedAlgorithm):  # what cryptography says of a password, or of the wrong bytes
        raise ValueError(otherwise) from None
    private = key if isinstance(key, Ed25519PrivateKey | RSAPrivateKey) else None
    public = private.public_key() if private else key
    if isinstance(public, Ed25519PublicKey):
        return SigningKey("EdDSA", public, private)
    if isinstance(public, RSAPublicKey):
        _refuse_weak(public)
        return SigningKey("RS256", public, private)
    raise ValueError("is neither an RSA nor an Ed25519 key")


def _refuse_weak(key: RSAPublicKey) -> None:
    if key.key_size < MIN_RSA_BITS:
        raise ValueError(f"is an RSA key of {key.key_size} bits, fewer than {MIN_RSA_BITS}")
    if key.public_numbers().e < PUBLIC_EXPONENT:
        raise ValueError(f"is an RSA key with a public exponent below {PUBLIC_EXPONENT}")


def _from_pem(text: bytes) -> Any:
    if b"PUBLIC KEY-----" in text:
        return serialization.load_pem_public_key(text)
    return serialization.load_pem_private_key(text, password=None)


def _rsa_private(der: bytes) -> Any:
    key = serialization.load_der_private_key(der, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("another kind of key")
    return key


def _rsa_public(der: bytes) -> Any:
    key = serialization.load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("another kind of key")
    return key


_FORMS: dict[str, tuple[Callable[[bytes], Any], str]] = {
    "ed25519": (Ed25519PrivateKey.from_private_bytes, "the 32 bytes of a private Ed25519 key"),
    "ed25519-public": (Ed25519PublicKey.from_public_bytes, "the 32 bytes of a public Ed25519 key"),
    "rs256": (_rsa_private, "a private RSA key as PKCS #8 in DER"),
    "rs256-public": (_rsa_public, "a public RSA key as SubjectPublicKeyInfo in DER"),
}


def _base64url(text: str) -> bytes:
    stripped = text.rstrip("=")
    return base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)


def _as_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
