"""The admin's site. Its forms that take a password are counted and locked doors, like those of the API."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.sites import UnfoldAdminSite

from accounts import audit, credentials, limits, lockout, passwords
from accounts.desk import entry, security
from accounts.factors import second_step
from accounts.models import User
from core import addresses, errors


class DeskLoginForm(AuthenticationForm):  # type: ignore[misc] # unfold is not annotated
    """Asks ``accounts.credentials``, as every door does: one refusal for whatever was wrong."""

    error_messages: ClassVar = {
        **AuthenticationForm.error_messages,
        "invalid_login": "E-mail and password do not fit together, or this account may not use the admin.",
    }

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email is not None and password:
            address = addresses.client_address(self.request)
            try:
                self.user_cache = credentials.authenticate(email, password, address=address)
            except (credentials.InvalidCredentials, errors.Invalid) as refusal:
                raise self.get_invalid_login_error() from refusal
            self.confirm_login_allowed(self.user_cache)
            second_step.demand(self.user_cache, now=timezone.now())
        data: dict[str, Any] = self.cleaned_data
        return data


class DeskPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc] # unfold is not annotated
    """Whoever found a browser that is logged in guesses the present password no better than at the login."""

    def clean_old_password(self) -> str:
        with lockout.attempt(email=self.user.email, address=addresses.client_address_var.get()):
            password: str = super().clean_old_password()
        return password

    def clean(self) -> dict[str, Any]:
        """Valid means changed, by the verb of the API: it tells the owner and the audit trail."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                passwords.replace(self.user, data["new_password1"], session=None, now=timezone.now())
            except errors.Invalid as refusal:
                self.add_error(None, " ".join(one.detail for one in refusal.errors))
        return data

    def save(self, commit: bool = True) -> User:
        """It is saved already. Django's would write the whole user as the request has found it."""
        user: User = self.user
        return user


class DeskSite(UnfoldAdminSite):  # type: ignore[misc] # unfold is not annotated
    login_form = DeskLoginForm

    def get_urls(self) -> list[Any]:
        return [
            path("login/second-step/", never_cache(self.second_step), name="second_step"),
            path("login/passkey/", never_cache(self.passkey_login), name="passkey_login"),
            path("security/", self.admin_view(self.security), name="security"),
            *super().get_urls(),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        return self._counted(request, lambda: self._login(request, extra_context))

    def _login(self, request: HttpRequest, extra_context: dict[str, Any] | None) -> HttpResponseBase:
        try:
            response: HttpResponseBase = super().login(request, extra_context)
        except second_step.SecondFactorRequired as step:
            return entry.ask(self, request, step)
        if request.method == "POST" and response.status_code == 302 and isinstance(request.user, User):
            entry.record(request.user, means="password")
        return response

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        if request.method == "POST" and isinstance(request.user, User):
            audit.record("auth.logout", by=request.user, on=request.user, facts={"door": "admin"})
        response: HttpResponseBase = super().logout(request, extra_context)
        return response

    def second_step(self, request: HttpRequest) -> HttpResponseBase:
        return self._counted(request, lambda: entry.second(self, request))

    def passkey_login(self, request: HttpRequest) -> HttpResponseBase:
        return self._counted(request, lambda: entry.passkey(self, request))

    def security(self, request: HttpRequest) -> HttpResponseBase:
        return self._counted(request, lambda: security.page(self, request))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Unfold's, but for the form, which cannot be chosen there."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=DeskPasswordForm,
            success_url=reverse(f"{self.name}:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return self._counted(request, lambda: view(request))

    def _counted(self, request: HttpRequest, page: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """The page, or the one that says how long to wait: too many passwords were sent, or too many wrong ones."""
        try:
            if request.method == "POST":
                limits.count(request)
            return page()
        except errors.TooManyRequests as refusal:
            context = {**self.each_context(request), "title": refusal.title, "seconds": refusal.retry_after}
            headers = {"Retry-After": str(refusal.retry_after)}
            template = "accounts/too_many_attempts.html"
            return TemplateResponse(request, template, context, status=429, headers=headers)
