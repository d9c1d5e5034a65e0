"""The one list of rights: what each is called, what it allows, and which role has it.

A right is a Django permission, so that the API, the admin and an operator's own groups speak of the same thing. Names
are plain strings; the models that carry them may live in higher apps. Verbs ask ``user.has_perm(name)``.

``view_*`` sees drafts and history, ``change_*`` and ``delete_*`` concern anybody's entries, ``*_own_*`` one's own.
"""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS, transaction

from accounts.models import USE_DESK, Role

RIGHTS: dict[str, str] = {
    USE_DESK: "enter the admin",
    "accounts.view_user": "see users",
    "accounts.add_user": "create users",
    "accounts.change_user": "change users who may no more than oneself, also their passwords; give them what one has",
    "accounts.delete_user": "delete users who may no more than oneself",
    "accounts.view_tokenfamily": "see who is logged in from where",
    "accounts.revoke_tokenfamily": "log somebody out",
    "accounts.add_apikey": "make API keys, which may at most what their maker may",
    "accounts.view_apikey": "see everybody's API keys",
    "accounts.delete_apikey": "revoke anybody's API keys",
    "accounts.view_auditentry": "read the audit trail",
    "django_tasks_database.view_dbtaskresult": "see the jobs that go on beside requests, addresses of mails included",
    "django_tasks_database.change_dbtaskresult": "run jobs again that failed for good",
    "auth.view_group": "see groups",
    "auth.add_group": "create groups, with what one has",
    "auth.change_group": "change what a group allows, within what one has",
    "auth.delete_group": "delete groups that allow no more than one has",
    "content.add_page": "write pages",
    "content.view_page": "see drafts and history of pages",
    "content.change_own_page": "change one's own pages",
    "content.delete_own_page": "delete one's own pages",
    "content.change_page": "change any page",
    "content.delete_page": "delete any page",
    "content.publish_page": "publish and unpublish pages",
    "content.add_blogpost": "write posts",
    "content.view_blogpost": "see drafts and history of posts",
    "content.change_own_blogpost": "change one's own posts",
    "content.delete_own_blogpost": "delete one's own posts",
    "content.change_blogpost": "change any post",
    "content.delete_blogpost": "delete any post",
    "content.publish_blogpost": "publish and unpublish posts",
    "content.view_sitesettings": "see drafts and history of the site settings",
    "content.change_sitesettings": "change the site settings",
    "content.publish_sitesettings": "publish the site settings",
}

# What a list of rights is divided into, by the last part of their names.
AREAS: dict[str, str] = {
    "page": "Pages",
    "blogpost": "Posts",
    "sitesettings": "Site settings",
    "desk": "The admin",
    "user": "Users",
    "group": "Groups",
    "tokenfamily": "Sessions",
    "apikey": "API keys",
    "auditentry": "Audit trail",
    "dbtaskresult": "Jobs",
}

ROLES: dict[Role, str] = {
    Role.MEMBER: "Is somebody, and may nothing beyond that.",
    Role.AUTHOR: "Enters the admin, writes pages and posts, sees drafts, changes and deletes what is one's own.",
    Role.APPROVER: "May what authors may, and changes, deletes and publishes anybody's pages and posts.",
    Role.ADMIN: "Everything, including the site settings, users, groups and sessions.",
}


def area_of(right: str) -> str:
    return AREAS[right.rpartition("_")[2]]


def _each_kind(*actions: str) -> tuple[str, ...]:
    return tuple(f"content.{action}_{kind}" for kind in ("page", "blogpost") for action in actions)


_MEMBER: tuple[str, ...] = ()
_AUTHOR = (
    *_MEMBER,
    USE_DESK,
    "accounts.add_apikey",
    *_each_kind("add", "view", "change_own", "delete_own"),
    "content.view_sitesettings",
)
_APPROVER = (*_AUTHOR, *_each_kind("change", "delete", "publish"))

GRANTS: dict[Role, frozenset[str]] = {
    Role.MEMBER: frozenset(_MEMBER),
    Role.AUTHOR: frozenset(_AUTHOR),
    Role.APPROVER: frozenset(_APPROVER),
    Role.ADMIN: frozenset(RIGHTS),
}


def install(app_label: str, *, apps: Any = installed, using: str = DEFAULT_DB_ALIAS) -> None:
    """Makes the rights of one app and hands them to the roles. Runs again after every migration and flush.

    A role gets a right once: when the right comes into being, or when the role itself does. What an operator takes away
    from a role, or gives to it, therefore stays as it was left. A deleted role comes back with the grants above.
    """
    with transaction.atomic(using=using):
        before = set(_existing(apps, using).values())
        create_permissions(installed.get_app_config(app_label), verbosity=0, using=using, apps=apps)
        after = _existing(apps, using)
        made = set(after.values()) - before
        for role, granted in GRANTS.items():
            _hand_out(apps.get_model("auth", "Group").objects.using(using), role, granted, after, made)


def _hand_out(groups: Any, role: Role, granted: frozenset[str], existing: dict[int, str], made: set[str]) -> None:
    group, is_new = groups.get_or_create(name=role.value)
    wanted = granted if is_new else granted & made
    group.permissions.add(*(pk for pk, name in existing.items() if name in wanted))


def _existing(apps: Any, using: str) -> dict[int, str]:
    rows = apps.get_model("auth", "Permission").objects.using(using).order_by()
    names = rows.values_list("pk", "content_type__app_label", "codename")
    return {pk: f"{app}.{codename}" for pk, app, codename in names}


_APPS = frozenset(name.partition(".")[0] for name in RIGHTS)


def after_migrate(sender: AppConfig, *, using: str, apps: Apps = installed, **_: object) -> None:
    """Django's news that an app's tables have been migrated or emptied. Connected in ``AccountsConfig.ready``.

    It must hear the news before Django's own receiver makes the permissions, or it cannot tell which are new; so
    ``accounts`` stands before ``django.contrib.auth`` in INSTALLED_APPS.
    """
    if sender.label in _APPS:
        install(sender.label, apps=apps, using=using)
