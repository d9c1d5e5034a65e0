"""The keys of tokens: how they are written, which are refused, and how a new one is brought in."""

import base64
import io
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.core.management import call_command

from accounts import signing, tokens
from cms_project import env, secrets
from tests.factories import make_user, pair_for
from tests.house.commands import KEY, PRODUCTION, manage

SECRET = "a-secret-of-many-different-letters-0123456789"
ED25519 = Ed25519PrivateKey.generate()
RSA = generate_private_key(public_exponent=65_537, key_size=2048)
SHORT_RSA = generate_private_key(public_exponent=65_537, key_size=1024)
ODD_RSA = generate_private_key(public_exponent=3, key_size=2048)


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def pkcs8(key, encoding=Encoding.DER, encryption=None) -> bytes:
    return key.private_bytes(encoding, PrivateFormat.PKCS8, encryption or NoEncryption())


def spki(key, encoding=Encoding.DER) -> bytes:
    return key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def pem(key) -> str:
    return pkcs8(key, Encoding.PEM).decode()


FORMS = {
    "ed25519": (f"ed25519:{base64url(ED25519.private_bytes_raw())}", "EdDSA", True),
    "ed25519 with padding": (
        f"ed25519:{base64.urlsafe_b64encode(ED25519.private_bytes_raw()).decode()}",
        "EdDSA",
        True,
    ),
    "ed25519, public": (f"ed25519-public:{base64url(ED25519.public_key().public_bytes_raw())}", "EdDSA", False),
    "ed25519 as PEM": (pem(ED25519), "EdDSA", True),
    "ed25519 as PEM, public": (spki(ED25519, Encoding.PEM).decode(), "EdDSA", False),
    "rsa": (f"rs256:{base64url(pkcs8(RSA))}", "RS256", True),
    "rsa, public": (f"rs256-public:{base64url(spki(RSA))}", "RS256", False),
    "rsa as PEM": (pem(RSA), "RS256", True),
    "rsa as PEM of old": (
        RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
        "RS256",
        True,
    ),
    "rsa as PEM, public": (spki(RSA, Encoding.PEM).decode(), "RS256", False),
    "secret": (SECRET, "HS256", True),
    "secret with colons": (f"{SECRET}:with:colons", "HS256", True),
}


# --- How they are written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_key_brings_its_algorithm_along(form):
    text, algorithm, signs = FORMS[form]

    keys = secrets.jwt_keys(json.dumps({"first": SECRET, "it": text}))

    key = signing.read(keys["it"])
    assert (list(keys), key.algorithm, key.signs_with is not None) == (["first", "it"], algorithm, signs)


@pytest.mark.parametrize("form", [form for form in FORMS if "PEM" not in form])
def test_pairs_and_json_say_the_same(form):
    text = FORMS[form][0]

    assert secrets.jwt_keys(f"first:{SECRET}, it:{text}") == secrets.jwt_keys(json.dumps({"first": SECRET, "it": text}))


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_down_can_be_read_back_from_a_file(form):
    keys = {"2027-01-31": SECRET, "it": FORMS[form][0].strip(), "last": f"with, comma # and 'quotes' \" {SECRET}"}

    for some in (keys, {kid: keys[kid] for kid in ("2027-01-31", "it")}):
        found = env.parse_file(f"JWT_KEYS={signing.written(some)}")["JWT_KEYS"]
        assert secrets.jwt_keys(found) == some


def test_a_key_never_shows_itself():
    assert SECRET not in repr(signing.read(SECRET))


def test_a_key_is_taken_apart_once():
    assert signing.read(FORMS["rsa"][0]) is signing.read(FORMS["rsa"][0])


# --- Which are refused ------------------------------------------------------------------------------------------------

WEAK = {
    "a short secret": "hush-hush-hush",
    "a known example": "please-change-me-to-something-long-and-random",
    "a short RSA key": f"rs256:{base64url(pkcs8(SHORT_RSA))}",
    "a short RSA key as PEM": pem(SHORT_RSA),
    "a short public RSA key": f"rs256-public:{base64url(spki(SHORT_RSA))}",
    "an RSA key with a small exponent": pem(ODD_RSA),
    "an Ed25519 key that is too short": f"ed25519:{base64url(b'x' * 31)}",
    "an Ed25519 key that is too long": f"ed25519:{base64url(b'x' * 33)}",
    "an Ed25519 key that is no Base64URL": f"ed25519:{'*' * 43}",
    "an Ed25519 key as PKCS #8": f"ed25519:{base64url(pkcs8(ED25519))}",
    "an RSA key that is no DER": f"rs256:{base64url(b'x' * 1200)}",
    "an Ed25519 key that says it is RSA": f"rs256:{base64url(pkcs8(ED25519))}",
    "a public RSA key that says it is private": f"rs256:{base64url(spki(RSA))}",
    "a private RSA key that says it is public": f"rs256-public:{base64url(pkcs8(RSA))}",
    "a key with a password": pkcs8(RSA, Encoding.PEM, serialization.BestAvailableEncryption(b"hush-hush")).decode(),
    "a key on another curve": pem(ec.generate_private_key(ec.SECP256R1())),
    "an Ed448 key": pem(Ed448PrivateKey.generate()),
    "half a PEM": pem(RSA)[:400],
    "a certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "an OpenSSH key as a secret": RSA.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "nothing": "",
}


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("keys", [("it",), ("first", "it")])
def test_what_is_weak_or_nonsense_is_refused_without_repeating_it(name, keys):
    raw = json.dumps({kid: WEAK[name] if kid == "it" else SECRET for kid in keys})

    with pytest.raises(ValueError, match=rf"^key {len(keys)} (is|has) ") as refusal:
        secrets.jwt_keys(raw)

    said = f"{refusal.value} {refusal.value.__cause__}"
    assert [part for part in (SECRET, WEAK[name][:40], WEAK[name][40:60], "hush") if part and part in said] == []


@pytest.mark.parametrize("form", [form for form, (_, _, signs) in FORMS.items() if not signs])
def test_a_public_key_cannot_be_the_one_that_signs(form):
    with pytest.raises(ValueError, match="key 1 signs, so it cannot be a public one"):
        secrets.jwt_keys(json.dumps({"it": FORMS[form][0], "other": SECRET}))


@pytest.mark.parametrize(
    "raw",
    [
        f"a:{SECRET},a:{SECRET}x",
        f"a:{SECRET}, a :{SECRET}x",
        f'{{"a": "{SECRET}", "a": "{SECRET}x"}}',
        f"a b:{SECRET}",
        f"../a:{SECRET}",
        f"{'a' * 33}:{SECRET}",
        f'{{"a": {{"b": "{SECRET}"}}}}',
        f'{{"a": ["{SECRET}"]}}',
        f"a:{SECRET},and,{SECRET}:x",
    ],
)
def test_ids_are_short_and_stand_once(raw):
    with pytest.raises(ValueError, match=r".") as refusal:
        secrets.jwt_keys(raw)

    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("name", ["a short RSA key", "an Ed25519 key that is too short", "a short secret"])
def test_a_start_with_a_weak_key_is_one_sentence(name):
    answer = manage("check", SECRET_KEY=KEY, JWT_KEYS=f"it:{WEAK[name]}")

    assert answer.returncode == 1
    assert answer.stderr.startswith("Stitch does not start: JWT_KEYS must be kid:secret")
    assert (len(answer.stderr.splitlines()), WEAK[name] in answer.stderr) == (1, False)


# --- With the tokens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [form for form, (_, _, signs) in FORMS.items() if signs])
@pytest.mark.django_db
def test_tokens_are_signed_with_the_first_key_and_its_algorithm(form, settings):
    settings.JWT_KEYS = {"it": FORMS[form][0], "other": SECRET}
    user = make_user()

    pair = pair_for(user)

    assert jwt.get_unverified_header(pair.access_token) == {"alg": FORMS[form][1], "typ": "JWT", "kid": "it"}
    assert tokens.identify(pair.access_token)[0] == user


@pytest.mark.parametrize(("private", "public"), [("ed25519", "ed25519, public"), ("rsa as PEM", "rsa, public")])
@pytest.mark.django_db
def test_a_public_key_verifies_what_its_private_half_has_signed(private, public, settings):
    settings.JWT_KEYS = {"it": FORMS[private][0]}
    pair = pair_for(make_user())

    settings.JWT_KEYS = {"new": SECRET, "it": FORMS[public][0]}

    assert tokens.identify(pair.access_token)[0] == pair.user


# --- How a new one is brought in --------------------------------------------------------------------------------------


def rotated(*arguments: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """The whole text, the keys of its line, and those of the line for the first of two steps."""
    out = io.StringIO()
    call_command("rotate_jwt_key", *arguments, stdout=out)
    behind = next(line for line in out.getvalue().splitlines() if line.startswith("#   JWT_KEYS="))
    lines = [env.parse_file(text)["JWT_KEYS"] for text in (out.getvalue(), behind.lstrip("# "))]
    return out.getvalue(), *map(secrets.jwt_keys, lines)


@pytest.mark.parametrize("algorithm", signing.ALGORITHMS)
@pytest.mark.django_db
def test_whoever_sets_the_printed_line_logs_nobody_out(algorithm, settings, time_machine):
    time_machine.move_to("2027-01-31 12:00:00Z")
    old = pair_for(make_user())

    _, settings.JWT_KEYS, _ = rotated("--algorithm", algorithm)

    new = pair_for(make_user())
    assert tokens.identify(old.access_token)[0] == old.user
    header = jwt.get_unverified_header(new.access_token)
    assert (header["alg"], header["kid"], list(settings.JWT_KEYS)) == (
        algorithm,
        "2027-01-31",
        ["2027-01-31", "default"],
    )


@pytest.mark.parametrize("form", [form for form, (_, _, signs) in FORMS.items() if signs])
def test_the_new_key_has_the_algorithm_of_the_present_one_unless_told_otherwise(form, settings):
    settings.JWT_KEYS = {"it": FORMS[form][0].strip()}

    _, keys, _ = rotated()

    new, old = keys.values()
    assert (signing.read(new).algorithm, old, new != old) == (FORMS[form][1], settings.JWT_KEYS["it"], True)


@pytest.mark.django_db
def test_several_servers_learn_the_new_key_before_any_of_them_signs_with_it(settings):
    text, last, first = rotated("--algorithm", "EdDSA")
    new = next(iter(last))

    settings.JWT_KEYS = last
    early = pair_for(make_user())
    settings.JWT_KEYS = first

    assert (set(first), list(first)[-1]) == (set(last), new)
    assert tokens.identify(early.access_token)[0] == early.user
    assert "Several servers" in text


@pytest.mark.parametrize(
    ("lifetime", "words"),
    [(timedelta(days=7), "604800 seconds (7 days"), (timedelta(hours=1, minutes=30), "5400 seconds (1.5 hours")],
)
def test_it_says_how_long_the_old_ones_must_stay(lifetime, words, settings):
    settings.REFRESH_TOKEN_LIFETIME = lifetime

    assert words in rotated()[0]


def test_a_second_key_of_one_day_has_an_id_of_its_own(settings, time_machine):
    time_machine.move_to("2027-01-31 12:00:00Z")

    for _ in range(3):
        settings.JWT_KEYS = rotated()[1]

    assert list(settings.JWT_KEYS) == ["2027-01-31.3", "2027-01-31.2", "2027-01-31", "default"]


def test_it_runs_from_the_command_line_and_what_it_prints_is_good_for_an_environment():
    made = manage("rotate_jwt_key", "--algorithm", "RS256", **PRODUCTION)
    line = made.stdout.splitlines()[-1].removeprefix("JWT_KEYS=")

    again = manage("rotate_jwt_key", **PRODUCTION, JWT_KEYS=line)

    assert (made.returncode, made.stderr, again.returncode) == (0, "", 0)
    assert again.stdout.splitlines()[-1].endswith(f",{line}")
