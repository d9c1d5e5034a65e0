"""Locked doors against guessing: growing delays for accounts and for networks, and never for the owner for long."""

from datetime import timedelta

import pytest

from accounts import credentials, lockout
from accounts.models import User
from core import errors
from tests.accounts.guessing import ELSEWHERE, HERE, OWNER, code_refused, guess, guesses, log_in, stranger
from tests.factories import make_user

pytestmark = pytest.mark.django_db

NOON = "2026-03-01 12:00:00Z"


@pytest.fixture(autouse=True)
def noon(settings, time_machine):
    settings.LOCKOUT_ENABLE, settings.LOCKOUT_FAILURES, settings.LOCKOUT_MAX_SECONDS = True, 5, 240
    time_machine.move_to(NOON, tick=False)


@pytest.fixture
def owner() -> User:
    return make_user("admin", email=OWNER)


# --- The delays ------------------------------------------------------------------------------------------------------


def test_the_sixth_attempt_waits_for_fifteen_seconds_and_then_for_longer_and_longer(owner, time_machine):
    first = guesses(5)

    waits = []
    for _ in range(7):
        wait = guess()
        waits.append(wait)
        time_machine.shift(wait)
        assert guess() == "refused"

    assert (first, waits) == (["refused"] * 5, [15, 30, 60, 120, 240, 240, 240])


@pytest.mark.parametrize("part", [0, 0.25, 0.999999])
def test_whoever_waits_to_the_second_as_long_as_told_is_looked_at_again(owner, part, time_machine):
    time_machine.shift(part)
    guesses(5)
    time_machine.shift(4.5)
    wait = guess()

    time_machine.shift(wait - 1)
    too_early = log_in()
    time_machine.shift(1)

    assert (wait, too_early, log_in()) == (11, 1, "in")


def test_during_a_lock_the_right_password_is_told_nothing(owner):
    guesses(5)

    assert (log_in(), owner.token_families.count()) == (15, 0)


def test_attempts_during_a_lock_are_not_looked_at_and_make_nobody_wait_longer(owner, time_machine, monkeypatch):
    guesses(5)
    monkeypatch.setattr(credentials, "_is_right", None)  # whoever called it would fail

    time_machine.shift(10)
    during = guesses(50)
    monkeypatch.undo()
    time_machine.shift(5)

    assert (set(during), log_in()) == ({5}, "in")


def test_a_success_begins_anew(owner, time_machine):
    guesses(4)
    log_in()
    guesses(4)

    assert log_in() == "in"


def test_an_hour_after_the_last_failure_all_is_forgotten(owner, time_machine):
    guesses(5)
    time_machine.shift(15)
    guess()
    time_machine.shift(3600)

    assert guesses(6) == ["refused"] * 5 + [15]


def test_less_than_an_hour_after_the_last_failure_nothing_is_forgotten(owner, time_machine):
    guesses(4)
    time_machine.shift(3599)

    assert guesses(2) == ["refused", 15]


def test_an_unknown_email_is_locked_like_a_known_one(owner, time_machine):
    known = guesses(6, address=HERE)
    unknown = guesses(6, "nobody@example.com", address=ELSEWHERE)

    assert (known, unknown) == (["refused"] * 5 + [15],) * 2


@pytest.mark.parametrize("spelling", ["OWNER@example.com", " owner@example.com", "owner@EXAMPLE.com\t"])
def test_another_spelling_is_the_same_account(owner, spelling):
    for number in range(5):
        guess(spelling, address=stranger(number))

    assert log_in() == 15


def test_a_password_that_is_too_long_to_be_looked_at_does_not_count(owner):
    for _ in range(6):
        with pytest.raises(errors.Invalid):
            credentials.authenticate(OWNER, "x" * 1025, address=HERE)

    assert log_in() == "in"


# --- Accounts and networks -------------------------------------------------------------------------------------------


def test_an_account_is_locked_wherever_the_attempts_come_from(owner):
    answers = [guess(address=stranger(number)) for number in range(6)]

    assert answers == ["refused"] * 5 + [15]


def test_other_accounts_are_not_locked_with_it(owner):
    for number in range(5):
        guess("nobody@example.com", address=stranger(number))

    assert log_in() == "in"


def test_a_network_is_locked_whatever_the_accounts_and_whoever_is_right(owner, time_machine):
    answers = [guess(f"nobody{number}@example.com") for number in range(5)]

    waits = []
    for number in range(6):
        waits.append(log_in())
        time_machine.shift(waits[-1])
        guess(f"another{number}@example.com")

    assert (answers, waits) == (["refused"] * 5, [15, 30, 60, 120, 240, 240])
    assert log_in(address=ELSEWHERE) == "in"


def test_the_addresses_of_one_ipv6_network_are_one(owner):
    for number in range(5):
        guess(f"nobody{number}@example.com", address=f"2001:db8:0:1::{number}")

    assert (log_in(address="2001:db8:0:1::ff"), log_in(address="2001:db8:0:2::1")) == (15, "in")


def test_visitors_without_an_address_are_one_network(owner):
    for number in range(5):
        guess(f"nobody{number}@example.com", address="")

    assert log_in(address="") == 15


def test_an_account_of_ones_own_does_not_reset_the_network(owner):
    make_user(email="mine@example.com")
    answers = []
    for number in range(5):
        answers.append(guess(f"victim{number}@example.com"))
        answers.append(log_in("mine@example.com"))

    assert answers == [*["refused", "in"] * 4, "refused", 15]


def test_after_a_delay_a_success_of_somebody_else_costs_the_network_nothing(owner, time_machine):
    for number in range(5):
        guess(f"nobody{number}@example.com")
    time_machine.shift(15)

    answers = [log_in(), log_in()]

    assert answers == ["in", "in"]
    assert [guess("nobody@example.com"), log_in()] == ["refused", 30]


def test_people_of_one_office_who_mistype_and_then_get_in_lock_nobody_out():
    for number in range(10):
        make_user(email=f"person{number}@example.com")

    answers = [[guess(email), guess(email), log_in(email)] for email in (f"person{n}@example.com" for n in range(10))]

    assert answers == [["refused", "refused", "in"]] * 10


# --- The owner gets in -----------------------------------------------------------------------------------------------


def test_where_the_owner_has_logged_in_before_strangers_keep_nobody_out(owner, time_machine):
    log_in(address=HERE)
    time_machine.shift(timedelta(days=29).total_seconds())

    for number in range(5):
        guess(address=stranger(number))

    assert (log_in(address=ELSEWHERE), log_in(address=HERE)) == (15, "in")


def test_a_stranger_who_goes_on_for_a_day_keeps_the_owner_out_nowhere_for_more_than_five_minutes(owner, time_machine):
    log_in(address=HERE)
    waited = 0
    for number in range(760):
        answer = guess(address=stranger(number))
        assert log_in(address=HERE) == "in"
        waited += 0 if answer == "refused" else answer
        time_machine.shift(0 if answer == "refused" else answer)
    guess(address=stranger(760))

    from_a_new_place = log_in(address=ELSEWHERE)
    time_machine.shift(from_a_new_place)

    assert (waited > 86_400, from_a_new_place, log_in(address=ELSEWHERE)) == (True, 240, "in")


def test_where_the_owner_has_logged_in_guesses_are_counted_all_the_same(owner, time_machine):
    log_in(address=HERE)

    waits = [guesses(6)[-1]]
    time_machine.shift(15)
    waits += guesses(2)

    assert waits == [15, "refused", 30]


def test_the_owner_at_a_known_place_does_not_reset_what_strangers_have_used_up(owner):
    log_in(address=HERE)
    for number in range(5):
        guess(address=stranger(number))

    log_in(address=HERE)

    assert guess(address=stranger(5)) == 15


def test_a_place_is_known_for_thirty_days_after_the_last_login(owner, time_machine):
    log_in(address=HERE)
    time_machine.shift(timedelta(days=30).total_seconds())

    for number in range(5):
        guess(address=stranger(number))

    assert log_in(address=HERE) == 15


def test_a_new_password_by_mail_lets_the_owner_in_at_once(owner):
    for number in range(5):
        guess(address=stranger(number))

    lockout.forgive("Owner@example.com")

    assert log_in(address=ELSEWHERE) == "in"


def test_with_the_address_of_a_new_password_the_owner_is_known_there(owner):
    for number in range(5):
        guess(address=stranger(number))
    guesses(2, address=ELSEWHERE)

    lockout.forgive(OWNER, address=ELSEWHERE)
    for number in range(5):
        guess(address=stranger(number))

    assert (log_in(address="203.0.113.1"), log_in(address=ELSEWHERE)) == (15, "in")


def test_a_new_password_by_mail_is_no_licence_to_guess_codes_or_other_accounts(owner):
    for number in range(5):
        guess(f"nobody{number}@example.com")
    for number in range(5):
        code_refused(address=stranger(number))

    lockout.forgive(OWNER, address=HERE)

    assert (log_in(address=HERE), code_refused(address=ELSEWHERE)) == (15, 15)
