"""Who may do what with people and groups: predicates over Django's permissions, and refusals that verbs raise.

Two rules keep the ladder from being climbed. Nobody hands out more than they may themselves. And nobody manages
somebody who may more than they do: whoever sets somebody's e-mail or password can become them. Both are judged by what
the caller may in this request, so an API key counts by its scopes. Administrators, in person, may hand out everything
but being a superuser, also where a right was taken from their own role.
"""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from accounts.models import Role, User
from accounts.permissions import RIGHTS
from core import errors

VIEW, ADD = "accounts.view_user", "accounts.add_user"
CHANGE, DELETE = "accounts.change_user", "accounts.delete_user"


class MayNotManage(errors.Forbidden):
    code = "may_not_manage"
    title = "You may not manage somebody who may more than you"
    meaning = (
        "Whoever sets somebody's e-mail can become them. So people are managed by those who may at least as much, and "
        "superusers by superusers. An API key may what its scopes name."
    )


class MayNotGrant(errors.Forbidden):
    code = "may_not_grant"
    title = "You may hand out only what you may yourself"


def require(by: User, right: str) -> None:
    if not by.has_perm(right):
        raise errors.Forbidden()


def is_superuser(by: User) -> bool:
    """In person. A superuser's API key is a key like any other."""
    return by.is_superuser and by.api_key is None


def is_administrator(by: User) -> bool:
    return by.api_key is None and by.role() == Role.ADMIN


def may_manage(user: User, *, by: User, right: str = CHANGE) -> bool:
    """Costs a query where ``by`` is no administrator: what the user may, also while the account is not active."""
    if not by.has_perm(right):
        return False
    if by.api_key is not None and user.pk == by.pk:  # whoever finds a key must not become its maker
        return False
    if user.is_superuser:
        return is_superuser(by)
    return is_administrator(by) or not _lacks(by, RIGHTS if user.role() == Role.ADMIN else of_user(user))


def require_manage(user: User, *, by: User, right: str = CHANGE) -> None:
    require(by, right)
    if not may_manage(user, by=by, right=right):
        raise MayNotManage()


def may_grant(names: Iterable[str], *, by: User) -> bool:
    return is_administrator(by) or not _lacks(by, names)


def require_grant(names: Iterable[str], *, by: User) -> None:
    if not may_grant(names, by=by):
        raise MayNotGrant()


def of_user(user: User) -> set[str]:
    """What the groups give, and what was given directly, whether or not the account is active. One query."""
    return _names(Permission.objects.filter(Q(user=user) | Q(group__user=user)))


def of_groups(groups: Iterable[Group]) -> set[str]:
    return _names(Permission.objects.filter(group__in=list(groups)))


def _lacks(by: User, names: Iterable[str]) -> bool:
    return any(not by.has_perm(name) for name in names)


def _names(permissions: QuerySet[Permission]) -> set[str]:
    pairs = permissions.order_by().values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in pairs}
