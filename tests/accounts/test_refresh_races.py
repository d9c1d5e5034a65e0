"""Several exchanges of one token at once, on a database where requests really run beside each other."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import limits
from accounts.credentials import InvalidCredentials
from accounts.models import TokenFamily, User
from tests.accounts.at_once import at_once
from tests.conftest import Api
from tests.factories import make_user, pair_for

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def all_arrive_first(monkeypatch) -> Callable[[int], None]:
    """``all_arrive_first(8)``: no request goes on from the first step of its view before eight have got there."""

    def expect(times: int) -> None:
        barrier = threading.Barrier(times)
        monkeypatch.setattr(limits, "count", lambda request: barrier.wait(timeout=10))

    return expect


def refresh(raw: str) -> tuple[int, dict[str, Any]]:
    response = Api().post("/auth/refresh", {"refresh_token": raw})
    return response.status_code, response.json()


@pytest.mark.parametrize("times", [2, 8, 16])
def test_of_many_exchanges_at_once_exactly_one_wins_and_the_family_lives(times, all_arrive_first):
    user = make_user()
    raw = pair_for(user).refresh_token

    all_arrive_first(times)
    answers = at_once(times, lambda: refresh(raw))

    won = [body for status, body in answers if status == 200]
    lost = [(status, body["code"]) for status, body in answers if status != 200]
    assert (len(won), lost) == (1, [(401, "already_rotated")] * (times - 1))
    assert user.token_families.get().revoked_at is None
    assert Api().get("/auth/me", token=won[0]["access_token"]).status_code == 200
    all_arrive_first(1)
    assert refresh(won[0]["refresh_token"])[0] == 200


def test_round_after_round_the_winners_token_wins_the_next(all_arrive_first):
    raw = pair_for(make_user()).refresh_token

    for _ in range(10):
        all_arrive_first(4)
        won = [body for status, body in at_once(4, lambda raw=raw: refresh(raw)) if status == 200]
        assert len(won) == 1
        raw = won[0]["refresh_token"]


def test_a_replay_after_the_race_ends_the_family(all_arrive_first):
    raw = pair_for(make_user()).refresh_token
    all_arrive_first(8)
    won = next(body for status, body in at_once(8, lambda: refresh(raw)) if status == 200)

    all_arrive_first(1)
    replay = refresh(raw)

    assert (replay[0], replay[1]["code"]) == (401, "token_reused")
    assert Api().get("/auth/me", token=won["access_token"]).status_code == 401


def test_however_requests_arrive_at_most_one_wins():
    """Nothing is arranged here: who comes after the winner's answer is a replay, and ends the family."""
    raw = pair_for(make_user()).refresh_token

    answers = at_once(8, lambda: refresh(raw))

    assert [status for status, _ in sorted(answers, key=lambda answer: answer[0])] == [200] + [401] * 7


def test_many_replays_at_once_end_the_family_once():
    user = make_user()
    raw = pair_for(user).refresh_token
    refresh(raw)

    answers = at_once(8, lambda: refresh(raw)[1]["code"])

    assert sorted(answers) == ["token_invalid"] * 7 + ["token_reused"]
    assert user.token_families.get().revoked_at is not None


def test_a_logout_during_exchanges_ends_what_they_win():
    raw = pair_for(make_user()).refresh_token
    turn = iter(range(8))

    def exchange_or_log_out() -> tuple[int, dict[str, Any]]:
        if next(turn) == 0:
            return Api().post("/auth/logout", {"refresh_token": raw}).status_code, {}
        return refresh(raw)

    answers = at_once(8, exchange_or_log_out)

    won = [body for status, body in answers if status == 200]
    assert len(won) <= 1
    assert all(Api().get("/auth/me", token=body["access_token"]).status_code == 401 for body in won)


def test_somebody_deactivated_while_an_exchange_waits_for_its_turn_wins_nothing():
    """The exchange has begun and waits for the family; what it then knows of the user must be fresh."""
    user = make_user()
    raw = pair_for(user).refresh_token

    threads = ThreadPoolExecutor(1)
    with transaction.atomic():
        TokenFamily.objects.select_for_update().get()
        waiting = threads.submit(at_once, 1, lambda: refresh(raw))
        _wait_until_somebody_waits_for_a_lock()
        User.objects.update(is_active=False)
    answers = waiting.result(timeout=10)
    threads.shutdown()

    assert [(status, body["code"]) for status, body in answers] == [(401, "token_invalid")]


def test_a_login_that_is_completed_while_the_password_changes_is_refused_or_revoked():
    for _ in range(5):
        changing = make_user()
        checked = User.objects.get(pk=changing.pk)
        changing.set_password("another long passphrase")
        turn = iter([changing.save, lambda checked=checked: _complete(checked)])

        at_once(2, lambda turn=turn: next(turn)())

    assert TokenFamily.objects.alive(timezone.now()).count() == 0


def _complete(checked: User) -> None:
    with contextlib.suppress(InvalidCredentials):
        pair_for(checked)


def _wait_until_somebody_waits_for_a_lock() -> None:
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")
