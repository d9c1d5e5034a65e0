"""Recovery codes: good for one login each, for the day on which the device is lost."""

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.utils import timezone

from accounts.factors import recovery, totp
from accounts.models import AuditEntry, TokenFamily
from tests.accounts.at_once import at_once
from tests.accounts.devices import Device, with_app
from tests.accounts.shapes import problem
from tests.accounts.test_passkeys import with_passkey
from tests.accounts.test_second_factor import challenge_for, second
from tests.conftest import Api
from tests.factories import PASSWORD, make_user, token_for

pytestmark = pytest.mark.django_db


def left(api, user) -> int:
    return api.get("/auth/second-factors", token=token_for(user)).json()["recovery_codes_left"]


def test_each_code_logs_in_once_and_its_owner_is_told(api, run_jobs):
    user = make_user()
    _, codes = with_app(user)
    run_jobs()
    mail.outbox.clear()

    first = second(api, challenge_for(api, user), codes[3])
    again = second(api, challenge_for(api, user), codes[3])
    other = second(api, challenge_for(api, user), codes[0])
    run_jobs()

    assert (first.status_code, problem(again), other.status_code) == (200, (401, "second_factor_invalid"), 200)
    assert (left(api, user), user.token_families.count()) == (8, 3)
    assert ["recovery codes was used" in one.body for one in mail.outbox] == [True, True]
    facts = AuditEntry.objects.filter(action="auth.recovery_code_used").order_by("id").values_list("facts", flat=True)
    assert list(facts) == [{"left": 9}, {"left": 8}]


def test_all_ten_are_good_and_nothing_else_is(api, settings):
    settings.LOCKOUT_ENABLE = False
    user = make_user()
    _, codes = with_app(user)

    answers = [second(api, challenge_for(api, user), code).status_code for code in codes]
    more = [second(api, challenge_for(api, user), code).status_code for code in (*codes[:2], "0" * 10)]

    assert (answers, more, left(api, user)) == ([200] * 10, [401] * 3, 0)


def test_somebody_elses_code_is_a_wrong_code(api):
    user, other = make_user(), make_user()
    with_app(user)
    _, codes = with_app(other)

    answer = second(api, challenge_for(api, user), codes[0])

    assert (problem(answer), left(api, other)) == ((401, "second_factor_invalid"), 10)


def test_a_code_may_be_typed_in_groups(api):
    user = make_user()
    _, codes = with_app(user)

    assert second(api, challenge_for(api, user), f"{codes[0][:5]} {codes[0][5:]}").status_code == 200


def test_new_codes_end_the_old_ones(api, run_jobs):
    user = make_user()
    _, old = with_app(user)
    run_jobs()
    mail.outbox.clear()

    answer = api.post("/auth/second-factors/recovery-codes", {"current_password": PASSWORD}, token=token_for(user))
    run_jobs()

    new = answer.json()["recovery_codes"]
    assert (answer.status_code, len(new), set(new) & set(old), left(api, user)) == (200, 10, set(), 10)
    assert problem(second(api, challenge_for(api, user), old[0])) == (401, "second_factor_invalid")
    assert second(api, challenge_for(api, user), new[0]).status_code == 200
    assert len(mail.outbox) == 1


def test_without_a_factor_there_are_no_codes(api):
    user = make_user()

    answer = api.post("/auth/second-factors/recovery-codes", {"current_password": PASSWORD}, token=token_for(user))

    assert (problem(answer), Authenticator.objects.count()) == ((409, "no_second_factor"), 0)


def test_a_second_factor_keeps_the_codes_of_the_first(api):
    user = make_user()
    _, codes = with_app(user)

    _, more = with_passkey(user, Device())
    totp.remove(user, password=PASSWORD, now=timezone.now())

    assert (more, left(api, user)) == ([], 10)
    assert second(api, challenge_for(api, user), codes[0]).status_code == 200


def test_codes_are_never_shown_again(api):
    user = make_user()
    _, codes = with_app(user)

    shown = api.get("/auth/second-factors", token=token_for(user)).content.decode()

    assert [code for code in codes if code in shown] == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_logins_with_one_code_at_once_one_wins(settings):
    settings.LOCKOUT_ENABLE = False
    user = make_user()
    _, codes = with_app(user)
    challenges = [challenge_for(Api(), user) for _ in range(16)]

    answers = at_once(16, lambda: second(Api(), challenges.pop(), codes[0]).status_code)

    assert (sorted(answers), TokenFamily.objects.count(), recovery.left(user)) == ([200] + [401] * 15, 1, 9)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_codes_at_once_each_is_used_up(settings):
    settings.LOCKOUT_ENABLE = False
    user = make_user()
    _, codes = with_app(user)
    pairs = [(challenge_for(Api(), user), code) for code in codes]

    answers = at_once(10, lambda: second(Api(), *pairs.pop()).status_code)

    assert (answers, recovery.left(user)) == ([200] * 10, 0)


def test_a_code_sent_with_a_challenge_that_was_used_is_not_spent(api):
    user = make_user()
    _, codes = with_app(user)
    challenge = challenge_for(api, user)
    second(api, challenge, codes[0])

    again = second(api, challenge, codes[1])

    assert problem(again) == (401, "challenge_invalid")
    assert recovery.left(user) == 9  # of ten
