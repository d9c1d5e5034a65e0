"""Whose account it is that somebody at the provider has here, and which role."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import AuditEntry, ExternalIdentity, TokenFamily, User
from accounts.sso import linking, provider, tickets
from tests.accounts.at_once import at_once
from tests.conftest import Api
from tests.factories import make_user
from tests.sso.forger import Forger
from tests.sso.steps import CHALLENGE, enter, exchange

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


# --- Whose account it is ----------------------------------------------------------------------------------------------


def test_the_first_time_the_verified_email_decides_and_then_the_subject(api: Api, office: Forger, author: User) -> None:
    first = enter(api, office, email="Author@Example.COM")
    then = enter(api, office, email="renamed@example.com", email_verified=False)

    link = ExternalIdentity.objects.get()
    assert (first, then) == ("in", "in")
    assert (link.user, link.issuer, link.subject) == (author, office.issuer, "s-1")
    assert link.last_used_at > link.created_at


@pytest.mark.parametrize("verified", [False, None, "true", "True", 1, [True], {}])
def test_an_email_that_the_provider_does_not_vouch_for_is_nobodys(
    api: Api, office: Forger, author: User, verified: Any
) -> None:
    assert enter(api, office, email_verified=verified) == "sso_email_unverified"
    assert not ExternalIdentity.objects.exists()


@pytest.mark.parametrize("email", ["", None, 7, ["author@example.com"], "author@example.com\x00", "a" * 300])
def test_an_email_that_is_none_is_nobodys(api: Api, office: Forger, author: User, email: Any) -> None:
    assert enter(api, office, email=email) == "sso_email_unverified"
    assert not ExternalIdentity.objects.exists()


def test_letters_that_only_look_like_somebodys_email_open_no_account(api: Api, office: Forger) -> None:
    keeper = make_user("admin", email="keeper@example.com")

    outcome = enter(api, office, email="\u212aeeper@example.com")  # the Kelvin sign, a k in lower case

    assert "\u212aeeper@example.com".lower() == keeper.email
    assert outcome == "sso_email_unverified"
    assert not ExternalIdentity.objects.exists()


def test_a_mailbox_that_was_given_to_somebody_else_does_not_bring_the_account_along(
    api: Api, office: Forger, author: User
) -> None:
    enter(api, office, sub="s-1")

    assert enter(api, office, sub="s-2") == "sso_account_unknown"
    assert list(ExternalIdentity.objects.values_list("subject", flat=True)) == ["s-1"]


def test_the_same_subject_at_another_issuer_is_somebody_else(api: Api, office: Forger, author: User) -> None:
    ExternalIdentity.objects.create(
        user=author,
        issuer="https://other.example.com",
        subject="s-1",
        created_at=datetime.now(UTC),
        last_used_at=datetime.now(UTC),
    )

    assert enter(api, office, email="nobody@example.com") == "sso_account_unknown"


def test_whoever_is_not_active_is_refused_linked_or_not(api: Api, office: Forger, author: User) -> None:
    User.objects.update(is_active=False)
    before = enter(api, office)
    User.objects.update(is_active=True)
    enter(api, office)
    User.objects.update(is_active=False)

    assert (before, enter(api, office)) == ("sso_account_unknown", "sso_account_unknown")
    assert ExternalIdentity.objects.count() == 1


def test_nobody_gets_an_account_unless_accounts_are_made(api: Api, office: Forger) -> None:
    assert enter(api, office) == "sso_account_unknown"
    assert not User.objects.exists()


def test_a_new_account_is_a_members_and_has_no_password(api: Api, office: Forger, settings: Any) -> None:
    settings.OIDC_CREATE_USERS = True

    outcome = enter(api, office, role="admin", is_superuser=True, groups=["admin"])

    user = User.objects.get()
    assert (outcome, user.email, user.username, user.display_name) == ("in", "author@example.com", "author", "Author")
    assert (user.role(), user.is_superuser, user.has_usable_password()) == ("member", False, False)
    assert actions() == ["user.created", "user.identity_linked"]


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        ({"preferred_username": "Jo.Doe"}, "Jo.Doe"),
        ({"preferred_username": "jo@corp.example.com"}, "jo"),
        ({"preferred_username": "Zoë & Co"}, "Zo-Co"),
        ({"preferred_username": "TAKEN"}, "TAKEN-2"),
        ({"preferred_username": "日本"}, "user"),
        ({"preferred_username": 7}, "author"),
        ({"preferred_username": "x" * 150}, "x" * 140),
    ],
)
def test_a_new_account_finds_a_username(
    api: Api, office: Forger, settings: Any, claims: dict[str, Any], username: str
) -> None:
    settings.OIDC_CREATE_USERS = True
    make_user("author", email="other@example.com", username="taken")

    enter(api, office, **claims)

    assert User.objects.get(email="author@example.com").username == username


def test_an_email_that_no_account_can_have_makes_none(api: Api, office: Forger, settings: Any) -> None:
    settings.OIDC_CREATE_USERS = True

    assert enter(api, office, email="not an address") == "sso_account_unknown"
    assert not User.objects.exists()


def test_what_the_id_token_leaves_out_is_asked_for(api: Api, office: Forger, author: User) -> None:
    office.claims = {}
    office.info = {"sub": "s-1", "email": "author@example.com", "email_verified": True}

    assert enter(api, office) == "in"
    (asked,) = (one for one in office.asked if one.path == "/me")
    assert asked.headers["Authorization"] == "Bearer at"


def test_what_it_says_is_not_asked_for(api: Api, office: Forger, author: User) -> None:
    enter(api, office)

    assert office.times("/me") == 0


def test_user_info_about_somebody_else_is_refused(api: Api, office: Forger, author: User) -> None:
    office.claims = {}
    office.info = {"sub": "s-2", "email": "author@example.com", "email_verified": True}

    assert enter(api, office) == "sso_answer_invalid"


def test_one_source_does_not_vouch_for_the_email_of_another(api: Api, office: Forger, author: User) -> None:
    office.claims = {"email": "author@example.com"}
    office.info = {"sub": "s-1", "email_verified": True}

    assert enter(api, office) == "sso_email_unverified"


def test_logins_links_and_refusals_are_in_the_audit_trail(api: Api, office: Forger, author: User) -> None:
    enter(api, office)
    enter(api, office, sub="s-2")

    linked, refused = AuditEntry.objects.order_by("id")
    assert (linked.action, linked.object_id, linked.actor_id) == ("user.identity_linked", str(author.pk), author.pk)
    assert linked.facts == {"issuer": office.issuer, "subject": "s-1"}
    assert (refused.action, refused.facts["reason"], refused.facts["means"]) == (
        "auth.login_failed",
        "sso_account_unknown",
        "oidc",
    )


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_known", [True, False])
def test_of_several_first_logins_at_once_all_end_in_one_account(settings: Any, is_known: bool) -> None:
    settings.OIDC_CREATE_USERS = True
    if is_known:
        make_user("author", email="author@example.com")
    identity = linking.Identity("https://login.example.com", "s-1", "author@example.com", True, "", "", ())

    users = at_once(8, lambda: linking.user_for(identity, now=datetime.now(UTC)))

    assert {user.pk for user in users} == {User.objects.get().pk}
    assert ExternalIdentity.objects.get().user == users[0]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_several_uses_of_one_code_at_once_one_succeeds(office: Forger) -> None:
    code = tickets.issue(make_user("author"), challenge=CHALLENGE)

    statuses = at_once(8, lambda: exchange(Api(), code).status_code)

    assert sorted(statuses) == [200] + [401] * 7
    assert TokenFamily.objects.count() == 1


# --- Roles ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mapped(settings: Any, office: Forger) -> Forger:
    settings.OIDC_ROLE_CLAIM = "realm.roles"
    settings.OIDC_ROLES = {"heads": "admin", "editors": "approver", "writers": "author"}
    make_user("admin", email="admin@example.com")
    return office


def role_after(api: Api, office: Forger, user: User, claimed: Any) -> str:
    assert enter(api, office, realm={"roles": claimed}) == "in"
    return User.objects.get(pk=user.pk).role()


@pytest.mark.parametrize(
    ("claimed", "role"),
    [
        (["writers", "editors"], "approver"),
        (["heads"], "admin"),
        ("writers", "author"),
        (["admin"], "member"),
        ([], "member"),
        (None, "member"),
        ({"heads": True}, "member"),
        ([["heads"], 7, None], "member"),
    ],
)
def test_the_highest_role_that_the_provider_gives_is_had(
    api: Api, mapped: Forger, author: User, claimed: Any, role: str
) -> None:
    assert role_after(api, mapped, author, claimed) == role


def test_a_role_follows_the_provider_at_every_login_and_own_groups_stay(api: Api, mapped: Forger, author: User) -> None:
    author.groups.add(Group.objects.create(name="Newsletter"))

    roles = [role_after(api, mapped, author, claimed) for claimed in (["editors"], ["editors"], ["writers"])]

    assert roles == ["approver", "approver", "author"]
    assert set(author.groups.values_list("name", flat=True)) == {"author", "Newsletter"}
    changes = AuditEntry.objects.filter(action="user.role_changed").order_by("id")
    assert [one.changes for one in changes] == [{"role": ["author", "approver"]}, {"role": ["approver", "author"]}]


def test_the_last_active_administrator_stays_one(api: Api, mapped: Forger, author: User) -> None:
    role_after(api, mapped, author, ["heads"])
    User.objects.filter(email="admin@example.com").update(is_active=False)

    assert role_after(api, mapped, author, []) == "admin"


def test_a_superuser_is_none_of_the_providers_business(api: Api, mapped: Forger) -> None:
    chief = User.objects.create_superuser("author@example.com", "chief", "a long enough passphrase")

    role_after(api, mapped, chief, ["writers"])

    chief.refresh_from_db()
    assert (chief.is_superuser, chief.groups.count()) == (True, 0)


def test_without_a_mapping_roles_are_given_here(api: Api, office: Forger, author: User) -> None:
    enter(api, office, groups=["admin"], roles=["admin"], role="admin")

    assert User.objects.get(pk=author.pk).role() == "author"


def test_a_claim_whose_name_has_dots_is_found_first(settings: Any) -> None:
    claims = {"https://example.com/roles": ["a"], "a.b": "whole", "a": {"b": "inside", "c": 1}}

    found = [provider.find(claims, path) for path in ("https://example.com/roles", "a.b", "a.c", "a.c.d", "x.y")]

    assert found == [["a"], "whole", 1, None, None]
