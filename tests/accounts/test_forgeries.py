"""Tokens that somebody made up. Each differs from a good one in a single thing, and none is accepted."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from accounts import signing, tokens
from accounts.models import TokenFamily
from tests.factories import make_user, pair_for

pytestmark = pytest.mark.django_db

KEYS = {"spring": "s" * 64, "winter": "w" * 64}  # long enough for every algorithm of the family
FOREIGN = "f" * 64

Forge = Callable[[dict[str, Any]], str]


def signed(key: Any = KEYS["spring"], *, algorithm: str = "HS256", kid: object = "spring", **changes: Any) -> Forge:
    """A token with our claims, signed with this key. A claim set to None is left out."""
    headers = {} if kid is None else {"kid": kid}

    def forge(claims: dict[str, Any]) -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(changed, key, algorithm=algorithm, headers=headers)

    return forge


def segment(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def by_hand(header: bytes, signature: str = "") -> Forge:
    return lambda claims: f"{segment(header)}.{segment(json.dumps(claims).encode())}.{signature}"


def tampered(claims: dict[str, Any]) -> str:
    header, _, signature = signed()(claims).split(".")
    return f"{header}.{segment(json.dumps({**claims, 'role': 'admin'}).encode())}.{signature}"


def cut(claims: dict[str, Any]) -> str:
    return signed()(claims)[:-1]


FORGERIES: dict[str, Forge] = {
    "algorithm none": by_hand(b'{"alg":"none","typ":"JWT","kid":"spring"}'),
    "algorithm None in capitals": by_hand(b'{"alg":"NONE","typ":"JWT","kid":"spring"}'),
    "no algorithm": by_hand(b'{"typ":"JWT","kid":"spring"}'),
    "another algorithm of the same family": signed(algorithm="HS512"),
    "a foreign key": signed(FOREIGN),
    "a key of ours under the other's id": signed(KEYS["winter"]),
    "an unknown key id": signed(kid="summer"),
    "a key id that is a path": signed(kid="../../dev/null"),
    "an empty key id": signed(kid=""),
    "no key id": signed(kid=None),
    "a key id that is no text": by_hand(b'{"alg":"HS256","kid":["spring"]}', "c2ln"),
    "a header nested too deep": by_hand(b'{"alg":"HS256","kid":' + b"[" * 40_000 + b"]" * 40_000 + b"}", "c2ln"),
    "a header that is no object": by_hand(b'"HS256"', "c2ln"),
    "a header that is no JSON": by_hand(b"{", "c2ln"),
    "a huge number in the header": by_hand(b'{"alg":"HS256","kid":' + b"9" * 5000 + b"}", "c2ln"),
    "a key in the header": by_hand(b'{"alg":"HS256","jwk":{"kty":"oct","k":"Zg"},"kid":"spring"}', "c2ln"),
    "a changed payload": tampered,
    "a signature cut short": cut,
    "no signature": lambda claims: signed()(claims).rpartition(".")[0] + ".",
    "two parts": lambda claims: signed()(claims).rpartition(".")[0],
    "four parts": lambda claims: signed()(claims) + ".x",
    "nothing": lambda claims: "",
    "text that is not ASCII": lambda claims: "ünïcode.ünïcode.ünïcode",
    "another audience": signed(aud="stitch-admin"),
    "our audience among others": signed(aud=["stitch-api", "somebody"]),
    "another issuer": signed(iss="https://example.org"),
    "an expired one": signed(exp=1),
    "one that is not valid yet": signed(nbf=99_999_999_999),
    "an expiry that is no number": signed(exp="tomorrow"),
    "a subject that is no id": signed(sub="1"),
    "a subject that is somebody else": signed(sub="01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11"),
    "a family that does not exist": signed(fam="01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11"),
    "a family that is no id": signed(fam="' OR 1=1 --"),
    "a family that is a list": signed(fam=["x"]),
    "an unknown type": signed(token_type="sliding"),
    **{f"no claim {claim}": signed(**{claim: None}) for claim in tokens.CLAIMS},
}

NOTHING_TO_END = {"a subject that is somebody else", "a family that does not exist"}  # well signed: a logout says 204


@pytest.fixture
def pair(settings) -> tokens.Pair:
    settings.JWT_KEYS = KEYS
    return pair_for(make_user())


def claims_of(raw: str) -> dict[str, Any]:
    return jwt.decode(raw, options={"verify_signature": False})


def test_the_forger_of_this_file_knows_how_to_make_a_good_token(pair):
    again = signed()(claims_of(pair.access_token))

    assert tokens.identify(again)[0] == pair.user


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_access_token_is_refused(name, pair):
    forged = FORGERIES[name](claims_of(pair.access_token))

    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(forged)


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_refresh_token_is_refused_and_harms_nobody(name, pair):
    before = TokenFamily.objects.values().get()
    forged = FORGERIES[name](claims_of(pair.refresh_token))

    with pytest.raises(tokens.TokenInvalid):
        _exchange(forged)

    assert TokenFamily.objects.values().get() == before


@pytest.mark.parametrize("name", sorted(FORGERIES.keys() - NOTHING_TO_END))
def test_nobody_is_logged_out_with_a_forged_token(name, pair):
    forged = FORGERIES[name](claims_of(pair.refresh_token))

    with pytest.raises(tokens.TokenInvalid):
        _log_out(forged)

    assert TokenFamily.objects.get().revoked_at is None


@pytest.mark.parametrize("name", sorted(NOTHING_TO_END))
def test_a_logout_that_finds_nothing_to_end_ends_nothing(name, pair):
    _log_out(FORGERIES[name](claims_of(pair.refresh_token)))

    assert TokenFamily.objects.get().revoked_at is None


def test_a_refresh_token_is_no_access_token(pair):
    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(pair.refresh_token)


@pytest.mark.parametrize("use", ["exchange", "log out"])
def test_an_access_token_is_no_refresh_token(pair, use):
    with pytest.raises(tokens.TokenInvalid):
        (_exchange if use == "exchange" else _log_out)(pair.access_token)

    assert TokenFamily.objects.get().revoked_at is None


def test_an_access_token_relabelled_by_its_holder_is_refused(pair):
    claims = claims_of(pair.access_token) | {"token_type": "refresh", "exp": _in_a_week()}

    with pytest.raises(tokens.TokenInvalid):
        _exchange(signed(FOREIGN)(claims))


# --- Keys of several algorithms on one ring: each has its own, whatever a header says ---------------------------------

ED25519 = Ed25519PrivateKey.generate()
FOREIGN_RSA = generate_private_key(public_exponent=65_537, key_size=2048)
RING = {
    "rivest": signing.make("RS256"),
    "edward": signing.make("EdDSA"),
    "shared": "h" * 64,
    "visitor": f"ed25519-public:{segment(ED25519.public_key().public_bytes_raw())}",
}


def of_ring(kid: str) -> Any:
    return signing.read(RING[kid])


def texts_of(public: Any) -> dict[str, bytes]:
    """All that somebody might take for the secret who has nothing but the public key."""
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    texts = {"PEM": pem, "PEM without its last line break": pem.strip(), "DER": der}
    texts |= {
        "DER in Base64URL": segment(der).encode(),
        "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    }
    return texts


def by_hmac(secret: bytes, *, kid: str) -> Forge:
    """PyJWT would not sign with a public key."""

    def forge(claims: dict[str, Any]) -> str:
        header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": kid}).encode()
        signing_input = f"{segment(header)}.{segment(json.dumps(claims).encode())}"
        return f"{signing_input}.{segment(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"

    return forge


def unsigned(kid: str) -> Forge:
    return by_hand(json.dumps({"alg": "none", "typ": "JWT", "kid": kid}).encode())


def with_its_own_key(kid: str) -> Forge:
    """The header brings the key with which it was signed."""
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN_RSA.public_key()))
    headers = {"kid": kid, "jwk": jwk, "jku": "https://evil.example/jwks.json"}
    return lambda claims: jwt.encode(claims, FOREIGN_RSA, algorithm="RS256", headers=headers)


CONFUSIONS: dict[str, Forge] = {
    **{
        f"the public key of {kid} as a secret, {name}": by_hmac(text, kid=kid)
        for kid in ("rivest", "edward", "visitor")
        for name, text in texts_of(of_ring(kid).verifies_with).items()
    },
    "the line of a public key in JWT_KEYS as a secret": by_hmac(RING["visitor"].encode(), kid="visitor"),
    **{f"no algorithm under {kid}": unsigned(kid) for kid in RING},
    **{
        f"{algorithm} of a right RSA key": signed(of_ring("rivest").signs_with, algorithm=algorithm, kid="rivest")
        for algorithm in ("RS384", "RS512", "PS256")
    },
    "HS512 of a right secret": signed(RING["shared"], algorithm="HS512", kid="shared"),
    "a secret of ours under an RSA key": signed(RING["shared"], kid="rivest"),
    "a secret of ours under an Ed25519 key": signed(RING["shared"], kid="edward"),
    "an RSA key of ours under a secret": signed(of_ring("rivest").signs_with, algorithm="RS256", kid="shared"),
    "an RSA key of ours under an Ed25519 key": signed(of_ring("rivest").signs_with, algorithm="RS256", kid="edward"),
    "an Ed25519 key of ours under an RSA key": signed(of_ring("edward").signs_with, algorithm="EdDSA", kid="rivest"),
    "an Ed25519 key of ours under another": signed(of_ring("edward").signs_with, algorithm="EdDSA", kid="visitor"),
    "a foreign RSA key": signed(FOREIGN_RSA, algorithm="RS256", kid="rivest"),
    "a foreign Ed25519 key": signed(ED25519, algorithm="EdDSA", kid="edward"),
    "a foreign RSA key that the header brings along": with_its_own_key("rivest"),
}


@pytest.fixture
def ring(settings) -> tokens.Pair:
    settings.JWT_KEYS = RING
    return pair_for(make_user())


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [
        (of_ring("rivest").signs_with, "RS256", "rivest"),
        (of_ring("edward").signs_with, "EdDSA", "edward"),
        (RING["shared"], "HS256", "shared"),
        (ED25519, "EdDSA", "visitor"),
    ],
)
def test_every_key_of_a_mixed_ring_verifies_what_it_signed(ring, key, algorithm, kid):
    again = signed(key, algorithm=algorithm, kid=kid)(claims_of(ring.access_token))

    assert tokens.identify(again)[0] == ring.user


@pytest.mark.parametrize("name", CONFUSIONS)
def test_no_token_chooses_how_it_is_verified(name, ring):
    before = TokenFamily.objects.values().get()
    access, refresh = (CONFUSIONS[name](claims_of(raw)) for raw in (ring.access_token, ring.refresh_token))

    for use, forged in ((tokens.identify, access), (_exchange, refresh), (_log_out, refresh)):
        with pytest.raises(tokens.TokenInvalid):
            use(forged)

    assert TokenFamily.objects.values().get() == before


def _in_a_week() -> int:
    return int((timezone.now() + timedelta(days=7)).timestamp())


def _exchange(raw: str) -> tokens.Pair:
    return tokens.rotate(raw, arrived_at=timezone.now().timestamp(), now=timezone.now())


def _log_out(raw: str) -> None:
    tokens.revoke(raw, now=timezone.now())
