"""Paths below ``/api/v1/`` of a server with single sign-on."""

from django.urls import path

from accounts.api.sso import CallbackViewSet, ExchangeViewSet, StartViewSet

urlpatterns = [
    path("auth/sso/start", StartViewSet.as_view({"get": "retrieve"}), name="sso-start"),
    path("auth/sso/callback", CallbackViewSet.as_view({"get": "retrieve"}), name="sso-callback"),
    path("auth/sso/exchange", ExchangeViewSet.as_view({"post": "create"}), name="sso-exchange"),
]
