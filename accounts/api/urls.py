"""Paths below ``/api/v1/``."""

from django.urls import path

from accounts.api.views import LoginViewSet, LogoutViewSet, MeViewSet, RefreshViewSet, TokenViewSet

urlpatterns = [
    path("auth/login", LoginViewSet.as_view({"post": "create"}), name="login"),
    path("auth/token", TokenViewSet.as_view({"post": "create"}), name="token"),
    path("auth/refresh", RefreshViewSet.as_view({"post": "create"}), name="refresh"),
    path("auth/logout", LogoutViewSet.as_view({"post": "create"}), name="logout"),
    path("auth/me", MeViewSet.as_view({"get": "retrieve"}), name="me"),
]
