"""The first administrator, made from ADMIN_EMAIL and ADMIN_PASSWORD."""

import re

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import Role, User


def exists(email: str) -> bool:
    return User.objects.filter(email=email).exists()


def any_exists() -> bool:
    """Somebody active has the role or every right."""
    return User.objects.filter(Q(is_superuser=True) | Q(groups__name=Role.ADMIN), is_active=True).exists()


def create(*, email: str, password: str) -> bool:
    """False where another machine that starts at the same moment was first.

    Raises ValidationError for a weak password or a malformed e-mail.
    """
    validate_password(password, user=User(email=email, username="admin", display_name="Administrator"))
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, _free_username(email), password, display_name="Administrator")
            user.groups.add(Group.objects.get(name=Role.ADMIN))
    except IntegrityError:
        return False
    return True


def _free_username(email: str) -> str:
    wanted = re.sub(r"[^A-Za-z0-9_.-]", "", email.partition("@")[0])[:100] or "admin"
    taken = {
        name.lower() for name in User.objects.filter(username__istartswith=wanted).values_list("username", flat=True)
    }
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name.lower() not in taken)
