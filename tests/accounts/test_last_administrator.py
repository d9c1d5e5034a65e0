"""The last administrator who can log in stays, through whichever door one tries, and however many try at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import activation, administrators, people, permissions, roles
from accounts.administrators import LastAdministrator
from accounts.models import AuditEntry, ExternalIdentity, User
from core import errors
from tests.accounts.at_once import at_once
from tests.accounts.groups import make_one_who_may
from tests.conftest import Api
from tests.factories import PASSWORD, make_user, token_for

USERS = "/admin/accounts/user/"
ADMIN_GROUP = "/admin/auth/group/"


def superuser() -> User:
    return User.objects.create_superuser("root@example.com", "root", PASSWORD)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_able(user: User) -> bool:
    return administrators.able().filter(pk=user.pk).exists()


# --- Over REST -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("make", [superuser, lambda: make_user("admin")])
@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"role": "approver"}),
        ("PATCH", {"role": "member", "groups": []}),
        ("PATCH", {"is_active": False}),
        ("PATCH", {"is_active": False, "role": "admin", "display_name": "x"}),
        ("DELETE", None),
    ],
)
def test_the_last_one_cannot_remove_themselves(api, make, method, body):
    last = make()
    make_user("approver")
    make_user("admin", is_active=False)

    response = api.request(method, f"/users/{last.pk}", body, token=token_for(last))

    assert (response.status_code, response.json()["code"]) == (409, "last_administrator")
    assert (is_able(last), User.objects.get(pk=last.pk).display_name) == (True, "")
    assert not AuditEntry.objects.exclude(action="auth.login").exists()


@pytest.mark.django_db
def test_what_leaves_them_an_administrator_is_allowed(api):
    last = make_user("admin")
    body = {"role": "admin", "is_active": True, "display_name": "Renamed", "groups": []}

    response = api.patch(f"/users/{last.pk}", body, token=token_for(last))

    assert (response.status_code, response.json()["display_name"]) == (200, "Renamed")


@pytest.mark.django_db
def test_nobody_else_can_remove_them_either(api):
    last = make_user("admin")
    manager = make_one_who_may(*permissions.RIGHTS)

    answers = [
        api.patch(f"/users/{last.pk}", {"role": "member"}, token=token_for(manager)),
        api.patch(f"/users/{last.pk}", {"is_active": False}, token=token_for(manager)),
        api.delete(f"/users/{last.pk}", token=token_for(manager)),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(409, "last_administrator")] * 3
    assert is_able(last)


@pytest.mark.django_db
@pytest.mark.parametrize("make_other", [superuser, lambda: make_user("admin")])
def test_with_another_one_left_they_may_go(api, make_other):
    one, other = make_user("admin"), make_other()

    response = api.delete(f"/users/{one.pk}", token=token_for(other))

    assert (response.status_code, is_able(other)) == (204, True)


def _with(make: Callable[[User], object]) -> User:
    user = make_user("admin", password=None)
    make(user)
    return user


def _passkey(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={})


def _totp(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})


def _identity(user: User) -> None:
    now = timezone.now()
    ExternalIdentity.objects.create(
        user=user, issuer="https://id.example.com", subject="1", created_at=now, last_used_at=now
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("make", "issuer", "counts"),
    [
        (lambda: make_user("admin", password=None), "", False),  # invited, and has not chosen a password yet
        (lambda: make_user("admin", is_active=False), "", False),
        (lambda: make_user("approver"), "", False),
        (lambda: _with(_totp), "", False),
        (lambda: _with(_passkey), "", True),
        (lambda: _with(_identity), "https://id.example.com", True),
        (lambda: _with(_identity), "https://other.example.com", False),
        (lambda: _with(_identity), "", False),
        (lambda: make_user("admin"), "", True),
    ],
)
def test_who_cannot_log_in_does_not_count(api, settings, make, issuer, counts):
    settings.OIDC_ISSUER = issuer
    last = make_user("admin")
    make()

    response = api.patch(f"/users/{last.pk}", {"role": "author"}, token=token_for(last))

    assert (response.status_code, is_able(last)) == ((200, False) if counts else (409, True))


@pytest.mark.django_db
def test_a_refusal_names_the_field_before_it_names_the_state(api):
    last = make_user("admin")

    response = api.patch(f"/users/{last.pk}", {"role": "member", "groups": ["nobody"]}, token=token_for(last))

    assert response.status_code == 422


# --- In the admin ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("form", [{"role": "member"}, {"role": "approver", "is_superuser": ""}])
@pytest.mark.parametrize("make", [superuser, lambda: make_user("admin")])
def test_the_form_refuses_and_says_why(make, form):
    last = make()

    response = browser(last).post(
        f"{USERS}{last.pk}/change/", {"email": last.email, "username": "renamed", "display_name": "", **form}
    )

    assert (response.status_code, "This is the last active administrator" in response.text) == (200, True)
    assert (is_able(last), User.objects.get(pk=last.pk).username == "renamed") == (True, False)


@pytest.mark.django_db
def test_a_superuser_who_is_the_last_one_cannot_just_untick_the_box():
    last = superuser()
    form = {"email": last.email, "username": last.username, "display_name": ""}

    kept = browser(last).post(f"{USERS}{last.pk}/change/", {**form, "role": "admin"})

    assert (kept.status_code, is_able(last), User.objects.get(pk=last.pk).role()) == (302, True, "admin")


@pytest.mark.django_db
def test_deleting_by_page_and_by_list_is_refused_as_a_whole():
    last, author = make_user("admin"), make_user("author")
    client = browser(make_one_who_may(*permissions.RIGHTS))
    chosen = {"action": "delete_selected", "_selected_action": [str(author.pk), str(last.pk)], "post": "yes"}

    pages = [
        client.post(f"{USERS}{last.pk}/delete/", {"post": "yes"}, follow=True),
        client.post(USERS, chosen, follow=True),
    ]

    assert all("This is the last active administrator" in page.text for page in pages)
    assert (is_able(last), User.objects.filter(pk=author.pk).exists()) == (True, True)
    assert not AuditEntry.objects.filter(action="user.deleted").exists()


@pytest.mark.django_db
def test_the_action_deactivates_all_but_the_last():
    one, other = make_user("admin"), make_user("admin")
    client = browser(make_one_who_may(*permissions.RIGHTS))

    response = client.post(
        USERS, {"action": "deactivate", "_selected_action": [str(one.pk), str(other.pk)]}, follow=True
    )

    assert ("This is the last active administrator" in response.text, administrators.able().count()) == (True, 1)


@pytest.mark.django_db
def test_the_password_of_the_last_one_can_be_set_and_not_taken_away():
    last, other = make_user("admin"), superuser()
    User.objects.filter(pk=other.pk).update(is_active=False)
    client = browser(make_one_who_may(*permissions.RIGHTS))

    client.post(f"{USERS}{last.pk}/password/", {"usable_password": "false", "unset-password": "1"})

    assert (is_able(last), User.objects.get(pk=last.pk).has_usable_password()) == (True, True)


@pytest.mark.django_db
@pytest.mark.parametrize("missing", sorted(roles.NEEDED))
def test_the_admin_group_keeps_what_managing_people_takes(missing):
    group, client = Group.objects.get(name="admin"), browser(make_user("admin"))
    form = {"name": "admin", "rights": sorted(set(permissions.RIGHTS) - {missing})}

    response = client.post(f"{ADMIN_GROUP}{group.pk}/change/", form)

    assert (response.status_code, "nobody could manage this site" in response.text) == (200, True)
    assert group.permissions.count() == len(permissions.RIGHTS)


@pytest.mark.django_db
def test_the_admin_group_is_neither_deleted_nor_renamed():
    group, client = Group.objects.get(name="admin"), browser(superuser())
    every_right = sorted(permissions.RIGHTS)

    client.post(f"{ADMIN_GROUP}{group.pk}/delete/", {"post": "yes"})
    client.post(ADMIN_GROUP, {"action": "delete_selected", "_selected_action": [str(group.pk)], "post": "yes"})
    client.post(f"{ADMIN_GROUP}{group.pk}/change/", {"name": "bosses", "rights": every_right})

    assert Group.objects.get(pk=group.pk).name == "admin"


@pytest.mark.django_db
def test_the_verbs_hold_it_by_themselves():
    last = make_user("admin")
    manager = make_one_who_may(*permissions.RIGHTS)
    now = timezone.now()

    for verb in (
        lambda: people.change(last, {"role": "member"}, by=manager, now=now),
        lambda: people.delete(last, by=manager),
        lambda: activation.deactivate(last, by=manager, now=now),
        lambda: activation.deactivate(last, by=last, now=now),
        lambda: roles.change(Group.objects.get(name="admin"), name="admin", permissions=[], by=manager),
    ):
        with pytest.raises(LastAdministrator):
            verb()

    assert is_able(last)


# --- At once ---------------------------------------------------------------------------------------------------------


def _demote(api: Api, target: User, token: str) -> int:
    return api.patch(f"/users/{target.pk}", {"role": "author"}, token=token).status_code


def _deactivate(api: Api, target: User, token: str) -> int:
    return api.patch(f"/users/{target.pk}", {"is_active": False}, token=token).status_code


def _delete(api: Api, target: User, token: str) -> int:
    return api.delete(f"/users/{target.pk}", token=token).status_code


REMOVALS = {"demote": _demote, "deactivate": _deactivate, "delete": _delete}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", REMOVALS)
@pytest.mark.parametrize("second", REMOVALS)
def test_of_two_who_remove_each_other_exactly_one_stays(first, second, monkeypatch):
    """Both are known by their tokens before either goes on; so none is simply too late."""
    one, other = make_user("admin"), make_user("admin")
    turns = iter([(REMOVALS[first], other, token_for(one)), (REMOVALS[second], one, token_for(other))])
    _wait_for_each_other(monkeypatch, 2)

    def remove() -> int:
        removal, target, token = next(turns)
        return removal(Api(), target, token)

    statuses = at_once(2, remove)

    assert (len([one for one in statuses if one in (200, 204)]), sorted(statuses)[-1]) == (1, 409)
    assert administrators.able().count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_who_step_down_at_once_one_stays(monkeypatch):
    several = [make_user("admin") for _ in range(8)]
    turns = iter([(user, token_for(user)) for user in several])
    _wait_for_each_other(monkeypatch, 8)

    statuses = at_once(8, lambda: _demote(Api(), *next(turns)))

    assert (sorted(statuses), administrators.able().count()) == ([200] * 7 + [409], 1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_was_taken_out_while_waiting_does_nothing_any_more():
    one, other, third = (make_user("admin") for _ in range(3))
    still = User.objects.get(pk=other.pk)  # as a request knows them that has begun

    def out_of_turn() -> str:
        try:
            people.change(third, {"role": "member"}, by=still, now=timezone.now())
        except errors.Refusal as refusal:
            return refusal.code
        return "done"

    with transaction.atomic():
        people.change(other, {"is_active": False}, by=one, now=timezone.now())
        waiting = _in_a_thread(out_of_turn)

    assert (waiting.result(timeout=10), is_able(third)) == ("permission_denied", True)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("taken", ["email", "username"])
def test_of_many_who_make_the_same_user_one_does(taken):
    token = token_for(make_user("admin"))
    numbers = iter(range(8))

    def create() -> tuple[int, list[str]]:
        number = next(numbers)
        body = {"email": f"n{number}@example.com", "username": f"n{number}"}
        body[taken] = "a@example.com" if taken == "email" else "a"
        answer = Api().post("/users", body, token=token)
        return answer.status_code, [one["field"] for one in answer.json().get("errors", ())]

    answers = at_once(8, create)

    assert sorted(answers) == [(201, []), *[(422, [taken])] * 7]


def _wait_for_each_other(monkeypatch, times: int) -> None:
    """No request goes on to take the lock before all have got there, and been found to have the right."""
    barrier, hold = threading.Barrier(times), administrators.hold
    there = threading.local()

    def wait() -> None:
        if not getattr(there, "has_waited", False):
            there.has_waited = True
            barrier.wait(timeout=10)
        hold()

    monkeypatch.setattr(administrators, "hold", wait)


def _in_a_thread(action: Callable[[], str]) -> Future[str]:
    """Begun, and waiting for a lock that somebody else holds."""
    threads = ThreadPoolExecutor(1)
    future = threads.submit(lambda: at_once(1, action)[0])
    _until_somebody_waits()
    threads.shutdown(wait=False)
    return future


def _until_somebody_waits() -> None:
    deadline = timezone.now() + timedelta(seconds=5)
    while timezone.now() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")
