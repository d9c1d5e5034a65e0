"""The public halves of the keys of tokens (RFC 7517), for other services that verify our access tokens themselves.

Such a service sees neither a logout nor a deactivated account before the token expires; only ``tokens.identify`` does.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts import signing
from core import rendering
from core.api import conditional
from core.api import schema as document
from core.api.reading import read_only
from core.api.schema_problems import Schema
from core.api.viewsets import json_response

PATH = "/.well-known/jwks.json"
MAX_AGE = 300  # what a key must stand here before it signs (docs/tokens.md)


@read_only
async def jwks(request: HttpRequest) -> HttpResponse:
    content = rendering.dumps({"keys": _public_keys()})
    headers = {"ETag": conditional.etag_of(content), "Cache-Control": f"public, max-age={MAX_AGE}"}
    response = json_response(content, headers=headers)
    return conditional.not_modified(response) if conditional.is_unchanged(request, response["ETag"]) else response


def _public_keys() -> list[dict[str, object]]:
    """Empty where all keys are shared secrets (HS256)."""
    found = [signing.read(text).jwk(kid) for kid, text in settings.JWT_KEYS.items()]
    return [one for one in found if one is not None]


_JWK: Schema = {
    "type": "object",
    "properties": {
        "kid": {"type": "string", "description": "The id that a token's header names."},
        "alg": {"type": "string", "enum": ["RS256", "EdDSA"]},
        "use": {"type": "string", "enum": ["sig"]},
        "kty": {"type": "string", "enum": ["RSA", "OKP"]},
        "n": {"type": "string", "description": "Of an RSA key."},
        "e": {"type": "string", "description": "Of an RSA key."},
        "crv": {"type": "string", "enum": ["Ed25519"], "description": "Of an Ed25519 key."},
        "x": {"type": "string", "description": "Of an Ed25519 key."},
    },
    "required": ["kid", "alg", "use", "kty"],
}
_EXAMPLE = {
    "keys": [
        {
            "kid": "2027-01-31",
            "use": "sig",
            "alg": "EdDSA",
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    ]
}
_HEADERS: Schema = {
    "X-Request-ID": document.ref("RequestId", "headers"),
    "ETag": document.ref("ETag", "headers"),
    "Cache-Control": document.ref("CacheControl", "headers"),
}
_SHAPE: Schema = {
    "type": "object",
    "properties": {"keys": {"type": "array", "items": _JWK}},
    "required": ["keys"],
}
document.paths[PATH] = {
    "get": {
        "operationId": "getSigningKeys",
        "summary": "The public keys of tokens",
        "description": "A JSON Web Key Set (RFC 7517) of the RS256 and EdDSA keys that sign access tokens or did so "
        "lately. Empty where the server signs with a shared secret (HS256). Whoever verifies a token with them also "
        "checks `iss`, `aud` (`stitch-api`), `exp` and `token_type`, and learns of a logout only when it expires.",
        "tags": ["auth"],
        "security": [{}],
        "responses": {
            "200": {
                "description": "The key set.",
                "headers": _HEADERS,
                "content": {"application/json": {"schema": _SHAPE, "examples": {"Keys": {"value": _EXAMPLE}}}},
            },
            "304": {"description": "Still the same.", "headers": _HEADERS},
        },
    }
}
