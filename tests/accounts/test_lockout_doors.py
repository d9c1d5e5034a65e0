"""Lockout at the doors: what is told and written down, what else takes part, and many at once."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import credentials, lockout
from accounts.models import AuditEntry, User
from core.models import Counter
from tests.accounts.at_once import at_once
from tests.accounts.guessing import ELSEWHERE, HERE, OWNER, code_refused, guess, guesses, log_in, stranger
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

NOON = "2026-03-01 12:00:00Z"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def noon(settings, time_machine):
    settings.LOCKOUT_ENABLE, settings.LOCKOUT_FAILURES, settings.LOCKOUT_MAX_SECONDS = True, 5, 240
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def owner() -> User:
    return make_user("admin", email=OWNER)


# --- The doors -------------------------------------------------------------------------------------------------------


def knock(api, door: str, email: str = OWNER, password: str = "not the password"):
    if door == "admin":
        return Client().post("/admin/login/", {"username": email, "password": password})
    if door == "token":
        form = urlencode({"grant_type": "password", "username": email, "password": password}).encode()
        return api.post("/auth/token", raw=form, content_type=FORM)
    return api.post("/auth/login", {"email": email, "password": password})


DOORS = ["login", "token", "admin"]


@pytest.mark.parametrize("door", DOORS)
def test_all_doors_share_one_lock(api, owner, door):
    statuses = [knock(api, one).status_code for one in (*DOORS, *DOORS)][:5]

    locked = knock(api, door, password=PASSWORD)

    assert 429 not in statuses
    assert (locked.status_code, locked["Retry-After"]) == (429, "15")
    assert owner.token_families.count() == 0


def test_the_answer_says_how_long_and_nothing_else(api, owner):
    for _ in range(5):
        knock(api, "login")

    response = knock(api, "login", password=PASSWORD)

    problem = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert (problem["code"], problem["title"]) == ("too_many_failures", lockout.TooManyFailures.title)


def test_during_a_lock_right_wrong_inactive_and_unknown_get_one_answer_after_the_same_work(api, owner, settings):
    make_user(email="inactive@example.com", is_active=False)
    for number in range(5):
        guess(f"nobody{number}@example.com", address="127.0.0.1")
    found = []
    for email, password in (
        (OWNER, PASSWORD),
        (OWNER, "not it"),
        ("inactive@example.com", PASSWORD),
        ("nobody@example.com", "not it"),
    ):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = knock(api, "login", email, password)
        headers = sorted((name, value) for name, value in answer.items() if name != "X-Request-ID")
        content = answer.content.replace(answer["X-Request-ID"].encode(), b"id")
        found.append((answer.status_code, headers, content, [query["sql"].split()[0] for query in queries]))

    assert (found[0][0], [one == found[0] for one in found]) == (429, [True] * 4)


def test_a_failure_is_counted_and_written_down_although_the_request_is_refused(api, owner):
    for _ in range(5):
        assert knock(api, "login").status_code == 401

    assert [action for action, *_ in trail()] == ["auth.login_failed"] * 5 + ["auth.locked"]
    assert {entry.address for entry in AuditEntry.objects.all()} == {"127.0.0.1"}


def test_the_admins_login_shows_a_page_that_says_how_long_to_wait(api, owner):
    for _ in range(5):
        knock(api, "admin")

    response = knock(api, "admin", password=PASSWORD)

    assert (response.status_code, response["Retry-After"]) == (429, "15")
    assert "_auth_user_id" not in response.client.session
    assert (lockout.TooManyFailures.title in response.text, "Please wait 15 seconds" in response.text) == (True, True)
    assert Client().get("/admin/login/").status_code == 200


def test_a_login_to_the_admin_makes_the_place_known_too(api, owner):
    knock(api, "admin", password=PASSWORD)
    for number in range(5):
        guess(address=stranger(number))

    assert knock(api, "admin", password=PASSWORD).status_code == 302


def test_guessing_the_present_password_in_a_stolen_session_of_the_admin_is_locked(owner, time_machine):
    client = Client()
    client.force_login(owner)
    new = {"new_password1": "another long passphrase", "new_password2": "another long passphrase"}
    for _ in range(5):
        assert client.post("/admin/password_change/", {**new, "old_password": "x"}).status_code == 200

    locked = client.post("/admin/password_change/", {**new, "old_password": PASSWORD})
    unchanged = User.objects.get().password
    time_machine.shift(15)
    changed = client.post("/admin/password_change/", {**new, "old_password": PASSWORD})

    assert (locked.status_code, locked["Retry-After"], unchanged) == (429, "15", owner.password)
    assert (changed.status_code, User.objects.get().check_password("another long passphrase")) == (302, True)


# --- Other credentials -----------------------------------------------------------------------------------------------


def test_a_right_password_is_no_licence_to_guess_codes(owner):
    answers = []
    for _ in range(6):
        answers += [log_in(address=HERE), code_refused(address=HERE)]

    assert answers == [*["in", "refused"] * 5, 15, 15]


def test_codes_that_are_guessed_from_many_places_do_not_lock_the_password(owner):
    codes = [code_refused(address=stranger(number)) for number in range(6)]

    assert (codes, log_in()) == (["refused"] * 5 + [15], "in")


def test_what_breaks_down_inside_has_counted(owner):
    for number in range(5):
        with (
            pytest.raises(ZeroDivisionError),
            lockout.attempt(email=OWNER, address=stranger(number)),
        ):
            raise ZeroDivisionError

    assert log_in() == 15


def test_inside_a_transaction_which_would_take_the_count_back_there_is_no_attempt(owner):
    with pytest.raises(RuntimeError), transaction.atomic():
        log_in()


@pytest.mark.parametrize("hidden", ["owner", "example.com", HERE])
def test_the_table_does_not_tell_who_was_guessed_at_or_from_where(owner, hidden):
    guess()
    log_in()
    guess()

    keys = list(Counter.objects.values_list("key", flat=True))
    assert (len(keys), [key for key in keys if hidden in key]) == (3, [])


# --- Settings, clocks, caches ----------------------------------------------------------------------------------------


def test_switched_off_nothing_waits_and_nothing_is_counted(owner, settings):
    settings.LOCKOUT_ENABLE = False

    assert (set(guesses(20)), log_in(), Counter.objects.count()) == ({"refused"}, "in", 0)


def test_the_first_delay_and_the_longest_are_settings(owner, settings, time_machine):
    settings.LOCKOUT_FAILURES, settings.LOCKOUT_MAX_SECONDS = 2, 20
    waits = [guesses(3)[-1]]
    for _ in range(2):
        time_machine.shift(waits[-1])
        waits.append(guesses(2)[-1])

    assert waits == [15, 20, 20]


@pytest.mark.parametrize("jump", [-86_400, -300, -59, 300, 86_400])
def test_when_the_clock_jumps_the_owner_is_in_within_five_minutes(owner, jump, time_machine):
    for number in range(10):
        time_machine.shift(240 if number > 4 else 0)
        guess()

    time_machine.shift(jump)
    waited = 0
    while (answer := log_in()) != "in":
        waited += answer
        time_machine.shift(answer)

    assert waited <= 300


def test_it_does_not_matter_whether_redis_is_there(owner, settings):
    away = {"BACKEND": "core.counters.RedisCountersWithFallback", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "counters": away}
    before = guesses(3)
    caches["counters"].get("any")

    assert (before, guesses(3)) == (["refused"] * 3, ["refused", "refused", 15])


# --- What is written down --------------------------------------------------------------------------------------------


def trail() -> list[tuple[str, str, str, dict[str, Any]]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "object_id", "object_name", "facts"))


def test_every_failure_is_in_the_audit_trail_with_the_account_that_was_meant(owner):
    guess()

    assert trail() == [("auth.login_failed", str(owner.pk), str(owner), {})]


def test_of_an_email_that_nobody_has_little_is_kept():
    guess("Someone@Mail.example")

    assert trail() == [("auth.login_failed", "", "s…@mail.example", {})]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("someone@example.com", "s…@example.com"),
        (" someone@mail.example.co.uk ", "s…@mail.example.co.uk"),
        ("a@b@example.com", "a…@example.com"),
        ("my password", "m…"),
        ("p@ssw0rd", "p…"),
        ("p@ssw0rd!.com", "p…"),
        ("@example.com", "e…"),
        ("someone@" + "x" * 300 + ".com", "s…"),
        ("someone@example.com\nforged line", "s…"),
        ("", "…"),
    ],
)
def test_what_somebody_typed_is_masked(typed, kept):
    assert lockout.masked(typed) == kept


def test_a_lock_is_written_down_once_and_what_is_tried_meanwhile_not_at_all(owner, time_machine):
    guesses(100)
    time_machine.shift(15)
    guesses(100)

    assert [(action, facts) for action, _, _, facts in trail()] == [
        *[("auth.login_failed", {})] * 5,
        ("auth.locked", {"means": "password", "account_seconds": 15, "network_seconds": 15}),
        ("auth.login_failed", {}),
        ("auth.locked", {"means": "password", "account_seconds": 30, "network_seconds": 30}),
    ]
    assert {name for action, _, name, _ in trail() if action == "auth.locked"} == {"o…@example.com"}


def test_which_of_them_is_locked_is_written_down_and_not_told(owner):
    for number in range(5):
        guess(address=stranger(number))
    for number in range(5):
        guess(f"nobody{number}@example.com")

    locked = [facts for action, _, _, facts in trail() if action == "auth.locked"]
    assert locked == [{"means": "password", "account_seconds": 15}, {"means": "password", "network_seconds": 15}]
    assert log_in() == log_in(address=ELSEWHERE) == log_in("new@example.com") == 15


# --- Many at once ----------------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("places", [1, 16])
def test_of_sixteen_guesses_at_once_exactly_five_passwords_are_checked(committed, places, monkeypatch):
    make_user(email=OWNER)
    checked = []
    is_right = credentials._is_right

    def slow(user, password):
        checked.append(password)
        time.sleep(0.3)  # so that all are under way before the first has failed
        return is_right(user, password)

    monkeypatch.setattr(credentials, "_is_right", slow)
    places_left = iter(range(16))

    answers = at_once(16, lambda: guess(address=stranger(next(places_left) % places)))

    assert (len(checked), answers.count("refused"), answers.count(15)) == (5, 5, 11)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_after_a_delay_one_of_sixteen_at_once_is_checked(committed, time_machine):
    make_user(email=OWNER)
    guesses(5)
    time_machine.shift(15)

    answers = at_once(16, guess)

    assert (answers.count("refused"), answers.count(30)) == (1, 15)
