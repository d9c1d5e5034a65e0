"""Logging in, staying logged in, logging out."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication

from accounts import credentials, limits, profile, tokens
from accounts.api import cookie, form, schema, schema_accounts
from accounts.api.authentication import BearerAuthentication, BearerOrKeyAuthentication, caller
from accounts.api.serializers import LoginInput, PasswordGrantInput, RefreshInput, token_pair, user_detail
from accounts.api.serializers_accounts import MeInput
from accounts.api.serializers_keys import present_key
from accounts.factors import second_step
from accounts.models import User
from core import addresses, errors, rendering
from core.api import conditional, parsing, problems
from core.api.serializers import StrictInput
from core.api.viewsets import AsyncViewSet, field_errors, json_response
from core.observability import printable


class CredentialDoor(AsyncViewSet):
    """Every attempt counts, before anything is read. An Authorization header is not: it may hold the expired token."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    is_atomic = False  # a refusal must not take back what was revoked because of it; so no Idempotency-Key either

    def guard(self, request: HttpRequest) -> None:
        limits.count(request)

    def input(self, request: HttpRequest, shape: type[StrictInput], *, partial: bool = False) -> dict[str, Any]:
        data = super().input(request, shape, partial=partial)
        if data.get("delivery") == cookie.Delivery.COOKIE:
            cookie.refuse_foreign(request)  # before any credential is looked at
        return data

    def log_in(
        self, request: HttpRequest, email: str, password: str, *, delivery: str = cookie.Delivery.JSON
    ) -> HttpResponse:
        user = credentials.authenticate(email, password, address=addresses.client_address(request))
        second_step.demand(user, now=timezone.now())
        return self.opened(request, user, delivery=delivery)

    def opened(
        self, request: HttpRequest, user: User, *, delivery: str = cookie.Delivery.JSON, means: str = ""
    ) -> HttpResponse:
        """A session for somebody who has passed every step of a login."""
        pair = tokens.issue(
            user,
            address=addresses.client_address(request),
            user_agent=printable(request.META.get("HTTP_USER_AGENT", "")),
            now=timezone.now(),
            means=means,
        )
        return self.paired(request, pair, delivery=delivery)

    def paired(self, request: HttpRequest, pair: tokens.Pair, *, delivery: str = cookie.Delivery.JSON) -> HttpResponse:
        """The one place from which tokens leave: both in the body, or the refresh token as a cookie."""
        request.user = pair.user  # for the line in the log
        response = json_response(token_pair(pair, delivery=delivery))
        if delivery == cookie.Delivery.COOKIE:
            cookie.put(response, pair.refresh_token)
        return response


class LoginViewSet(CredentialDoor):
    @schema.login
    def create(self, request: HttpRequest) -> HttpResponse:
        data = self.input(request, LoginInput)
        parsing.query(request, ())
        return self.log_in(request, data["email"], data["password"], delivery=data["delivery"])


class TokenViewSet(CredentialDoor):
    @schema.token
    def create(self, request: HttpRequest) -> HttpResponse:
        checked = PasswordGrantInput(data=form.fields(request))
        if not checked.is_valid():
            raise errors.Invalid(errors=field_errors(checked.errors))
        parsing.query(request, ())
        return self.log_in(request, checked.validated_data["username"], checked.validated_data["password"])


class RefreshDoor(CredentialDoor):
    """Takes a refresh token from the body or else from the cookie, and answers the way it came."""

    def presented(self, request: HttpRequest) -> tuple[str, cookie.Delivery]:
        data = self.input(request, RefreshInput) if request.body else {}
        if "refresh_token" in data:
            return data["refresh_token"], cookie.Delivery.JSON
        raw = cookie.sent(request)
        if raw is None:
            raise errors.Invalid.field("refresh_token", "required", "Send it in the body, or as the cookie.")
        return raw, cookie.Delivery.COOKIE

    def turned_away(self, refusal: errors.Refusal, delivery: cookie.Delivery) -> HttpResponse:
        """For a token that is good for nothing any more: its cookie goes with it."""
        return _cleared(problems.render(refusal), delivery)


class RefreshViewSet(RefreshDoor):
    @schema.refresh
    def create(self, request: HttpRequest) -> HttpResponse:
        raw, delivery = self.presented(request)
        parsing.query(request, ())
        try:
            pair = tokens.rotate(raw, arrived_at=_arrived_at(request), now=timezone.now())
        except (tokens.TokenInvalid, tokens.TokenReused) as refusal:
            return self.turned_away(refusal, delivery)
        return self.paired(request, pair, delivery=delivery)


class LogoutViewSet(RefreshDoor):
    @schema.logout
    def create(self, request: HttpRequest) -> HttpResponse:
        raw, delivery = self.presented(request)
        parsing.query(request, ())
        try:
            tokens.revoke(raw, now=timezone.now())
        except tokens.TokenInvalid as refusal:
            return self.turned_away(refusal, delivery)
        return _cleared(HttpResponse(status=204), delivery)


class MeViewSet(AsyncViewSet):
    authentication_classes = (BearerOrKeyAuthentication,)

    @schema.me
    def retrieve(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        parsing.query(request, ())
        key = {"api_key": present_key(user.api_key)} if user.api_key is not None else {}
        return json_response(user_detail(user) | key)

    @schema_accounts.update_me
    def partial_update(self, request: HttpRequest) -> HttpResponse:
        user = profile.locked(caller(request))
        values = self.input(request, MeInput, partial=True)
        parsing.query(request, ())
        conditional.check_if_match(request, conditional.etag_of(_shown(user)))
        profile.change(user, values)
        content = _shown(user)
        return json_response(content, headers={"ETag": conditional.etag_of(content)})

    def get_authenticators(self) -> list[BaseAuthentication]:
        """What is changed here is a person's own: no machine's key changes it."""
        if getattr(self, "action", "") == "partial_update":
            return [BearerAuthentication()]
        return super().get_authenticators()


def _shown(user: User) -> bytes:
    return rendering.dumps(user_detail(user))


def _cleared(response: HttpResponse, delivery: cookie.Delivery) -> HttpResponse:
    if delivery == cookie.Delivery.COOKIE:
        cookie.take_back(response)
    return response


def _arrived_at(request: Any) -> float:
    """Set by ``core.middleware`` before the request waits for anything."""
    arrived: float = request.arrived_at
    return arrived
