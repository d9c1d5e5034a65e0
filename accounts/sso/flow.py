"""The way of a browser through a login: Authorization Code Flow with PKCE, ``state`` and ``nonce``.

    begin    makes a flow and says where the browser goes. The flow stays with the browser, in a signed cookie
    finish   the browser is back with a code: checks it, and makes the ticket for whoever began the flow

What goes to the provider (``state``, ``nonce``, the PKCE verifier) is derived from the flow's id with our key: none of
it stands in the cookie, and none of it is stored.
"""

import base64
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from secrets import compare_digest, token_urlsafe
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.sso import linking, provider, tickets
from accounts.sso.identity_tokens import AnswerInvalid
from core import errors

logger = logging.getLogger("stitch.auth")

LIFETIME = timedelta(minutes=10)
SALT = "accounts.sso.flow"
MAX_CODE, MAX_RETURN = 4096, 1000
_NOT_IN_ADDRESSES = ' \\"<>^`{|}#'  # browsers read some of these otherwise than Python does
CODE_PARAMETER, ERROR_PARAMETER = "sso_code", "sso_error"


class NotBegun(errors.Unauthenticated):
    """No cookie, another browser's state, a callback that was sent before: nothing was asked of the provider."""

    code = "sso_not_begun"
    title = "This login was not begun in this browser, or it took too long"
    meaning = "A login has to end in the browser in which it began, within ten minutes, and once. Begin it again."


class Denied(errors.Forbidden):
    code = "sso_denied"
    title = "The identity provider did not let you in"
    meaning = "You stopped the login there, or the provider refused it."


@dataclass(frozen=True)
class Flow:
    id: str
    return_to: str
    challenge: str

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    def _derived(self, purpose: str) -> str:
        digest = salted_hmac(f"{SALT}.{purpose}", self.id, algorithm="sha256").digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def sealed(self) -> str:
        """For the browser's cookie: signed, good for ``LIFETIME``."""
        return signing.dumps(asdict(self), salt=SALT)


@dataclass(frozen=True)
class Callback:
    """What the provider sent back through the browser. Empty: it was not there."""

    state: str
    code: str = ""
    error: str = ""
    issuer: str | None = None


def begin(*, return_to: str, challenge: str) -> tuple[Flow, str]:
    """The flow, and the address at the provider. ``return_to`` gets the outcome: ``sso_code`` or ``sso_error``."""
    check_return(return_to)
    flow = Flow(token_urlsafe(32), return_to, challenge)
    url = provider.authorization_url(state=flow.state, nonce=flow.nonce, challenge=tickets.challenge_of(flow.verifier))
    return flow, url


def check_return(url: str) -> None:
    """Only frontends that were named (ALLOWED_ORIGINS) and we ourselves get people back; nobody else does."""
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(_NOT_IN_ADDRESSES)
    is_ours_to_add = len(url) <= MAX_RETURN and not any(f"{name}=" in url for name in (CODE_PARAMETER, ERROR_PARAMETER))
    if not (is_plain and is_ours_to_add and _origin(url) in {*settings.ALLOWED_ORIGINS, settings.PUBLIC_BASE_URL}):
        detail = "An address without a fragment whose origin is in ALLOWED_ORIGINS or is this server's own."
        raise errors.Invalid.field("return_to", "invalid", detail)


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def finish(sealed: str, back: Callback, *, now: datetime) -> str:
    """Where the browser goes now. ``NotBegun`` for what is no flow of this browser; ``return_to`` is told all else."""
    flow = _opened(sealed, back.state)
    try:
        outcome = {CODE_PARAMETER: _ticket(flow, back, now)}
    except errors.Refusal as refusal:
        logger.warning("Single sign-on ended with %s: %s", refusal.code, refusal.detail)
        outcome = {ERROR_PARAMETER: refusal.code}
    return f"{flow.return_to}{'&' if '?' in flow.return_to else '?'}{urlencode(outcome)}"


def _opened(sealed: str, state: str) -> Flow:
    """The flow of the cookie, once, if this is its state."""
    try:
        flow = Flow(**signing.loads(sealed, salt=SALT, max_age=LIFETIME))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise NotBegun() from error
    if not compare_digest(flow.state.encode(), state.encode(errors="replace")):
        raise NotBegun()
    if not tickets.is_first_use(flow.id, LIFETIME):
        raise NotBegun()
    return flow


def _ticket(flow: Flow, back: Callback, now: datetime) -> str:
    provider.check_sender(back.issuer)
    if back.error or not back.code:
        raise Denied(f"The provider says {back.error[:80]!a}.")
    if len(back.code) > MAX_CODE or not (back.code.isascii() and back.code.isprintable()):
        raise AnswerInvalid("The code cannot be one of the provider's.")
    tokens = provider.exchange(back.code, verifier=flow.verifier)
    identity = linking.Identity.of(provider.claims_of(tokens, nonce=flow.nonce))
    try:
        user = linking.user_for(identity, now=now)
    except errors.Refusal as refusal:
        _record_refusal(identity, refusal)
        raise
    return tickets.issue(user, challenge=flow.challenge)


@transaction.atomic
def _record_refusal(identity: linking.Identity, refusal: errors.Refusal) -> None:
    facts = {"means": "oidc", "issuer": identity.issuer, "subject": identity.subject, "reason": refusal.code}
    audit.record("auth.login_failed", by=None, kind="user", facts=facts)
