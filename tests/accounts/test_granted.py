"""What somebody may is asked in one statement, and is what Django's backend would say."""

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission

from accounts import granted, tokens
from accounts.models import ApiKey, Role, User
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def permission(name: str) -> Permission:
    app, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


def by_django(user: User) -> set[str]:
    return ModelBackend().get_all_permissions(again(user))


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_it_is_what_django_says(role):
    user, _other = make_user(role), make_user("admin")
    group = Group.objects.create(name="two")
    group.permissions.add(permission("content.publish_page"), permission("content.add_page"))
    user.groups.add(group)
    user.user_permissions.add(permission("auth.view_group"), permission("content.add_page"))

    found = granted.rights_of(user.pk)

    assert found == by_django(user) == again(user).get_all_permissions()
    assert {"auth.view_group", "content.publish_page", "content.add_page"} <= found


def test_nobody_has_what_nobody_gave():
    user = User.objects.create_user("a@example.com", "a")

    assert granted.rights_of(user.pk) == set() == by_django(user)


def test_all_rights_of_a_request_are_one_query(django_assert_num_queries):
    user = again(make_user("approver"))

    with django_assert_num_queries(1):
        answers = [user.has_perm(name) for name in ("content.publish_page", "accounts.add_user", "no.such")]
        found = user.get_all_permissions()

    assert (answers, "content.publish_page" in found) == ([True, False, False], True)


@pytest.mark.parametrize("role", [role.value for role in Role])
def test_who_comes_with_a_token_brings_the_rights_along(role, django_assert_num_queries):
    user = make_user(role)
    user.user_permissions.add(permission("auth.view_group"))
    expected, raw = by_django(user), token_for(user)

    with django_assert_num_queries(1):
        found, _ = tokens.identify(raw)
        assert found.get_all_permissions() == expected

    assert "auth.view_group" in expected


def test_a_superuser_who_comes_with_a_token_may_everything():
    user = User.objects.create_superuser("root@example.com", "root", "Or4nge-lighthouse-9")

    found, _ = tokens.identify(token_for(user))

    assert found.has_perm("content.publish_page")
    assert found.get_all_permissions() == by_django(user)


def test_what_is_taken_away_is_gone_with_the_next_request():
    user = make_user("approver")
    before = again(user).has_perm("content.publish_page")
    user.groups.clear()

    assert (before, again(user).has_perm("content.publish_page")) == (True, False)


@pytest.mark.parametrize("is_superuser", [True, False])
def test_who_is_not_active_may_nothing_and_is_not_asked_about(is_superuser, django_assert_num_queries):
    user = make_user("admin", is_active=False, is_superuser=is_superuser)

    with django_assert_num_queries(0):
        assert not user.has_perm("content.publish_page")
        assert user.get_all_permissions() == set()
        assert not user.has_module_perms("content")


def test_a_superuser_may_everything_without_a_query(django_assert_num_queries):
    user = User.objects.create_superuser("root@example.com", "root", "a long enough passphrase")

    with django_assert_num_queries(0):
        assert user.has_perm("whatever.there_is")
    assert user.get_all_permissions() == by_django(user) > {"content.publish_page"}


def test_of_one_thing_alone_nobody_has_a_right(django_assert_num_queries):
    user = again(make_user("admin"))

    assert not user.has_perm("content.publish_page", user)
    assert user.has_perm("content.publish_page")


def test_a_key_asks_nothing_for_what_it_does_not_name(django_assert_num_queries):
    user = again(make_user("admin"))
    user.api_key = ApiKey(scopes=["content.add_page"])

    with django_assert_num_queries(0):
        assert not user.has_perm("content.publish_page")
    assert user.has_perm("content.add_page")
    assert user.get_all_permissions() == {"content.add_page"}


def test_a_token_that_was_good_is_refused_when_its_time_is_over(monkeypatch):
    raw = token_for(make_user("author"))
    _, claims = tokens.identify(raw)

    monkeypatch.setattr(tokens.time, "time", lambda: float(claims["exp"]))

    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(raw)


@pytest.mark.parametrize(
    "changed", [{"JWT_KEYS": {"other": "k" * 32}}, {"SIMPLE_JWT": {"AUDIENCE": "others", "ISSUER": "http://x"}}]
)
def test_a_token_that_was_good_is_judged_anew_by_other_settings(settings, changed):
    raw = token_for(make_user("author"))
    tokens.identify(raw)

    for name, value in changed.items():
        setattr(settings, name, {**getattr(settings, name), **value} if name == "SIMPLE_JWT" else value)

    with pytest.raises(tokens.TokenInvalid):
        tokens.identify(raw)


def test_what_is_remembered_of_a_token_cannot_be_changed():
    raw = token_for(make_user("author"))
    _, claims = tokens.identify(raw)
    claims["sub"] = "somebody else"

    assert tokens.identify(raw)[1]["sub"] != "somebody else"
