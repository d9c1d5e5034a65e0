"""Another password for somebody who is logged in."""

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, TokenFamily, User
from tests.accounts import mailbox
from tests.accounts.shapes import problem
from tests.factories import PASSWORD, make_user, pair_for, token_for

pytestmark = pytest.mark.django_db

NEW = "another long passphrase"


def change(api, token, current=PASSWORD, new=NEW):
    return api.post("/auth/password-change", {"current_password": current, "new_password": new}, token=token)


def wrong_fields(response) -> list[tuple[str, str]]:
    assert problem(response) == (422, "validation_error")
    return [(one["field"], one["code"]) for one in response.json()["errors"]]


def is_unchanged(user) -> bool:
    alive = user.token_families.alive(timezone.now()).count()
    return User.objects.get(pk=user.pk).check_password(PASSWORD) and alive == user.token_families.count()


def test_a_change_ends_every_session_but_the_present_one(api, client):
    user, other = make_user(), make_user()
    here, there, others = pair_for(user), pair_for(user), pair_for(other)
    client.force_login(user)
    assert client.get("/admin/").status_code == 200

    answer = change(api, here.access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get("/auth/me", token=here.access_token).status_code == 200
    assert api.post("/auth/refresh", {"refresh_token": here.refresh_token}).status_code == 200
    assert problem(api.get("/auth/me", token=there.access_token)) == (401, "token_invalid")
    assert problem(api.post("/auth/refresh", {"refresh_token": there.refresh_token})) == (401, "token_invalid")
    assert client.get("/admin/").status_code == 302
    assert api.get("/auth/me", token=others.access_token).status_code == 200


def test_from_then_on_the_new_password_counts(api):
    user = make_user()

    change(api, token_for(user))

    statuses = [
        api.post("/auth/login", {"email": user.email, "password": word}).status_code for word in (PASSWORD, NEW)
    ]
    assert statuses == [401, 200]


def test_a_change_ends_the_reset_links_that_are_out(api, run_jobs):
    user = make_user()
    api.post("/auth/password-reset", {"email": user.email})
    token = mailbox.asked(run_jobs, user.email)

    change(api, token_for(user))

    answer = api.post("/auth/password-reset/confirm", {"token": token, "password": "yet another passphrase"})
    assert (problem(answer), User.objects.get().check_password(NEW)) == ((422, "link_invalid"), True)


def test_the_owner_is_told_and_the_trail_too(api, run_jobs):
    user = make_user()
    token = token_for(user)

    change(api, token)
    run_jobs()

    entry = AuditEntry.objects.order_by("id").last()
    assert mailbox.subjects(user.email) == ["Your password was changed"]
    assert (entry.action, entry.actor_id, entry.changes) == ("auth.password_changed", user.pk, {})


@pytest.mark.parametrize(
    ("current", "new", "expected"),
    [
        ("not it", NEW, [("current_password", "wrong")]),
        ("not it", "short", [("current_password", "wrong")]),
        (PASSWORD, PASSWORD, [("new_password", "unchanged")]),
        (PASSWORD, "short", [("new_password", "password_too_short")]),
        (PASSWORD, "password", [("new_password", "password_too_common")]),
        (PASSWORD, "x" * 1025, [("new_password", "max_length")]),
        ("x" * 1025, NEW, [("current_password", "max_length")]),
        ("", "", [("current_password", "blank"), ("new_password", "blank")]),
    ],
)
def test_a_refused_change_changes_nothing(api, run_jobs, current, new, expected):
    user = make_user()
    pair_for(user)

    answer = change(api, token_for(user), current, new)

    assert (wrong_fields(answer), is_unchanged(user), run_jobs()) == (expected, True, 0)


def test_without_a_token_nobody_changes_anything(api):
    assert problem(change(api, None)) == (401, "not_authenticated")


def test_guesses_of_the_present_password_have_to_wait_like_those_at_the_login(api):
    user = make_user()
    token = token_for(user)

    answers = [change(api, token, current="a wrong guess") for _ in range(5)]
    late = change(api, token)

    assert [answer.status_code for answer in answers] == [422] * 5
    assert (problem(late), is_unchanged(user)) == ((429, "too_many_failures"), True)
    login = api.post("/auth/login", {"email": user.email, "password": PASSWORD})
    assert problem(login) == (429, "too_many_failures")


def test_the_door_is_counted_before_the_token_is_looked_at(api, settings):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"

    answers = [change(api, "garbage") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


def test_a_password_that_was_changed_while_this_one_was_hashed_wins(api, monkeypatch):
    user = make_user()
    token = token_for(user)
    hash_it, done = User.set_password, []

    def slow(u, raw):
        hash_it(u, raw)
        if not done:
            done.append(True)
            meanwhile = User.objects.get(pk=user.pk)
            meanwhile.set_password("yet another passphrase")
            meanwhile.save()

    monkeypatch.setattr(User, "set_password", slow)

    answer = change(api, token)

    assert wrong_fields(answer) == [("current_password", "wrong")]
    assert User.objects.get().check_password("yet another passphrase")
    assert TokenFamily.objects.alive(timezone.now()).count() == 0
