"""Registering over HTTP, and confirming an e-mail."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import email_change, registration
from accounts.api import schema_accounts as schema
from accounts.api import serializers_accounts as shapes
from accounts.api.authentication import BearerAuthentication, caller
from accounts.api.views import CredentialDoor
from core.api import parsing
from core.api.viewsets import json_response


class RegisterViewSet(CredentialDoor):
    @schema.register
    def create(self, request: HttpRequest) -> HttpResponse:
        registration.require_open()
        data = self.input(request, shapes.RegistrationInput)
        parsing.query(request, ())
        registration.register(**data, now=timezone.now())
        return json_response({"detail": schema.LOOK_FOR_VERIFICATION}, status=202)


class VerifyEmailViewSet(CredentialDoor):
    @schema.verify_email
    def create(self, request: HttpRequest) -> HttpResponse:
        token = self.input(request, shapes.LinkInput)["token"]
        parsing.query(request, ())
        registration.verify(token, now=timezone.now())
        return HttpResponse(status=204)


class ResendVerificationViewSet(CredentialDoor):
    @schema.resend_verification
    def create(self, request: HttpRequest) -> HttpResponse:
        email = self.input(request, shapes.EmailInput)["email"]
        parsing.query(request, ())
        registration.ask_again(email)
        return json_response({"detail": schema.LOOK_FOR_REPETITION}, status=202)


class EmailChangeViewSet(CredentialDoor):
    authentication_classes = (BearerAuthentication,)

    @schema.change_email
    def create(self, request: HttpRequest) -> HttpResponse:
        user = caller(request)
        data = self.input(request, shapes.EmailChangeInput)
        parsing.query(request, ())
        email_change.ask(user, email=data["email"], password=data["current_password"])
        return json_response({"detail": schema.LOOK_FOR_EMAIL_CHANGE}, status=202)


class EmailChangeConfirmViewSet(CredentialDoor):
    @schema.confirm_email_change
    def create(self, request: HttpRequest) -> HttpResponse:
        token = self.input(request, shapes.LinkInput)["token"]
        parsing.query(request, ())
        email_change.confirm(token, now=timezone.now())
        return HttpResponse(status=204)
