"""Groups of a site's own, and people in them."""

from typing import Any

from django.contrib.auth.models import Group, Permission

from accounts.models import User
from tests.factories import make_user


def group_with(name: str, *rights: str) -> Group:
    group = Group.objects.create(name=name)
    for right in rights:
        app, codename = right.split(".")
        group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return group


def make_one_who_may(*rights: str, **fields: Any) -> User:
    """A member in a group that allows just this."""
    user = make_user("member", **fields)
    user.groups.add(group_with(f"group of {user.username}", *rights))
    return user
