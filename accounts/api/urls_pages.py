"""Where the links in mails lead. These paths go through Django's full middleware list (``settings.SITE_PREFIXES``)."""

from django.urls import re_path

from accounts.api import pages
from accounts.links import Purpose

urlpatterns = [
    re_path(rf"^{Purpose.VERIFY_EMAIL}/?$", pages.verify_email, name="page-verify-email"),
    re_path(rf"^{Purpose.INVITATION}/?$", pages.accept_invitation, name="page-invitation"),
    re_path(rf"^{Purpose.CHANGE_EMAIL}/?$", pages.change_email, name="page-email-change"),
    re_path(rf"^{Purpose.RESET_PASSWORD}/?$", pages.reset_password, name="page-password-reset"),
]
