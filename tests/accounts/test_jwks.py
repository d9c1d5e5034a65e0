"""The public keys of tokens, for whoever verifies them elsewhere."""

import base64
import json

import jwt
import pytest

from accounts import signing
from tests.accounts.shapes import problem
from tests.factories import make_user, pair_for

PATH = "//.well-known/jwks.json"
KEYS = {"new": signing.make("EdDSA"), "shared": "s" * 64, "old": signing.make("RS256")}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture
def keys(settings) -> None:
    settings.JWT_KEYS = KEYS


@pytest.mark.parametrize("kid", ["new", "old"])
@pytest.mark.django_db
def test_a_stranger_verifies_our_tokens_with_it(api, settings, kid):
    settings.JWT_KEYS = {kid: KEYS[kid], **KEYS}
    token = pair_for(make_user()).access_token

    found = jwt.PyJWKSet.from_dict(api.get(PATH).json())[kid]

    claims = jwt.decode(token, found, audience="stitch-api", issuer=settings.PUBLIC_BASE_URL)
    assert claims["token_type"] == "access"


@pytest.mark.usefixtures("keys")
def test_it_lists_the_public_halves_and_nothing_else(api):
    response = api.get(PATH)

    found = response.json()["keys"]
    assert [(one["kid"], one["alg"], one["kty"], one["use"]) for one in found] == [
        ("new", "EdDSA", "OKP", "sig"),
        ("old", "RS256", "RSA", "sig"),
    ]
    assert set().union(*found) & PRIVATE == set()
    assert not any(part in response.content.decode() for part in ("s" * 64, KEYS["new"][8:], KEYS["old"][100:200]))


@pytest.mark.usefixtures("keys")
def test_a_key_that_only_verifies_is_listed_too(api, settings):
    public = base64.urlsafe_b64encode(signing.read(KEYS["new"]).verifies_with.public_bytes_raw()).decode()
    settings.JWT_KEYS = {"shared": "s" * 64, "new": f"ed25519-public:{public}"}

    assert [one["kid"] for one in api.get(PATH).json()["keys"]] == ["new"]


def test_with_shared_secrets_alone_it_is_empty(api):
    response = api.get(PATH)

    assert (response.status_code, response.json()) == (200, {"keys": []})


@pytest.mark.usefixtures("keys")
def test_it_may_be_kept_and_asked_for_again(api, settings):
    first = api.get(PATH)

    again = api.get(PATH, headers={"If-None-Match": first["ETag"]})
    settings.JWT_KEYS = {"shared": "s" * 64}
    changed = api.get(PATH, headers={"If-None-Match": first["ETag"]})

    assert first["Cache-Control"] == again["Cache-Control"] == "public, max-age=300"
    assert [first.status_code, again.status_code, changed.status_code] == [200, 304, 200]
    assert (again.content, changed["ETag"] != first["ETag"]) == (b"", True)


@pytest.mark.usefixtures("keys")
def test_head_answers_like_get(api):
    assert (api.head(PATH).status_code, api.head(PATH)["ETag"]) == (200, api.get(PATH)["ETag"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_it_can_only_be_read(api, method):
    response = api.request(method, PATH)

    assert (problem(response), response["Allow"]) == ((405, "method_not_allowed"), "GET, HEAD, OPTIONS")


def test_the_document_names_it(api):
    document = json.loads(api.get("//api/schema").content)

    operation = document["paths"]["/.well-known/jwks.json"]["get"]
    assert (operation["operationId"], operation["security"]) == ("getSigningKeys", [{}])
    assert set(operation["responses"]) == {"200", "304"}
