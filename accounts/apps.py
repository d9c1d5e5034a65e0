from allauth.account import apps as allauth_apps
from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    default = True
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import audit, permissions
        from core import background

        post_migrate.connect(permissions.after_migrate, dispatch_uid="accounts.permissions")
        background.register(audit.LOOP, audit.seal, every=5, pause=1)


class DeskConfig(admin_apps.AdminConfig):
    """Stands in INSTALLED_APPS in the place of ``django.contrib.admin``, so that its login form is a counted door."""

    default = False
    default_site = "accounts.desk.site.DeskSite"


class AllauthConfig(allauth_apps.AccountConfig):  # type: ignore[misc] # allauth is not annotated
    """``allauth.account``, which allauth's other apps import. None of its views is served: no middleware is needed."""

    default = False

    def ready(self) -> None:
        """Its own would refuse to start without its middleware."""
