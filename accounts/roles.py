"""Groups and what they allow: the four that come with the product, and those that a site makes for itself.

A user has one role, which is one of the four groups, and any number of other groups.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import administrators, audit, rights
from accounts.models import USE_DESK, Role, User
from accounts.permissions import RIGHTS, ROLES
from core import errors

READING = (USE_DESK, rights.VIEW, "auth.view_group")  # one of them
ADD, CHANGE, DELETE = "auth.add_group", "auth.change_group", "auth.delete_group"
MAX_GROUPS = 100  # of one user
MAX_NAME_LENGTH = 150

# What the group ``admin`` keeps in any case: to see people and groups, and to change them.
NEEDED = frozenset({USE_DESK, rights.VIEW, rights.ADD, rights.CHANGE, "auth.view_group", CHANGE})

_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z")


class RoleIsBuiltIn(errors.Conflict):
    code = "role_is_builtin"
    title = "The four roles keep their names and cannot be deleted"
    meaning = "Change what a role allows instead, or make a group beside it."


@dataclass(frozen=True)
class Described:
    """A role or another group, in words."""

    name: str
    description: str
    is_builtin: bool
    permissions: tuple[str, ...]


# --- Reading -------------------------------------------------------------------------------------------------------


def require_read(by: User) -> None:
    """For those who write content as well: a frontend shows them the names."""
    if not any(by.has_perm(right) for right in READING):
        raise errors.Forbidden()


def described() -> list[Described]:
    """The four from the highest to the lowest, then the others by name. Three queries."""
    found = list(Group.objects.prefetch_related("permissions__content_type").order_by("name", "pk"))
    return [describe(group) for group in sorted(found, key=_rank)]


def _rank(group: Group) -> int:
    return Role.values.index(group.name) if is_builtin(group.name) else len(Role.values)


def grantable(*, by: User) -> set[str]:
    """The names of the groups that ``by`` may put somebody into."""
    if rights.is_administrator(by):
        return set(Group.objects.values_list("name", flat=True))
    return {group.name for group in Group.objects.all() if rights.may_grant(rights.of_groups([group]), by=by)}


def is_builtin(name: str) -> bool:
    return name in Role.values


def custom() -> QuerySet[Group]:
    return Group.objects.exclude(name__in=Role.values).order_by("name", "pk")


def custom_names(user: User) -> list[str]:
    """From prefetched groups, or with one query."""
    return sorted(group.name for group in user.groups.all() if not is_builtin(group.name))


def having(users: QuerySet[User], role: str) -> QuerySet[User]:
    """Those whose highest role it is."""
    *higher, own = Role.values[: Role.values.index(role) + 1]
    above = Exists(_groups_of_a_user().filter(name__in=higher))
    if role == Role.ADMIN:
        return users.filter(Q(is_superuser=True) | Exists(_groups_of_a_user().filter(name=own)))
    rows = users.filter(~above, is_superuser=False)
    return rows if role == Role.MEMBER else rows.filter(Exists(_groups_of_a_user().filter(name=own)))


def _groups_of_a_user() -> QuerySet[Group]:
    return Group.objects.filter(user=OuterRef("pk"))


def describe(group: Group) -> Described:
    """Of a group with its permissions and their content types prefetched: no query."""
    held = {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.all()}
    names = tuple(name for name in RIGHTS if name in held)
    return Described(group.name, description(group.name, names), is_builtin(group.name), tuple(sorted(names)))


def description(name: str, held: Sequence[str]) -> str:
    """Of a group that the site made, there is nothing to say but what it allows."""
    if is_builtin(name):
        return ROLES[Role(name)]
    return f"May {'; '.join(RIGHTS[one] for one in held)}." if held else "Allows nothing yet."


# --- Who is in which -----------------------------------------------------------------------------------------------


def find_custom(names: Sequence[str]) -> list[Group]:
    """Raises ``Invalid`` for a name that is none, or that of a role: a role is given as such."""
    found = {group.name: group for group in Group.objects.filter(name__in=names)}
    wrong = [_no_group(number, name) for number, name in enumerate(names) if is_builtin(name) or name not in found]
    if wrong:
        raise errors.Invalid(errors=wrong)
    return [found[name] for name in dict.fromkeys(names)]


def _no_group(number: int, name: str) -> errors.FieldError:
    if is_builtin(name):
        return errors.FieldError(f"groups.{number}", "is_a_role", "This is a role; send it as `role`.")
    return errors.FieldError(f"groups.{number}", "unknown_group", "There is no such group.")


def put_into(user: User, *, role: str, groups: Collection[Group], by: User) -> None:
    """Makes the user a member of exactly these. Whoever does it has all that the new ones among them allow."""
    own = Group.objects.filter(name=role).first() if is_builtin(role) else None
    if own is None:
        raise errors.Invalid.field("role", "invalid_choice", f"One of: {', '.join(Role.values)}.")
    wanted = {*groups, own}
    present = set(user.groups.all())
    rights.require_grant(rights.of_groups(wanted - present), by=by)
    if own.name == Role.ADMIN and own not in present:  # whatever the role holds now, it may hand out everything
        rights.require_grant(RIGHTS, by=by)
    user.groups.remove(*(present - wanted))
    user.groups.add(*(wanted - present))


# --- Making groups, and changing what they allow -------------------------------------------------------------------


@transaction.atomic
def create(name: str, permissions: Iterable[str], *, by: User) -> Group:
    rights.require(by, ADD)
    wanted = _known(permissions)
    rights.require_grant(wanted, by=by)
    group = Group(name=_checked_name(name))
    _save(group)
    _allow(group, wanted)
    audit.record("group.created", by=by, on=group, changes=audit.differences({}, _facts(group.name, wanted)))
    return group


@transaction.atomic
def change(group: Group, *, name: str, permissions: Iterable[str], by: User) -> None:
    """What a group allows that is not on our list stays, and takes a superuser to hand out."""
    wanted = _known(permissions)
    with administrators.kept(by=by, right=CHANGE):
        held = _held(group, by=by)
        rights.require_grant(wanted, by=by)
        before = _facts(group.name, held & RIGHTS.keys())
        _require_builtin_stays(group.name, name=name, wanted=wanted)
        _rename(group, name)
        _allow(group, wanted)
        changes = audit.differences(before, _facts(group.name, wanted))
        if changes:
            audit.record("group.updated", by=by, on=group, changes=changes)


@transaction.atomic
def delete(group: Group, *, by: User) -> None:
    """Its members lose what it gave them."""
    with administrators.kept(by=by, right=DELETE):
        held = _held(group, by=by, right=DELETE)
        if is_builtin(group.name):
            raise RoleIsBuiltIn()
        changes = {name: (value, None) for name, value in _facts(group.name, held & RIGHTS.keys()).items()}
        audit.record("group.deleted", by=by, on=group, changes=changes)
        Group.objects.filter(pk=group.pk).delete()


def may_change(group: Group, *, by: User, right: str = CHANGE) -> bool:
    """Nobody takes apart what allows more than they may themselves."""
    return by.has_perm(right) and rights.may_grant(rights.of_groups([group]), by=by)


def _held(group: Group, *, by: User, right: str = CHANGE) -> set[str]:
    """What the group allows at this moment, its row locked. Raises unless ``by`` may touch it."""
    rights.require(by, right)
    try:
        group.refresh_from_db(from_queryset=Group.objects.select_for_update(no_key=True))
    except Group.DoesNotExist as gone:
        raise errors.NotFound() from gone
    held = rights.of_groups([group])
    rights.require_grant(held, by=by)
    return held


def _require_builtin_stays(present: str, *, name: str, wanted: set[str]) -> None:
    if is_builtin(present) and name.strip() != present:
        raise RoleIsBuiltIn()
    if present == Role.ADMIN and (missing := NEEDED - wanted):
        words = "; ".join(RIGHTS[one] for one in sorted(missing))
        raise administrators.LastAdministrator(f"Without these rights nobody could manage this site: {words}.")


def _rename(group: Group, name: str) -> None:
    if name.strip() != group.name:
        group.name = _checked_name(name)
        _save(group)


def _known(permissions: Iterable[str]) -> set[str]:
    wanted = set(permissions)
    if unknown := sorted(wanted - RIGHTS.keys()):
        raise errors.Invalid.field("permissions", "unknown_permission", f"There is no right {unknown[0][:100]!a}.")
    return wanted


def _checked_name(name: str) -> str:
    found = name.strip()
    if not found or len(found) > MAX_NAME_LENGTH or not _LINE.match(found):
        raise errors.Invalid.field("name", "invalid", f"One line of 1 to {MAX_NAME_LENGTH} characters.")
    if found.lower() in Role.values:
        raise errors.Invalid.field("name", "unique", "This is the name of a role.")
    return found


def _save(group: Group) -> None:
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError as taken:
        raise errors.Invalid.field("name", "unique", "A group with this name already exists.") from taken


def _allow(group: Group, wanted: set[str]) -> None:
    """Adds and takes away by our list alone."""
    ours = {f"{one.content_type.app_label}.{one.codename}": one for one in _permissions()}
    present = set(group.permissions.values_list("pk", flat=True))
    group.permissions.add(*(one for name, one in ours.items() if name in wanted and one.pk not in present))
    group.permissions.remove(*(one for name, one in ours.items() if name not in wanted and one.pk in present))


def _permissions() -> list[Permission]:
    codenames = [name.partition(".")[2] for name in RIGHTS]
    rows = Permission.objects.filter(codename__in=codenames).select_related("content_type")
    return [one for one in rows if f"{one.content_type.app_label}.{one.codename}" in RIGHTS]


def _facts(name: str, permissions: Iterable[str]) -> dict[str, Any]:
    return {"name": name, "permissions": sorted(permissions)}
