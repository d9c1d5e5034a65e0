"""Rights and roles: who may do what, and that migrations neither forget nor overrule."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from accounts import permissions
from accounts.models import Role
from tests.factories import make_user

AUTHOR = {
    "accounts.use_desk",
    "accounts.add_apikey",
    "content.add_page",
    "content.view_page",
    "content.change_own_page",
    "content.delete_own_page",
    "content.add_blogpost",
    "content.view_blogpost",
    "content.change_own_blogpost",
    "content.delete_own_blogpost",
    "content.view_sitesettings",
}
APPROVER = AUTHOR | {
    "content.change_page",
    "content.delete_page",
    "content.publish_page",
    "content.change_blogpost",
    "content.delete_blogpost",
    "content.publish_blogpost",
}
ONLY_ADMIN = {
    "content.change_sitesettings",
    "content.publish_sitesettings",
    "accounts.add_user",
    "accounts.change_user",
    "accounts.delete_user",
    "accounts.view_user",
    "accounts.view_tokenfamily",
    "accounts.revoke_tokenfamily",
    "accounts.view_apikey",
    "accounts.delete_apikey",
    "accounts.view_auditentry",
    "django_tasks_database.view_dbtaskresult",
    "django_tasks_database.change_dbtaskresult",
    "auth.add_group",
    "auth.change_group",
    "auth.delete_group",
    "auth.view_group",
}
EXPECTED = {"member": set(), "author": AUTHOR, "approver": APPROVER, "admin": APPROVER | ONLY_ADMIN}


def held_by(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role)
    return {f"{app}.{name}" for app, name in rows.values_list("content_type__app_label", "codename")}


def right(name: str) -> Permission:
    app, codename = name.split(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


@pytest.mark.parametrize("role", EXPECTED)
@pytest.mark.django_db
def test_a_role_holds_exactly_these_rights(role):
    assert held_by(role) == EXPECTED[role]


@pytest.mark.django_db
def test_every_right_on_the_list_is_a_permission_of_django():
    existing = {
        f"{app}.{codename}" for app, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }

    assert set(permissions.RIGHTS) - existing == set()


@pytest.mark.django_db
def test_every_permission_of_our_own_apps_is_on_the_list():
    ours = Permission.objects.filter(content_type__app_label__in=["accounts"])

    assert {f"accounts.{one.codename}" for one in ours} <= set(permissions.RIGHTS)


@pytest.mark.django_db
def test_what_a_user_may_do_is_what_the_role_holds():
    user = make_user("author")

    assert user.get_all_permissions() == AUTHOR


@pytest.mark.django_db
def test_a_right_that_an_operator_took_away_stays_away():
    Group.objects.get(name="author").permissions.remove(right("content.add_page"))

    call_command("migrate", verbosity=0)

    assert held_by("author") == AUTHOR - {"content.add_page"}


@pytest.mark.django_db
def test_a_right_that_an_operator_gave_stays_given():
    Group.objects.get(name="author").permissions.add(right("content.publish_page"))

    call_command("migrate", verbosity=0)

    assert held_by("author") == AUTHOR | {"content.publish_page"}


@pytest.mark.django_db
def test_a_right_that_comes_into_being_is_handed_out():
    right("content.publish_page").delete()

    call_command("migrate", verbosity=0)

    assert {role for role in EXPECTED if "content.publish_page" in held_by(role)} == {"approver", "admin"}


@pytest.mark.django_db
def test_a_deleted_role_comes_back_with_its_rights():
    Group.objects.get(name="approver").delete()

    call_command("migrate", verbosity=0)

    assert held_by("approver") == APPROVER


@pytest.mark.django_db
def test_a_group_of_the_operator_is_never_touched():
    group = Group.objects.create(name="interns")
    group.permissions.add(right("content.add_page"))

    call_command("migrate", verbosity=0)

    assert held_by("interns") == {"content.add_page"}


@pytest.mark.django_db(transaction=True)
def test_the_roles_are_whole_again_after_every_table_was_emptied():
    call_command("flush", interactive=False, verbosity=0)

    assert {role.value: held_by(role) for role in Role} == EXPECTED


def test_we_hear_of_a_migration_before_django_makes_the_permissions():
    labels = [config.label for config in apps.get_app_configs()]

    assert labels.index("accounts") < labels.index("auth")
