from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"
    default = True
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import permissions

        post_migrate.connect(permissions.after_migrate, dispatch_uid="accounts.permissions")


class DeskConfig(admin_apps.AdminConfig):
    """Stands in INSTALLED_APPS in the place of ``django.contrib.admin``, so that its login form is a counted door."""

    default = False
    default_site = "accounts.desk.DeskSite"
