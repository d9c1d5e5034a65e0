"""What we ask the identity provider: its discovery document, its keys, the tokens for a code, and who somebody is.

Documents are read when they are needed and kept in the process for a while; a start of ours never waits for it.
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from django.conf import settings

from accounts.sso import identity_tokens, outbound
from accounts.sso.identity_tokens import AnswerInvalid, Claims, Key, KeyUnknown
from accounts.sso.outbound import ProviderUnavailable

KEPT_SECONDS = 600
CALLBACK = "/api/v1/auth/sso/callback"
LOCAL = ("localhost", "127.0.0.1", "::1")
MAIL_CLAIMS = ("email", "email_verified")


@dataclass(frozen=True)
class Tokens:
    id_token: str
    access_token: str


@dataclass
class _Kept:
    """A document of the provider's, asked for anew when it has become old."""

    ask: Callable[[], dict[str, Any]]
    _found: dict[str, Any] | None = None
    _until: float = 0.0

    def read(self) -> dict[str, Any]:
        if self._found is None or time.monotonic() >= self._until:
            self._found, self._until = self.ask(), time.monotonic() + KEPT_SECONDS
        return self._found

    def forget(self) -> None:
        self._found = None


def forget() -> None:
    """As after a start; for tests."""
    outbound.forget()
    _discovery.forget()
    _keys.forget()


# --- Its documents -------------------------------------------------------------------------------------------------


def _ask_discovery() -> dict[str, Any]:
    """OpenID Connect Discovery 1.0, section 4. Another issuer than the one that was set is not believed."""
    url = f"{settings.OIDC_ISSUER.removesuffix('/')}/.well-known/openid-configuration"
    found = outbound.get(url)
    if found.get("issuer") != settings.OIDC_ISSUER:
        raise ProviderUnavailable(f"its document names the issuer {found.get('issuer')!a:.300}, not OIDC_ISSUER.")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        _check_address(name, found.get(name))
    if "userinfo_endpoint" in found:
        _check_address("userinfo_endpoint", found["userinfo_endpoint"])
    return found


def _check_address(name: str, url: Any) -> None:
    parts = urlsplit(url) if isinstance(url, str) else None
    is_local = settings.OIDC_ISSUER.startswith("http:") and parts is not None and parts.hostname in LOCAL
    if parts is None or not parts.hostname or parts.scheme not in (("https", "http") if is_local else ("https",)):
        raise ProviderUnavailable(f"its {name} is no address that begins with https://.")


def _ask_keys() -> dict[str, Any]:
    found = outbound.get(_discovery.read()["jwks_uri"])
    if not isinstance(found.get("keys"), list):
        raise ProviderUnavailable("its set of keys has no keys.")
    return found


_discovery = _Kept(_ask_discovery)
_keys = _Kept(_ask_keys)


def keys() -> list[Key]:
    return [key for key in _keys.read()["keys"] if isinstance(key, dict)]


# --- The steps of a login ------------------------------------------------------------------------------------------


def redirect_uri() -> str:
    """From configuration, never from the Host of a request."""
    return f"{settings.PUBLIC_BASE_URL}{CALLBACK}"


def authorization_url(*, state: str, nonce: str, challenge: str) -> str:
    """Where the browser goes to log in."""
    endpoint: str = _discovery.read()["authorization_endpoint"]
    query = urlencode(
        {
            "response_type": "code",
            "client_id": settings.OIDC_CLIENT_ID,
            "redirect_uri": redirect_uri(),
            "scope": " ".join(settings.OIDC_SCOPES),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"


def check_sender(issuer: str | None) -> None:
    """RFC 9207: a provider that says it names itself in its answer, does; and whoever does is the right one."""
    is_named = _discovery.read().get("authorization_response_iss_parameter_supported") is True
    if issuer != settings.OIDC_ISSUER and (is_named or issuer is not None):
        raise AnswerInvalid("The answer does not come from the issuer.")


def exchange(code: str, *, verifier: str) -> Tokens:
    """The tokens for a code. A code that is expired, used or somebody else's is ``AnswerInvalid``."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri(), "code_verifier": verifier}
    more, headers = _client_authentication()
    status, found = outbound.post(_discovery.read()["token_endpoint"], form={**form, **more}, headers=headers)
    if status == 400 and found.get("error") == "invalid_grant":
        raise AnswerInvalid("The provider does not accept the code.")
    if status != 200:
        raise ProviderUnavailable(f"its token endpoint answers {status} {found.get('error')!a:.80}.")
    id_token, access_token = found.get("id_token"), found.get("access_token")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise ProviderUnavailable("its token endpoint leaves out a token.")
    return Tokens(id_token, access_token)


def _client_authentication() -> tuple[dict[str, str], dict[str, str]]:
    """Fields of the form, and headers: Basic, unless the provider takes secrets in the form only (RFC 6749, 2.3.1)."""
    methods = _discovery.read().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    client_id, secret = settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET
    if "client_secret_basic" not in methods:
        return {"client_id": client_id, "client_secret": secret}, {}
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def claims_of(tokens: Tokens, *, nonce: str) -> Claims:
    """What is known of somebody, verified. What the ID token leaves out is asked for; what it says, counts."""
    claims = _verified(tokens, nonce)
    endpoint = _discovery.read().get("userinfo_endpoint")
    if endpoint is None or not _leaves_out(claims):
        return claims
    return _merged(claims, _user_info(endpoint, tokens.access_token, claims["sub"]))


def _leaves_out(claims: Claims) -> bool:
    """Whether the ID token does not say what linking needs to know."""
    role = settings.OIDC_ROLE_CLAIM
    return not all(name in claims for name in MAIL_CLAIMS) or bool(role and find(claims, role) is None)


def find(claims: Claims, path: str) -> Any:
    """The claim of this name, or, where there is none, what its dots lead to: ``realm_access.roles``."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _verified(tokens: Tokens, nonce: str) -> Claims:
    """With the keys that are kept; with those of today, where it was signed with a key that is not among them."""

    def verify() -> Claims:
        return identity_tokens.verify(
            tokens.id_token,
            keys=keys(),
            issuer=settings.OIDC_ISSUER,
            client_id=settings.OIDC_CLIENT_ID,
            nonce=nonce,
            access_token=tokens.access_token,
        )

    try:
        return verify()
    except KeyUnknown:
        _keys.forget()
        return verify()


def _user_info(endpoint: str, access_token: str, subject: str) -> Claims:
    found = outbound.get(endpoint, headers={"Authorization": f"Bearer {access_token}"})
    if found.get("sub") != subject:
        raise AnswerInvalid("The user info is about somebody else.")
    return found


def _merged(claims: Claims, info: Mapping[str, Any]) -> Claims:
    """The e-mail and whether it is verified come from one source: the word of one does not vouch for the other's."""
    mail = claims if all(name in claims for name in MAIL_CLAIMS) else info
    return {**info, **claims, **{name: mail.get(name) for name in MAIL_CLAIMS}}
