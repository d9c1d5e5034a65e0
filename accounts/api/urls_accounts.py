"""Paths about accounts: registering, passwords, the e-mail, sessions."""

from django.urls import path

from accounts.api import passwords, registration, sessions

_CREATE = {"post": "create"}

urlpatterns = [
    path("auth/register", registration.RegisterViewSet.as_view(_CREATE), name="register"),
    path("auth/verify-email", registration.VerifyEmailViewSet.as_view(_CREATE), name="verify-email"),
    path("auth/verify-email/resend", registration.ResendVerificationViewSet.as_view(_CREATE), name="resend"),
    path("auth/password-reset", passwords.PasswordResetViewSet.as_view(_CREATE), name="password-reset"),
    path("auth/password-reset/confirm", passwords.PasswordResetConfirmViewSet.as_view(_CREATE), name="confirm-reset"),
    path("auth/invitation/accept", passwords.InvitationAcceptViewSet.as_view(_CREATE), name="accept-invitation"),
    path("auth/password-change", passwords.PasswordChangeViewSet.as_view(_CREATE), name="password-change"),
    path("auth/email-change", registration.EmailChangeViewSet.as_view(_CREATE), name="email-change"),
    path(
        "auth/email-change/confirm",
        registration.EmailChangeConfirmViewSet.as_view(_CREATE),
        name="confirm-email",
    ),
    path("auth/sessions", sessions.SessionsViewSet.as_view({"get": "list"}), name="sessions"),
    path("auth/sessions/<str:id>", sessions.SessionsViewSet.as_view({"delete": "destroy"}), name="session"),
    path("auth/logout-all", sessions.LogoutAllViewSet.as_view(_CREATE), name="logout-all"),
]
