"""People: their names, their addresses, what makes them staff."""

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import TokenFamily, User
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = pytest.mark.django_db


def test_an_email_is_kept_and_found_in_lower_case():
    user = User.objects.create_user("  Editor@Example.COM ", "editor", PASSWORD)

    found = User.objects.get(email="EDITOR@example.com")

    assert (user.email, found, found.email) == ("editor@example.com", user, "editor@example.com")


def test_a_row_saved_without_the_manager_is_lower_cased_too():
    user = User(email="Editor@Example.com", username="editor")

    user.save()

    assert (user.email, User.objects.values_list("email", flat=True).get()) == ("editor@example.com",) * 2


def test_two_people_cannot_share_an_email_in_any_case():
    make_user(email="editor@example.com")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(email="EDITOR@EXAMPLE.COM")

    assert User.objects.count() == 1


def test_the_database_itself_refuses_an_email_in_another_case():
    user = make_user(email="editor@example.com")
    other = make_user()

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = 'EDITOR@example.com' WHERE username = %s", [other.username])

    assert user.email == "editor@example.com"


def test_two_people_cannot_share_a_username_in_any_case():
    make_user(username="Editor")

    with pytest.raises(IntegrityError), transaction.atomic():
        make_user(username="eDITOR")

    assert User.objects.count() == 1


@pytest.mark.parametrize("username", ["", "two words", "ünlaut", "a@b", "a" * 151, "line\n", "tab\t", "x\x00"])
def test_a_username_outside_the_pattern_is_refused(username):
    with pytest.raises(ValidationError) as refused:
        User.objects.create_user("editor@example.com", username, PASSWORD)

    assert (list(refused.value.error_dict), User.objects.count()) == (["username"], 0)


@pytest.mark.parametrize("username", ["a", "A.b-c_9", "9", "a" * 150])
def test_a_username_inside_the_pattern_is_taken(username):
    assert User.objects.create_user("editor@example.com", username, PASSWORD).username == username


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "two words@example.com", f"{'a' * 250}@example.com"])
def test_a_malformed_email_is_refused(email):
    with pytest.raises(ValidationError) as refused:
        User.objects.create_user(email, "editor", PASSWORD)

    assert (list(refused.value.error_dict), User.objects.count()) == (["email"], 0)


def test_the_name_is_the_display_name_or_else_the_username():
    named, unnamed = make_user(username="a", display_name="Ann Author"), make_user(username="b")

    assert (named.name, unnamed.name, str(named), named.get_full_name(), unnamed.get_short_name()) == (
        "Ann Author",
        "b",
        "Ann Author",
        "Ann Author",
        "b",
    )


def test_ids_sort_by_the_time_of_their_making():
    users = [make_user() for _ in range(3)]

    assert [user.pk.version for user in users] == [7, 7, 7]


def test_createsuperuser_makes_an_active_administrator(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

    call_command("createsuperuser", email="Admin@Example.com", username="root", interactive=False, stdout=StringIO())

    admin = User.objects.get(email="admin@example.com")
    assert (admin.is_superuser, admin.is_staff, admin.is_active, admin.role()) == (True, True, True, "admin")
    assert admin.check_password(PASSWORD)


def test_a_user_without_a_password_cannot_log_in():
    user = make_user(password=None)

    assert (user.has_usable_password(), user.check_password(""), user.check_password("None")) == (False, False, False)


@pytest.mark.parametrize(
    ("role", "is_staff"), [("member", False), ("author", True), ("approver", True), ("admin", True)]
)
def test_whoever_may_use_the_desk_is_staff(role, is_staff):
    assert make_user(role).is_staff is is_staff


def test_nobody_is_staff_who_is_not_active():
    assert make_user("admin", is_active=False).is_staff is False


def test_the_role_is_the_highest_of_several(django_assert_num_queries):
    user = make_user("member")
    for role in ("author", "approver"):
        user.groups.add(user.groups.model.objects.get(name=role))

    with django_assert_num_queries(1):
        roles = [user.role(), user.role()]

    assert roles == ["approver", "approver"]


def test_without_any_group_one_is_a_member(django_assert_num_queries):
    user = make_user("member")
    user.groups.clear()

    assert user.role() == "member"


def test_a_superuser_is_an_admin_without_a_query(django_assert_num_queries):
    user = User.objects.create_superuser("root@example.com", "root", PASSWORD)

    with django_assert_num_queries(0):
        role = user.role()

    assert role == "admin"


def test_a_new_password_revokes_every_token_of_its_owner_and_of_nobody_else():
    user, other = make_user(), make_user()
    for owner in (user, user, other):
        pair_for(owner)

    user.set_password("another long passphrase")
    user.save()

    alive = TokenFamily.objects.alive(timezone.now())
    assert [family.user for family in alive.select_related("user")] == [other]


def test_any_other_change_leaves_the_tokens_alone():
    user = make_user()
    pair_for(user)

    user.display_name = "Somebody Else"
    user.save()

    assert user.token_families.alive(timezone.now()).count() == 1
