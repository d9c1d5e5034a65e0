"""Paths below ``/api/v1/`` about second factors and passkeys."""

from django.urls import path

from accounts.api import second_factors as views

urlpatterns = [
    path("auth/login/second-factor", views.SecondStepViewSet.as_view({"post": "create"}), name="second-factor"),
    path(
        "auth/login/passkey/options",
        views.PasskeyLoginOptionsViewSet.as_view({"post": "create"}),
        name="passkey-login-options",
    ),
    path("auth/login/passkey", views.PasskeyLoginViewSet.as_view({"post": "create"}), name="passkey-login"),
    path("auth/second-factors", views.FactorsViewSet.as_view({"get": "retrieve"}), name="second-factors"),
    path("auth/second-factors/totp", views.TotpViewSet.as_view({"post": "create", "delete": "destroy"}), name="totp"),
    path("auth/second-factors/totp/confirm", views.TotpConfirmViewSet.as_view({"post": "create"}), name="confirm-totp"),
    path(
        "auth/second-factors/recovery-codes",
        views.RecoveryCodesViewSet.as_view({"post": "create"}),
        name="recovery-codes",
    ),
    path("auth/passkeys/options", views.PasskeyOptionsViewSet.as_view({"post": "create"}), name="passkey-options"),
    path("auth/passkeys", views.PasskeysViewSet.as_view({"post": "create"}), name="passkeys"),
    path(
        "auth/passkeys/<str:id>",
        views.PasskeyViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="passkey",
    ),
    path(
        "users/<str:id>/second-factors",
        views.UserFactorsViewSet.as_view({"delete": "destroy"}),
        name="user-second-factors",
    ),
]
