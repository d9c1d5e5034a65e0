"""The admin's page on which somebody sets up their own second factors and passkeys."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.desk.entry import read_credential
from accounts.factors import overview, passkeys, recovery, totp
from accounts.models import User
from core import errors

MAX_NAME = 100
Shown = dict[str, Any]  # what a step adds to the page; empty: the step is done


def page(site: AdminSite, request: HttpRequest) -> HttpResponseBase:
    """Each form names its step. What was wrong is said at the top, and nothing has changed."""
    shown: Shown = {}
    if request.method == "POST":
        try:
            shown = _step(request)
        except errors.TooManyRequests:
            raise
        except errors.Refusal as refusal:
            shown = {"error": " ".join([one.detail for one in refusal.errors] or [refusal.detail])}
        if not shown:
            return HttpResponseRedirect(reverse("admin:security"))
    factors = overview.of(_user(request))
    context = {**site.each_context(request), "title": "Login and security", "factors": factors, **shown}
    return TemplateResponse(request, "accounts/security.html", context)


def _step(request: HttpRequest) -> Shown:
    step = STEPS.get(request.POST.get("step", ""))
    if step is None:
        raise errors.Malformed("There is no such step.")
    return step(request)


def _begin_totp(request: HttpRequest) -> Shown:
    setup = totp.begin(_user(request), password=_password(request), now=timezone.now())
    return {"setup": setup, "qr_code": totp.svg_data_url(setup.svg)}


def _confirm_totp(request: HttpRequest) -> Shown:
    challenge, code = request.POST.get("challenge", ""), request.POST.get("code", "")
    codes = totp.confirm(_user(request), challenge, code, now=timezone.now())
    return _done(request, "The authenticator app is set up.", codes)


def _remove_totp(request: HttpRequest) -> Shown:
    totp.remove(_user(request), password=_password(request), now=timezone.now())
    return _done(request, "The authenticator app was removed.")


def _renew_codes(request: HttpRequest) -> Shown:
    codes = recovery.renew(_user(request), password=_password(request), now=timezone.now())
    return _done(request, "These are your new recovery codes; the old ones are not valid any more.", codes)


def _begin_passkey(request: HttpRequest) -> Shown:
    name = request.POST.get("name", "").strip()[:MAX_NAME]
    if not name:
        raise errors.Invalid.field("name", "required", "Give the passkey a name.")
    return {"ceremony": passkeys.begin(_user(request), password=_password(request), now=timezone.now()), "name": name}


def _add_passkey(request: HttpRequest) -> Shown:
    credential = read_credential(request.POST.get("credential", ""))
    name = request.POST.get("name", "").strip()[:MAX_NAME] or "Passkey"
    challenge = request.POST.get("challenge", "")
    added = passkeys.add(_user(request), challenge, credential, name=name, now=timezone.now())
    return _done(request, "The passkey was added.", added.recovery_codes)


def _remove_passkey(request: HttpRequest) -> Shown:
    passkey_id = request.POST.get("id", "")
    passkeys.remove(_user(request), passkey_id, password=_password(request), now=timezone.now())
    return _done(request, "The passkey was removed.")


STEPS: dict[str, Callable[[HttpRequest], Shown]] = {
    "begin_totp": _begin_totp,
    "confirm_totp": _confirm_totp,
    "remove_totp": _remove_totp,
    "renew_codes": _renew_codes,
    "begin_passkey": _begin_passkey,
    "add_passkey": _add_passkey,
    "remove_passkey": _remove_passkey,
}


def _done(request: HttpRequest, sentence: str, codes: list[str] | None = None) -> Shown:
    """Codes are shown on the answer itself, since this is the one time that they are."""
    messages.success(request, sentence)
    return {"codes": codes} if codes else {}


def _password(request: HttpRequest) -> str:
    return request.POST.get("current_password", "")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return request.user
