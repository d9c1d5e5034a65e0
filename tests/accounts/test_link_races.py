"""Several who follow links at the same moment, on a database where requests really run beside each other."""

import pytest
from django.utils import timezone

from accounts import links, tokens
from accounts.links import Purpose
from accounts.models import TokenFamily, User
from tests.accounts import mailbox
from tests.accounts.at_once import at_once
from tests.conftest import Api
from tests.factories import PASSWORD, make_user, pair_for

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

NEW = "another long passphrase"
EMAIL = "member@example.com"
WANTED = {"email": EMAIL, "username": "member", "password": PASSWORD}


@pytest.fixture(autouse=True)
def is_open(settings):
    settings.REGISTRATION = "open"


def register(**fields):
    return Api().post("/auth/register", {**WANTED, **fields})


def verify(token) -> int:
    return Api().post("/auth/verify-email", {"token": token}).status_code


def confirm(token, password=NEW) -> int:
    return Api().post("/auth/password-reset/confirm", {"token": token, "password": password}).status_code


def log_in(user) -> int:
    return Api().post("/auth/login", {"email": user.email, "password": PASSWORD}).status_code


def test_of_twelve_clicks_at_once_one_makes_the_user(run_jobs):
    register()
    token = mailbox.asked(run_jobs, EMAIL)

    answers = at_once(12, lambda: verify(token))

    assert (sorted(answers), User.objects.count()) == ([204] + [422] * 11, 1)


def test_two_links_for_one_mailbox_at_once_make_one_user(run_jobs):
    for round_ in range(5):
        email = f"member{round_}@example.com"
        tokens = []
        for name in ("one", "two"):
            register(email=email, username=f"{name}{round_}")
            tokens.append(mailbox.asked(run_jobs, email))
        turn = iter(tokens)

        answers = at_once(2, lambda turn=turn: verify(next(turn)))

        assert (sorted(answers), User.objects.filter(email=email).count()) == ([204, 422], 1)


def test_one_username_for_six_mailboxes_at_once_gets_numbers(run_jobs):
    tokens = []
    for number in range(6):
        register(email=f"member{number}@example.com")
        tokens.append(mailbox.asked(run_jobs, f"member{number}@example.com"))
    turn = iter(tokens)

    answers = at_once(6, lambda: verify(next(turn)))

    names = sorted(User.objects.values_list("username", flat=True))
    assert (answers, names) == ([204] * 6, ["member", *(f"member-{n}" for n in range(2, 7))])


def test_of_two_resets_at_once_exactly_one_wins(run_jobs):
    for _ in range(5):
        user = make_user()
        token = links.make(Purpose.RESET_PASSWORD, user.pk, state=links.state_of(user))
        words = ["the first passphrase", "the second passphrase"]
        turn = iter(words)

        def one(turn=turn, token=token) -> tuple[int, str]:
            word = next(turn)
            return confirm(token, word), word

        answers = at_once(2, one)

        won = [word for status, word in answers if status == 204]
        assert (sorted(status for status, _ in answers), len(won)) == ([204, 422], 1)
        assert User.objects.get(pk=user.pk).check_password(won[0])


def test_a_login_beside_a_reset_does_not_outlive_it():
    for _ in range(5):
        user = make_user()
        token = links.make(Purpose.RESET_PASSWORD, user.pk, state=links.state_of(user))
        turn = iter([lambda t=token: confirm(t), lambda u=user: log_in(u)])

        at_once(2, lambda turn=turn: next(turn)())

    assert TokenFamily.objects.alive(timezone.now()).count() == 0


def test_a_reset_beside_the_end_of_all_sessions_happened_before_it_or_not_at_all():
    for _ in range(5):
        user = make_user()
        pair_for(user)
        token = links.make(Purpose.RESET_PASSWORD, user.pk, state=links.state_of(user))
        turn = iter(
            [
                lambda t=token: confirm(t),
                lambda u=user: tokens.revoke_all(User.objects.get(pk=u.pk), now=timezone.now()),
            ]
        )

        answers = at_once(2, lambda turn=turn: next(turn)())

        has_new = User.objects.get(pk=user.pk).check_password(NEW)
        assert has_new is (204 in answers)
        assert User.objects.get(pk=user.pk).token_families.alive(timezone.now()).count() == 0
