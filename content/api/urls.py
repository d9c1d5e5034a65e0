"""Paths below ``/api/v1/``."""

from django.urls import path

from content.api.views import PageViewSet, PostViewSet, SettingsViewSet

MANY = {"get": "list", "post": "create"}
ONE = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
SETTINGS = {"get": "retrieve", "put": "update", "patch": "partial_update"}

urlpatterns = [
    path("pages", PageViewSet.as_view(MANY), name="pages"),
    path("pages/<str:key>", PageViewSet.as_view(ONE), name="page"),
    path("posts", PostViewSet.as_view(MANY), name="posts"),
    path("posts/<str:key>", PostViewSet.as_view(ONE), name="post"),
    path("settings", SettingsViewSet.as_view(SETTINGS), name="settings"),
]
