"""Paths below ``/api/v1/``."""

from django.urls import path

from accounts.api import urls_accounts, urls_second_factors
from accounts.api.audit import AuditViewSet
from accounts.api.keys import ApiKeyViewSet
from accounts.api.roles import RolesViewSet
from accounts.api.users import InvitationViewSet, UsersViewSet
from accounts.api.views import LoginViewSet, LogoutViewSet, MeViewSet, RefreshViewSet, TokenViewSet

urlpatterns = [
    path("auth/login", LoginViewSet.as_view({"post": "create"}), name="login"),
    path("auth/token", TokenViewSet.as_view({"post": "create"}), name="token"),
    path("auth/refresh", RefreshViewSet.as_view({"post": "create"}), name="refresh"),
    path("auth/logout", LogoutViewSet.as_view({"post": "create"}), name="logout"),
    *urls_accounts.urlpatterns,
    *urls_second_factors.urlpatterns,
    path("api-keys", ApiKeyViewSet.as_view({"get": "list", "post": "create"}), name="api-keys"),
    path("api-keys/<str:id>", ApiKeyViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="api-key"),
    path("audit", AuditViewSet.as_view({"get": "list"}), name="audit"),
    path("roles", RolesViewSet.as_view({"get": "list"}), name="roles"),
    path("users", UsersViewSet.as_view({"get": "list", "post": "create"}), name="users"),
    path(
        "users/<str:id>",
        UsersViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="user",
    ),
    path("users/<str:id>/invitation", InvitationViewSet.as_view({"post": "create"}), name="invitation"),
    path("auth/me", MeViewSet.as_view({"get": "retrieve", "patch": "partial_update"}), name="me"),
]
