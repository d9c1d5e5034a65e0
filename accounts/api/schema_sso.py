"""What the OpenAPI document says about /auth/sso, on a server that has it."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from accounts.api import schema
from accounts.api.cookie import CsrfFailed
from accounts.api.serializers_sso import ExchangeInput
from accounts.limits import TooManyAttempts
from accounts.sso import flow, tickets
from accounts.sso.outbound import ProviderUnavailable
from core.api import schema as document

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # of RFC 7636, with its challenge
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CODE = "WyIwMTkzOGM3ZSJd:1vLx2a:c2lnbmF0dXJl"

document.describe(ExchangeInput, {"code": schema.NO_NUL, "verifier": schema.NO_NUL})


def _parameter(name: str, about: str, *, required: bool = False, pattern: str = "") -> OpenApiParameter:
    kind: Any = {"type": "string", **({"pattern": pattern} if pattern else {})}
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, required=required, description=about)


def _redirect(about: str) -> dict[int, Any]:
    return {302: OpenApiResponse(description=about)}


start = extend_schema(
    operation_id="ssoStart",
    tags=["auth"],
    auth=schema.NO_TOKEN,
    summary=f"Log in with {settings.OIDC_NAME}",
    description="For a browser, not for `fetch`: navigate to it. It sends the browser to the identity provider and, in "
    "the end, to `return_to` with `sso_code` (exchange it within a minute) or `sso_error` (one of this API's codes) "
    "added to the query. Make up a `verifier` of 43 to 128 characters first, keep it, and send its SHA-256.",
    parameters=[
        _parameter("return_to", "Where to go in the end; its origin is one of ALLOWED_ORIGINS.", required=True),
        _parameter(
            "challenge",
            "BASE64URL(SHA-256(verifier)), as in RFC 7636.",
            required=True,
            pattern=f"^{tickets.CHALLENGE}$",
        ),
    ],
    responses=_redirect("To the identity provider."),
    extensions=document.refusing(ProviderUnavailable),
)
callback = extend_schema(
    operation_id="ssoCallback",
    tags=["auth"],
    auth=schema.NO_TOKEN,
    summary="Come back from the identity provider",
    description="The redirect URI that is registered with the identity provider. Only the browser that began a login "
    "ends it, once, within ten minutes. Whatever else is wrong is told to `return_to`, as `sso_error`: "
    "`sso_denied`, `sso_answer_invalid`, `sso_email_unverified`, `sso_account_unknown` or `sso_unavailable`. "
    "Parameters that are not listed are ignored. Counts against the limit of attempts per client address.",
    parameters=[
        _parameter("state", "The flow."),
        _parameter("code", "The provider's."),
        _parameter("error", "Instead of a code."),
        _parameter("iss", "The issuer, as in RFC 9207."),
    ],
    responses=_redirect("To `return_to`."),
    extensions=document.refusing(TooManyAttempts, flow.NotBegun),
)
exchange = extend_schema(
    operation_id="ssoExchange",
    tags=["auth"],
    auth=schema.NO_TOKEN,
    summary="Exchange the code of a login for a pair of tokens",
    description="A code is good for a minute and for one use, with the `verifier` whose SHA-256 was sent at the "
    "beginning. Counts against the limit of attempts per client address.",
    request=ExchangeInput,
    responses=schema.EITHER_PAIR,
    examples=[
        OpenApiExample("Request", {"code": CODE, "verifier": VERIFIER}, request_only=True),
        OpenApiExample("Pair", schema.PAIR, response_only=True, status_codes=["200"]),
        OpenApiExample("By cookie", schema.COOKIE_PAIR, response_only=True, status_codes=["200"]),
    ],
    extensions=document.refusing(TooManyAttempts, tickets.CodeInvalid, CsrfFailed),
)
