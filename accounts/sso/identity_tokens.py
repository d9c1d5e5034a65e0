"""What must hold before a word of an ID token is believed: OpenID Connect Core 1.0, section 3.1.3.7.

The signature is checked always, although the token comes straight from the provider: TLS may end before it.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from core import errors
from core.api import parsing


class Algorithm(NamedTuple):
    kty: str
    crv: str | None
    hash: str


# No token brings another one along.
ALGORITHMS = {
    "RS256": Algorithm("RSA", None, "sha256"),
    "ES256": Algorithm("EC", "P-256", "sha256"),
    "EdDSA": Algorithm("OKP", "Ed25519", "sha512"),
}
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
CLOCK_SECONDS = 60  # by which the provider's clock may differ from ours
MIN_RSA_BITS = 2048
MAX_SUBJECT = 255
UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError)

Claims = dict[str, Any]
Key = Mapping[str, Any]


class AnswerInvalid(errors.Unauthenticated):
    """The log says why; whoever sent a forgery learns nothing from it."""

    code = "sso_answer_invalid"
    title = "The answer of the identity provider cannot be trusted"
    meaning = "What came back does not prove who you are. Begin the login again; if that does not help, tell us."


class KeyUnknown(AnswerInvalid):
    """No key of the set signed it: the provider may have a new one since we read the set."""


def verify(raw: str, *, keys: list[Key], issuer: str, client_id: str, nonce: str, access_token: str) -> Claims:
    """The claims of an ID token that was made by this issuer, for us, for this very login. Else ``AnswerInvalid``."""
    algorithm = _algorithm(raw)
    key = _key(raw, algorithm, keys)
    try:
        claims: Claims = jwt.decode(
            raw,
            key,
            algorithms=[algorithm],
            audience=client_id,
            issuer=issuer,
            leeway=CLOCK_SECONDS,
            options={"require": REQUIRED},
        )
    except UNREADABLE as error:
        raise AnswerInvalid(f"The ID token is refused: {error}") from error
    _check_party(claims, client_id)
    _check_nonce(claims, nonce)
    _check_access_token(claims, algorithm, access_token)
    _check_subject(claims["sub"])
    return claims


def _algorithm(raw: str) -> str:
    try:
        named = jwt.get_unverified_header(raw).get("alg")
    except UNREADABLE as error:
        raise AnswerInvalid("The ID token cannot be read.") from error
    if named not in ALGORITHMS:
        raise AnswerInvalid(f"The ID token is signed with {named!a:.40}, which is not accepted.")
    return str(named)


def _key(raw: str, algorithm: str, keys: list[Key]) -> Any:
    """The one key that can have signed it. ``kid`` may be left out only where there is no choice."""
    kid = jwt.get_unverified_header(raw).get("kid")
    fitting = [key for key in keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]
    if len(fitting) != 1:
        raise KeyUnknown(f"{len(fitting)} keys of the provider fit the ID token.")
    try:
        key = jwt.PyJWK(dict(fitting[0]), algorithm=algorithm).key
    except UNREADABLE as error:
        raise AnswerInvalid("The key of the provider cannot be read.") from error
    if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise AnswerInvalid(f"The key of the provider has fewer than {MIN_RSA_BITS} bits.")
    return key


def _fits(key: Key, algorithm: str) -> bool:
    wanted = ALGORITHMS[algorithm]
    return (
        (key.get("kty"), key.get("crv")) == (wanted.kty, wanted.crv)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    )


def _check_party(claims: Claims, client_id: str) -> None:
    """A token for several of the provider's clients was asked for by one of them, and that one is us."""
    is_for_several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if is_for_several else client_id) != client_id:
        raise AnswerInvalid("The ID token was made for another client.")


def _check_nonce(claims: Claims, nonce: str) -> None:
    if not hmac.compare_digest(str(claims["nonce"]).encode(errors="replace"), nonce.encode()):
        raise AnswerInvalid("The ID token belongs to another login.")


def _check_access_token(claims: Claims, algorithm: str, access_token: str) -> None:
    """``at_hash`` may be missing in this flow; where it is there, it is right."""
    if "at_hash" not in claims:
        return
    digest = hashlib.new(ALGORITHMS[algorithm].hash, access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not hmac.compare_digest(str(claims["at_hash"]).encode(errors="replace"), expected):
        raise AnswerInvalid("The access token is not the one that the ID token was made with.")


def _check_subject(subject: Any) -> None:
    """It becomes a column of a table: text, neither empty nor endless."""
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
        raise AnswerInvalid("The ID token does not say who somebody is.")
    try:
        parsing.check_text(subject)
    except errors.Malformed as error:
        raise AnswerInvalid("The ID token does not say who somebody is.") from error
