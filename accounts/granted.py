"""What somebody may, own rights and those of all groups, in one statement. Django's backend takes two, compiled anew.

It is asked in each request, so that what is taken from somebody is gone at once. ``User`` asks it before Django would.
"""

from uuid import UUID

from django.db import connection
from django.db.models import UUIDField

from core.prepared import Prepared

_RIGHTS = Prepared("""
SELECT django_content_type.app_label, auth_permission.codename
FROM auth_permission JOIN django_content_type ON django_content_type.id = auth_permission.content_type_id
WHERE auth_permission.id IN (
    SELECT permission_id FROM accounts_user_user_permissions WHERE user_id = %(p0)s
    UNION ALL
    SELECT auth_group_permissions.permission_id FROM auth_group_permissions
    JOIN accounts_user_groups ON accounts_user_groups.group_id = auth_group_permissions.group_id
    WHERE accounts_user_groups.user_id = %(p0)s
)
""")


def rights_of(user_id: UUID) -> set[str]:
    """Names as ``has_perm`` takes them. Whether somebody is active, or a superuser, is not looked at."""
    key = UUIDField().get_db_prep_value(user_id, connection)
    return {f"{app}.{codename}" for app, codename in _RIGHTS.ask(key)}
