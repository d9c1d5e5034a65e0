"""The admin's login beyond the password: the second step, and a passkey in the place of both."""

import json
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import audit
from accounts.factors import challenges, passkeys, second_step
from accounts.factors.second_step import SecondFactorRequired
from accounts.models import User
from core import errors

BACKEND = "django.contrib.auth.backends.ModelBackend"
NOT_FOR_YOU = "This account may not use the admin."


def enter(request: HttpRequest, user: User, *, means: str) -> HttpResponseBase:
    """Opens a session for somebody who has passed every step."""
    login(request, user, backend=BACKEND)
    record(user, means=means)
    return HttpResponseRedirect(_target(request))


def record(user: User, *, means: str) -> None:
    audit.record("auth.login", by=user, on=user, facts={"door": "admin", "means": means})


def ask(site: AdminSite, request: HttpRequest, step: SecondFactorRequired, *, error: str = "") -> HttpResponseBase:
    """The page that asks for the second factor. Its form carries the challenge along."""
    context = {
        **site.each_context(request),
        "title": "One more step",
        "challenge": step.challenge,
        "methods": step.methods,
        "passkey_options": step.passkey_options,
        "next": _asked_for(request),
        "error": error,
    }
    return TemplateResponse(request, "accounts/second_step.html", context)


def second(site: AdminSite, request: HttpRequest) -> HttpResponseBase:
    """A code, or the answer of a passkey, to the challenge of the first step."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:login"))
    challenge, now = request.POST.get("challenge", ""), timezone.now()
    try:
        proof = _proof(request)
        user = second_step.complete(challenge, now=now, **proof)
    except (second_step.SecondFactorInvalid, passkeys.PasskeyInvalid) as refusal:
        return _ask_again(site, request, challenge, refusal)
    except challenges.ChallengeInvalid as refusal:
        return _begin_again(request, refusal.detail)
    if not user.is_staff:  # the challenge came from a first step at the API
        return _begin_again(request, NOT_FOR_YOU)
    return enter(request, user, means="passkey" if "credential" in proof else "code")


def passkey(site: AdminSite, request: HttpRequest) -> HttpResponseBase:
    """Without an answer: what to ask the browser, as JSON. With one: in."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("admin:login"))
    now = timezone.now()
    if not request.POST.get("credential"):
        ceremony = passkeys.begin_login(now=now)
        return JsonResponse({"challenge": ceremony.challenge, "options": ceremony.options})
    try:
        user = passkeys.log_in(request.POST.get("challenge", ""), _proof(request)["credential"], now=now)
    except (passkeys.PasskeyInvalid, challenges.ChallengeInvalid) as refusal:
        return _begin_again(request, refusal.detail)
    if not user.is_staff:
        return _begin_again(request, NOT_FOR_YOU)
    return enter(request, user, means="passkey")


def _proof(request: HttpRequest) -> dict[str, Any]:
    raw = request.POST.get("credential", "")
    return {"credential": read_credential(raw)} if raw else {"code": request.POST.get("code", "")[:100]}


def read_credential(raw: str) -> dict[str, Any]:
    """What the browser's answer says. Raises ``PasskeyInvalid`` for what is no JSON object."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise passkeys.PasskeyInvalid() from error
    if not isinstance(found, dict):
        raise passkeys.PasskeyInvalid()
    return found


def _ask_again(site: AdminSite, request: HttpRequest, challenge: str, refusal: errors.Refusal) -> HttpResponseBase:
    try:
        user = challenges.read(challenges.Purpose.SECOND_STEP, challenge, now=timezone.now()).user
        assert user is not None  # the challenge has just been good for a step, so it names somebody
        second_step.demand(user, now=timezone.now())
    except SecondFactorRequired as step:
        return ask(site, request, step, error=refusal.detail)
    except challenges.ChallengeInvalid as over:
        return _begin_again(request, over.detail)
    return _begin_again(request, refusal.detail)


def _begin_again(request: HttpRequest, why: str) -> HttpResponse:
    messages.error(request, why)
    return HttpResponseRedirect(reverse("admin:login"))


def _asked_for(request: HttpRequest) -> str:
    return str(request.POST.get("next") or request.GET.get("next") or "")[:2000]


def _target(request: HttpRequest) -> str:
    wanted = _asked_for(request)
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else reverse("admin:index")
