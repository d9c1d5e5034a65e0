"""Where the links in mails lead: a page for each purpose, for people whose site has none of its own.

Opening a page uses nothing up, since mail programs and scanners open links as well; the button does, by a form with
CSRF protection, a door that is counted like those of the API. No script is needed. docs/accounts.md says how a site
puts pages of its own in their place.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import email_change, limits, passwords, registration
from accounts.api import form
from accounts.api import serializers_accounts as shapes
from accounts.links import LinkInvalid, Purpose
from accounts.models import User
from core import errors
from core.api import problems
from core.api.viewsets import field_errors
from core.observability import request_id_var

View = Callable[[HttpRequest], HttpResponse]

# Not ``no-referrer``: with it browsers send ``Origin: null`` along with a form, as a page that hides would.
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow"}

NEW_LINK = {
    Purpose.RESET_PASSWORD: "You can ask for a new link below.",
    Purpose.INVITATION: "Ask an administrator for a new invitation.",
    Purpose.VERIFY_EMAIL: "If you have confirmed your address already, log in. Otherwise register once more.",
    Purpose.CHANGE_EMAIL: "If you have confirmed the address already, log in with it. Otherwise ask once more.",
}


def _page(purpose: Purpose) -> Callable[[View], View]:
    """Counts what is sent, and makes a page of a refusal."""

    def decorate(view: View) -> View:
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def page(request: HttpRequest) -> HttpResponse:
            try:
                if request.method == "POST":
                    limits.count(request)
                response = view(request)
            except errors.Refusal as refusal:
                response = _refused(request, refusal, purpose)
            for name, value in HEADERS.items():
                response[name] = value
            return response

        return page

    return decorate


def _refused(request: HttpRequest, refusal: errors.Refusal, purpose: Purpose) -> HttpResponse:
    about = {
        "title": refusal.title,
        "text": NEW_LINK[purpose] if isinstance(refusal, LinkInvalid) else refusal.meaning,
        "ask_again": purpose == Purpose.RESET_PASSWORD and isinstance(refusal, LinkInvalid),
        "seconds": refusal.retry_after,
        "request_id": request_id_var.get(),
    }
    status = problems.status_of(type(refusal))
    response = _render(request, "refused.html", about, status=status)
    if refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    return response


def _render(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    known = {"site_name": settings.SITE_NAME, **(context or {})}
    return HttpResponse(render_to_string(f"accounts/pages/{template}", known, request), status=status)


def _token(request: HttpRequest) -> str:
    return request.GET.get("token", "")


# --- A button ------------------------------------------------------------------------------------------------------


@_page(Purpose.VERIFY_EMAIL)
def verify_email(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        user = registration.verify(_sent_token(request), now=timezone.now())
        return _done(request, user, "Your account is there", _next_step(user))
    pending = registration.find(_token(request), now=timezone.now())
    shown = {"E-mail": pending.email, "Username": pending.username}
    return _button(request, "Confirm your e-mail address", shown, "Confirm and make the account")


def _next_step(user: User) -> str:
    if user.has_usable_password():
        return f"Log in with {user.email} and your password."
    return (
        "Somebody registered with your address more than once, so none of the passwords counts. "
        "A mail with a link to choose yours is on its way."
    )


@_page(Purpose.CHANGE_EMAIL)
def change_email(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        user = email_change.confirm(_sent_token(request), now=timezone.now())
        return _done(request, user, "Your e-mail address is changed", f"From now on log in with {user.email}.")
    user, email = email_change.find(_token(request))
    shown = {"Account": user.name, "New e-mail": email}
    return _button(request, "Confirm your new e-mail address", shown, "Use this address")


def _sent_token(request: HttpRequest) -> str:
    checked = shapes.LinkInput(data={"token": form.fields(request).get("token", "")})
    if not checked.is_valid():
        raise LinkInvalid()
    return str(checked.validated_data["token"])


def _button(request: HttpRequest, title: str, shown: dict[str, str], label: str) -> HttpResponse:
    context = {"title": title, "shown": shown, "label": label, "token": _token(request)}
    return _render(request, "button.html", context)


def _done(request: HttpRequest, user: User, title: str, text: str) -> HttpResponse:
    context = {"title": title, "text": text, "may_enter": user.is_staff, "site_url": f"{settings.PUBLIC_BASE_URL}/"}
    return _render(request, "done.html", context)


# --- A password ----------------------------------------------------------------------------------------------------


@_page(Purpose.RESET_PASSWORD)
def reset_password(request: HttpRequest) -> HttpResponse:
    """Without a token: where a link is asked for."""
    if request.method == "POST":
        sent = form.fields(request)
        return _set_password(request, Purpose.RESET_PASSWORD, sent) if "token" in sent else _ask(request, sent)
    if not _token(request):
        return _render(request, "ask.html")
    return _password_form(request, Purpose.RESET_PASSWORD, _token(request))


@_page(Purpose.INVITATION)
def accept_invitation(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _set_password(request, Purpose.INVITATION, form.fields(request))
    return _password_form(request, Purpose.INVITATION, _token(request))


def _ask(request: HttpRequest, sent: dict[str, str]) -> HttpResponse:
    checked = shapes.EmailInput(data={"email": sent.get("email", "")})
    if not checked.is_valid():
        wrong = [error.detail for error in field_errors(checked.errors)]
        return _render(request, "ask.html", {"wrong": wrong, "email": sent.get("email", "")}, status=422)
    passwords.ask(checked.validated_data["email"])
    return _render(request, "asked.html", status=202)


def _set_password(request: HttpRequest, purpose: Purpose, sent: dict[str, str]) -> HttpResponse:
    try:
        user = passwords.set_by_link(purpose, sent.get("token", ""), _password(sent), now=timezone.now())
    except LinkInvalid:
        raise
    except errors.Invalid as wrong:
        return _password_form(request, purpose, sent.get("token", ""), wrong=wrong.errors)
    return _done(request, user, "Your password is set", f"Log in with {user.email} and the new password.")


def _password(sent: dict[str, str]) -> str:
    """Typed twice, since nobody sees what is typed."""
    checked = shapes.LinkPasswordInput(data={name: sent.get(name, "") for name in ("token", "password")})
    if not checked.is_valid():
        raise errors.Invalid(errors=field_errors(checked.errors))
    password: str = checked.validated_data["password"]
    if sent.get("again") != password:
        raise errors.Invalid.field("again", "different", "This is not the same password.")
    return password


def _password_form(
    request: HttpRequest, purpose: Purpose, token: str, *, wrong: tuple[errors.FieldError, ...] = ()
) -> HttpResponse:
    context: dict[str, Any] = {
        "title": "Choose a new password" if purpose == Purpose.RESET_PASSWORD else "Choose a password",
        "user_email": passwords.find(purpose, token).email,
        "token": token,
        "wrong": [error.detail for error in wrong if error.field != "again"],
        "wrong_again": [error.detail for error in wrong if error.field == "again"],
    }
    return _render(request, "password.html", context, status=422 if wrong else 200)
