"""The admin's site. Its forms that take a password are counted doors, like those of the API."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from accounts import credentials, limits
from core import errors


class DeskLoginForm(AuthenticationForm):  # type: ignore[misc] # unfold is not annotated
    """Asks ``accounts.credentials``, as every door does: one refusal for whatever was wrong."""

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email is not None and password:
            try:
                self.user_cache = credentials.authenticate(email, password)
            except errors.Refusal as refusal:
                raise self.get_invalid_login_error() from refusal
            self.confirm_login_allowed(self.user_cache)
        data: dict[str, Any] = self.cleaned_data
        return data


class DeskSite(UnfoldAdminSite):  # type: ignore[misc] # unfold is not annotated
    login_form = DeskLoginForm

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        page: HttpResponseBase = self._counted(request) or super().login(request, extra_context)
        return page

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        page: HttpResponseBase = self._counted(request) or super().password_change(request, extra_context)
        return page

    def _counted(self, request: HttpRequest) -> HttpResponseBase | None:
        """The page that refuses, once too many passwords were sent from this address."""
        if request.method != "POST":
            return None
        try:
            limits.count(request)
        except limits.TooManyAttempts as refusal:
            context = {**self.each_context(request), "title": refusal.title, "seconds": refusal.retry_after}
            headers = {"Retry-After": str(refusal.retry_after)}
            template = "accounts/too_many_attempts.html"
            return TemplateResponse(request, template, context, status=429, headers=headers)
        return None
