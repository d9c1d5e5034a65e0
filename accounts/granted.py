"""What somebody may, own rights and those of all groups, in one value. Django's backend takes two queries of many rows.

It is asked in each request, so that what is taken from somebody is gone at once. ``User`` asks it before Django would;
where the user is read because of a token, it comes with the same row.
"""

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Expression, TextField, UUIDField

from core.prepared import Prepared

_NAMES = """
SELECT {joined} FROM auth_permission
JOIN django_content_type ON django_content_type.id = auth_permission.content_type_id
WHERE auth_permission.id IN (
    SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = {user}
    UNION ALL
    SELECT auth_group_permissions.permission_id FROM auth_group_permissions
    JOIN accounts_user_groups ON accounts_user_groups.group_id = auth_group_permissions.group_id
    WHERE accounts_user_groups.user_id = {user}
)
"""
_NAME = "django_content_type.app_label || '.' || auth_permission.codename"
_JOINED = {"postgresql": f"string_agg({_NAME}, chr(10))", "sqlite": f"group_concat({_NAME}, char(10))"}


class Granted(Expression):
    """As an annotation of users: a text for ``names``."""

    output_field = TextField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return f"({_text(connection.vendor, 'accounts_user.id')})", ()


def names(granted: str | None) -> set[str]:
    """As ``has_perm`` takes them. Whether somebody is active, or a superuser, is not looked at."""
    return set(granted.split("\n")) if granted else set()


def rights_of(user_id: UUID) -> set[str]:
    """One query."""
    key = UUIDField().get_db_prep_value(user_id, connection)
    statement = _OF_ONE[connection.vendor]
    return names(statement.ask(key)[0][0])


def _text(vendor: str, user: str) -> str:
    return _NAMES.format(joined=_JOINED[vendor], user=user)


_OF_ONE = {vendor: Prepared(_text(vendor, "%(p0)s")) for vendor in _JOINED}
