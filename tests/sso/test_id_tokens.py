"""What an ID token must be before a word of it is believed: forgeries, one by one, and what is right."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts.sso import identity_tokens
from accounts.sso.identity_tokens import AnswerInvalid
from tests.sso.forger import CLIENT_ID, Signer

ISSUER = "https://login.example.com"
NONCE, ACCESS = "the-nonce-of-this-login", "the-access-token"
SIGNER, OTHER = Signer.make(), Signer.make(kid="two")
STRANGER = Signer(OTHER.private, kid=SIGNER.kid)
SIGNERS = {alg: Signer.make(alg) for alg in ("RS256", "ES256", "EdDSA")}


def claims(**changed: Any) -> dict[str, Any]:
    """``None`` leaves a claim out."""
    now = int(time.time())
    standard = {"iss": ISSUER, "aud": CLIENT_ID, "sub": "s-1", "iat": now, "exp": now + 300, "nonce": NONCE}
    return {name: value for name, value in {**standard, **changed}.items() if value is not None}


def verify(raw: str, *keys: dict[str, Any]) -> dict[str, Any]:
    return identity_tokens.verify(
        raw,
        keys=list(keys or (SIGNER.jwk, OTHER.jwk)),
        issuer=ISSUER,
        client_id=CLIENT_ID,
        nonce=NONCE,
        access_token=ACCESS,
    )


def at_hash(hash_name: str, token: str = ACCESS) -> str:
    digest = hashlib.new(hash_name, token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], payload: dict[str, Any], signature: str = "") -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (header, payload))
    return f"{'.'.join(parts)}.{signature}"


def with_the_public_key_as_secret() -> str:
    """The classic: HS256, with what everybody can read as the key."""
    pem = SIGNER.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body, _ = unsigned({"alg": "HS256", "kid": "one"}, claims()).split(".")
    mac = hmac.new(pem, f"{head}.{body}".encode(), "sha256").digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_another_payload() -> str:
    head, _, signature = SIGNER.sign(claims()).split(".")
    return ".".join([head, unsigned({}, claims(sub="s-2")).split(".")[1], signature])


@pytest.mark.parametrize("alg", SIGNERS)
def test_what_the_issuer_signed_for_this_login_is_believed(alg: str) -> None:
    signer = SIGNERS[alg]
    hash_name = "sha512" if alg == "EdDSA" else "sha256"

    found = verify(signer.sign(claims(at_hash=at_hash(hash_name))), signer.jwk)

    assert (found["sub"], found["iss"]) == ("s-1", ISSUER)


ACCEPTED: dict[str, Callable[[], Any]] = {
    "the second key of two": lambda: verify(OTHER.sign(claims())),
    "several audiences, asked for by us": lambda: verify(SIGNER.sign(claims(aud=[CLIENT_ID, "other"], azp=CLIENT_ID))),
    "one audience, as a list": lambda: verify(SIGNER.sign(claims(aud=[CLIENT_ID]))),
    "a clock that is a little behind": lambda: verify(SIGNER.sign(claims(exp=int(time.time()) - 30))),
    "a clock that is a little ahead": lambda: verify(SIGNER.sign(claims(iat=int(time.time()) + 30))),
    "no kid, where there is one key": lambda: verify(
        jwt.encode(claims(), SIGNER.private, algorithm="RS256"), SIGNER.jwk
    ),
    "a key that does not say what it is for": lambda: verify(
        SIGNER.sign(claims()), {k: v for k, v in SIGNER.jwk.items() if k not in ("use", "alg")}
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_the_standard_allows_is_accepted(case: str) -> None:
    assert ACCEPTED[case]()["sub"] == "s-1"


WEAK = Signer(rsa.generate_private_key(65537, 1024))
P384 = Signer(ec.generate_private_key(ec.SECP384R1()), alg="ES384")

FORGERIES: dict[str, Callable[[], Any]] = {
    "no signature": lambda: verify(unsigned({"alg": "none", "kid": "one"}, claims())),
    "no signature, in capitals": lambda: verify(unsigned({"alg": "NONE", "kid": "one"}, claims())),
    "the public key as a secret": lambda: verify(with_the_public_key_as_secret()),
    "the client's secret as a key": lambda: verify(
        jwt.encode(claims(), "s" * 40, algorithm="HS256", headers={"kid": "one"})
    ),
    "a key of one's own under a known name": lambda: verify(STRANGER.sign(claims())),
    "a key of one's own in the header": lambda: verify(STRANGER.sign(claims(), jwk=STRANGER.jwk)),
    "a key that is not in the set": lambda: verify(Signer(OTHER.private, kid="three").sign(claims())),
    "no kid, where there are two keys": lambda: verify(jwt.encode(claims(), SIGNER.private, algorithm="RS256")),
    "a kid that is no text": lambda: verify(unsigned({"alg": "RS256", "kid": ["one"]}, claims(), "AA")),
    "another payload under a right signature": lambda: verify(with_another_payload()),
    "another algorithm of the same key": lambda: verify(
        jwt.encode(claims(), SIGNER.private, algorithm="RS512", headers={"kid": "one"})
    ),
    "PSS, which is not on the list": lambda: verify(
        jwt.encode(claims(), SIGNER.private, algorithm="PS256", headers={"kid": "one"})
    ),
    "a key that is for encryption": lambda: verify(SIGNER.sign(claims()), {**SIGNER.jwk, "use": "enc"}),
    "a key that is for another algorithm": lambda: verify(SIGNER.sign(claims()), {**SIGNER.jwk, "alg": "PS256"}),
    "a key that cannot be read": lambda: verify(SIGNER.sign(claims()), {**SIGNER.jwk, "n": "?"}),
    "a short key": lambda: verify(WEAK.sign(claims()), WEAK.jwk),
    "another curve": lambda: verify(P384.sign(claims()), {**P384.jwk, "alg": "ES256"}),
    "a header that this algorithm must understand": lambda: verify(SIGNER.sign(claims(), crit=["exp2"], exp2=1)),
    "another issuer": lambda: verify(SIGNER.sign(claims(iss="https://evil.example.com"))),
    "the issuer with a slash": lambda: verify(SIGNER.sign(claims(iss=ISSUER + "/"))),
    "the issuer in a list": lambda: verify(SIGNER.sign(claims(iss=[ISSUER]))),
    "another client's": lambda: verify(SIGNER.sign(claims(aud="another-client"))),
    "a client whose name begins alike": lambda: verify(SIGNER.sign(claims(aud=CLIENT_ID + "2"))),
    "asked for by another client": lambda: verify(SIGNER.sign(claims(azp="another-client"))),
    "several audiences, asked for by another": lambda: verify(
        SIGNER.sign(claims(aud=[CLIENT_ID, "other"], azp="other"))
    ),
    "several audiences, asked for by nobody": lambda: verify(SIGNER.sign(claims(aud=[CLIENT_ID, "other"]))),
    "another login's": lambda: verify(SIGNER.sign(claims(nonce="another-nonce"))),
    "a nonce that is no text": lambda: verify(SIGNER.sign(claims(nonce=[NONCE]))),
    "expired": lambda: verify(SIGNER.sign(claims(exp=int(time.time()) - 90))),
    "an end that is no number": lambda: verify(SIGNER.sign(claims(exp="tomorrow"))),
    "an end beyond all numbers": lambda: verify(SIGNER.sign(claims(exp=float("inf")))),
    "made in the future": lambda: verify(SIGNER.sign(claims(iat=int(time.time()) + 600))),
    "not valid yet": lambda: verify(SIGNER.sign(claims(nbf=int(time.time()) + 600))),
    "another access token": lambda: verify(SIGNER.sign(claims(at_hash=at_hash("sha256", "stolen")))),
    "an access token's hash that is no text": lambda: verify(SIGNER.sign(claims(at_hash=7))),
    "a subject that is empty": lambda: verify(SIGNER.sign(claims(sub=""))),
    "a subject that is endless": lambda: verify(SIGNER.sign(claims(sub="s" * 256))),
    "a subject that no database takes": lambda: verify(SIGNER.sign(claims(sub="s\x00"))),
    "garbage": lambda: verify("garbage"),
    "three dots": lambda: verify("..."),
    "a header that is a list": lambda: verify("W10.e30.AA"),
    "a header of ten thousand levels": lambda: verify(
        base64.urlsafe_b64encode(b'{"alg":' + b"[" * 10_000 + b"]" * 10_000 + b"}").decode().rstrip("=") + ".e30.AA"
    ),
    **{
        f"without {name}": lambda name=name: verify(SIGNER.sign(claims(**{name: None})))
        for name in identity_tokens.REQUIRED
    },
}


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
@pytest.mark.parametrize("case", FORGERIES)
def test_a_forgery_is_refused(case: str) -> None:
    with pytest.raises(AnswerInvalid):
        FORGERIES[case]()
