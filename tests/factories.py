"""Real rows for tests."""

from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts import tokens
from accounts.models import User

PASSWORD = "a long enough passphrase"
_numbers = count(1)


def make_user(role: str = "author", **fields: Any) -> User:
    """A user in the group of the role. ``password`` defaults to ``PASSWORD``."""
    number = next(_numbers)
    given = {"email": f"{role}{number}@example.com", "username": f"{role}{number}", "password": PASSWORD, **fields}
    user = User.objects.create_user(**given)
    user.groups.add(Group.objects.get(name=role))
    return user


def pair_for(user: User) -> tokens.Pair:
    return tokens.issue(user, address="192.0.2.1", user_agent="tests", now=timezone.now())


def token_for(user: User) -> str:
    """An access token, as a login would give it."""
    return pair_for(user).access_token
