"""Logging in, staying logged in, logging out."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import credentials, limits, tokens
from accounts.api import form, schema
from accounts.api.serializers import LoginInput, PasswordGrantInput, RefreshInput, token_pair, user_detail
from accounts.models import User
from core import errors
from core.api import parsing
from core.api.viewsets import AsyncViewSet, field_errors, json_response
from core.observability import printable


class CredentialDoor(AsyncViewSet):
    """Every attempt counts, before anything is read. An Authorization header is not: it may hold the expired token."""

    authentication_classes = ()
    is_atomic = False  # a refusal must not take back what was revoked because of it; so no Idempotency-Key either

    def guard(self, request: HttpRequest) -> None:
        limits.count(request)

    def log_in(self, request: HttpRequest, email: str, password: str) -> HttpResponse:
        user = credentials.authenticate(email, password)
        pair = tokens.issue(
            user,
            address=limits.client_address(request),
            user_agent=printable(request.META.get("HTTP_USER_AGENT", "")),
            now=timezone.now(),
        )
        return self.paired(request, pair)

    def paired(self, request: HttpRequest, pair: tokens.Pair) -> HttpResponse:
        request.user = pair.user  # for the line in the log
        return json_response(token_pair(pair))


class LoginViewSet(CredentialDoor):
    @schema.login
    def create(self, request: HttpRequest) -> HttpResponse:
        data = self.input(request, LoginInput)
        parsing.query(request, ())
        return self.log_in(request, data["email"], data["password"])


class TokenViewSet(CredentialDoor):
    @schema.token
    def create(self, request: HttpRequest) -> HttpResponse:
        checked = PasswordGrantInput(data=form.fields(request))
        if not checked.is_valid():
            raise errors.Invalid(errors=field_errors(checked.errors))
        parsing.query(request, ())
        return self.log_in(request, checked.validated_data["username"], checked.validated_data["password"])


class RefreshViewSet(CredentialDoor):
    @schema.refresh
    def create(self, request: HttpRequest) -> HttpResponse:
        raw = self.input(request, RefreshInput)["refresh_token"]
        parsing.query(request, ())
        pair = tokens.rotate(raw, arrived_at=_arrived_at(request), now=timezone.now())
        return self.paired(request, pair)


class LogoutViewSet(CredentialDoor):
    @schema.logout
    def create(self, request: HttpRequest) -> HttpResponse:
        raw = self.input(request, RefreshInput)["refresh_token"]
        parsing.query(request, ())
        tokens.revoke(raw, now=timezone.now())
        return HttpResponse(status=204)


class MeViewSet(AsyncViewSet):
    @schema.me
    def retrieve(self, request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, User):
            raise errors.Unauthenticated()
        parsing.query(request, ())
        return json_response(user_detail(request.user))


def _arrived_at(request: Any) -> float:
    """Set by ``core.middleware`` before the request waits for anything."""
    arrived: float = request.arrived_at
    return arrived
