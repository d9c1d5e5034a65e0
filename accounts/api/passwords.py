"""New passwords over HTTP."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import passwords
from accounts.api import schema_accounts as schema
from accounts.api import serializers_accounts as shapes
from accounts.api.authentication import BearerAuthentication, caller
from accounts.api.sessions import present_session
from accounts.api.views import CredentialDoor
from accounts.links import Purpose
from core.api import parsing
from core.api.viewsets import json_response


class PasswordResetViewSet(CredentialDoor):
    @schema.reset_password
    def create(self, request: HttpRequest) -> HttpResponse:
        email = self.input(request, shapes.EmailInput)["email"]
        parsing.query(request, ())
        passwords.ask(email)
        return json_response({"detail": schema.LOOK_FOR_RESET}, status=202)


class LinkPasswordViewSet(CredentialDoor):
    """What both kinds of links do that set a password."""

    purpose: Purpose

    def set_password(self, request: HttpRequest) -> HttpResponse:
        data = self.input(request, shapes.LinkPasswordInput)
        parsing.query(request, ())
        passwords.set_by_link(self.purpose, data["token"], data["password"], now=timezone.now())
        return HttpResponse(status=204)


class PasswordResetConfirmViewSet(LinkPasswordViewSet):
    purpose = Purpose.RESET_PASSWORD

    @schema.confirm_password_reset
    def create(self, request: HttpRequest) -> HttpResponse:
        return self.set_password(request)


class InvitationAcceptViewSet(LinkPasswordViewSet):
    purpose = Purpose.INVITATION

    @schema.accept_invitation
    def create(self, request: HttpRequest) -> HttpResponse:
        return self.set_password(request)


class PasswordChangeViewSet(CredentialDoor):
    authentication_classes = (BearerAuthentication,)

    @schema.change_password
    def create(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        data = self.input(request, shapes.PasswordChangeInput)
        parsing.query(request, ())
        passwords.change(
            user,
            current=data["current_password"],
            new=data["new_password"],
            session=present_session(request),
            now=timezone.now(),
        )
        return HttpResponse(status=204)
