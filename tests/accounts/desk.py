"""The admin as a browser sees it: who is in front of it, and what they press."""

from typing import Any

from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD

LOGIN = "/admin/login/"
USERS = "/admin/accounts/user/"
SESSIONS = "/admin/accounts/tokenfamily/"
NEW_PASSWORD = "another long passphrase"


def superuser() -> User:
    return User.objects.create_superuser("root@example.com", "root", PASSWORD)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def log_in(email: str, password: str = PASSWORD, client: Client | None = None) -> Any:
    return (client or Client()).post(f"{LOGIN}?next=/admin/", {"username": email, "password": password})


def user_page(user: User) -> str:
    return f"{USERS}{user.pk}/change/"


def run(client: Client, page: str, action: str, *rows: Any) -> Any:
    return client.post(page, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)
