"""Single sign-on for frontends with tokens: to the provider, back from it, and a code for a pair.

Routed only where OIDC_ISSUER is set (``cms_project.urls``). The first two are steps of a browser, so a refusal of
theirs is a page for whoever asks for one.
"""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import limits
from accounts.api import schema_sso
from accounts.api.serializers_sso import ExchangeInput
from accounts.api.views import CredentialDoor
from accounts.sso import flow, tickets
from core import errors
from core.api import parsing
from core.api.viewsets import AsyncViewSet

PAGE_CSP = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
FLOW = "stitch_sso"


class BrowserStep(AsyncViewSet):
    authentication_classes = ()

    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        response = await super().dispatch(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"  # addresses on this way hold codes
        if response.status_code >= 400 and "text/html" in request.META.get("HTTP_ACCEPT", ""):
            return _page(response)
        return response


class StartViewSet(BrowserStep):
    @schema_sso.start
    def retrieve(self, request: HttpRequest) -> HttpResponse:
        query = parsing.query(request, ("return_to", "challenge"))
        missing = [name for name in ("return_to", "challenge") if name not in query]
        if missing:
            raise errors.Invalid(errors=[errors.FieldError(name, "required", "Send it.") for name in missing])
        if not tickets.is_challenge(query["challenge"]):
            raise errors.Invalid.field(
                "challenge", "invalid", "The SHA-256 of a verifier, as 43 characters of Base64URL."
            )
        begun, url = flow.begin(return_to=query["return_to"], challenge=query["challenge"])
        response = HttpResponseRedirect(url)
        set_cookie(response, FLOW, begun.sealed(), seconds=int(flow.LIFETIME.total_seconds()))
        return response


class CallbackViewSet(BrowserStep):
    """Counted like a door: it presents a credential, the provider's code, and makes us ask the provider."""

    is_atomic = False

    def guard(self, request: HttpRequest) -> None:
        limits.count(request)

    @schema_sso.callback
    def retrieve(self, request: HttpRequest) -> HttpResponse:
        """The provider may add parameters of its own: unknown ones are not refused here."""
        sealed = request.COOKIES.get(cookie_name(FLOW), "")
        response = HttpResponseRedirect(flow.finish(sealed, _callback(request), now=timezone.now()))
        response.delete_cookie(cookie_name(FLOW), samesite="Lax")
        return response


class ExchangeViewSet(CredentialDoor):
    @schema_sso.exchange
    def create(self, request: HttpRequest) -> HttpResponse:
        data = self.input(request, ExchangeInput)
        parsing.query(request, ())
        user = tickets.redeem(data["code"], verifier=data["verifier"])
        return self.opened(request, user, delivery=data["delivery"], means="oidc")


def _callback(request: HttpRequest) -> flow.Callback:
    sent = request.GET
    twice = [name for name in ("state", "code", "error", "iss") if len(sent.getlist(name)) > 1]
    if twice:
        raise errors.Invalid(errors=[errors.FieldError(name, "duplicate", "Send it once.") for name in twice])
    return flow.Callback(sent.get("state", ""), sent.get("code", ""), sent.get("error", ""), sent.get("iss"))


# --- Cookies and pages ---------------------------------------------------------------------------------------------


def cookie_name(name: str) -> str:
    """``__Host-`` makes browsers refuse the cookie from anybody but this very host, sibling domains included."""
    return f"__Host-{name}" if settings.IS_HTTPS else name


def set_cookie(response: HttpResponse, name: str, value: str, *, seconds: int) -> None:
    """Lax: it has to come along when the provider, another site, sends the browser back."""
    response.set_cookie(
        cookie_name(name), value, max_age=seconds, path="/", secure=settings.IS_HTTPS, httponly=True, samesite="Lax"
    )


def _page(refused: HttpResponse) -> HttpResponse:
    """The problem, for people."""
    content = render_to_string("accounts/sso_problem.html", json.loads(refused.content))
    page = HttpResponse(content, status=refused.status_code)
    for name in ("Retry-After", "Cache-Control", "Referrer-Policy", "Vary"):
        if name in refused:
            page[name] = refused[name]
    page["Content-Security-Policy"] = PAGE_CSP
    return page
