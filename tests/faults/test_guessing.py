"""Somebody guesses passwords at every door of several workers, with whatever can be varied about a request."""

import random
from functools import partial

import pytest

from tests.faults.client import Answer, Client, at_once, statuses
from tests.faults.conftest import StartSite, Tell
from tests.faults.guesser import Guesser, in_one_window, is_heard
from tests.faults.postgres import Cluster
from tests.faults.stitch import EMAIL, PASSWORD, Site, manage

pytestmark = pytest.mark.server

AT_ONCE = 40
LIMITED = {"AUTH_RATE": "5/m"}


def guess_with_everything(guesser: Guesser, seed: int) -> list[Answer]:
    """Forty connections at once, several guesses on each; then those that the server did not read, by themselves."""
    requests = guesser.requests(random.Random(seed))
    shares = [requests[number::AT_ONCE] for number in range(AT_ONCE)]
    answers: list[Answer] = []

    def all_of(share: list[bytes]) -> Answer:
        left = share
        while left:
            found = guesser.send(*left)
            assert found, left[0]
            answers.extend(found)
            left = left[len(found) :]
        return answers[-1]

    at_once(*[partial(all_of, share) for share in shares])
    assert len(answers) == len(requests)
    return answers


def guess_from(site: Site, source: str, headers: dict[str, str] | None = None) -> Answer:
    account = {"email": EMAIL, "password": "not the password"}
    return Client(site.port, source=source).post("/auth/login", account, headers)


def checked_passwords(cluster: Cluster, database: str) -> int:
    counted = cluster.ask(
        "SELECT count(*) FROM accounts_auditentry WHERE action = 'auth.login_failed'", database=database
    )
    return int(counted[0][0])


@pytest.fixture(scope="module", autouse=True)
def collected() -> None:
    """The pages of the admin name files that have to be there."""
    manage("collectstatic", "--noinput")


@pytest.mark.parametrize("hops", [0, 1])
def test_whatever_a_guesser_varies_three_workers_together_answer_five_guesses_a_minute(
    cluster: Cluster, database: str, start_site: StartSite, tell: Tell, hops: int
) -> None:
    """``hops``: without a proxy, and behind one, which adds the address that it sees."""
    site = start_site(cluster.url(database), workers=3, settings={**LIMITED, "TRUSTED_PROXY_COUNT": hops})
    seed = random.randrange(10**6)

    def knock(host: int) -> list[Answer]:
        seen = f"203.0.113.{host}" if hops else ""
        return guess_with_everything(Guesser(site.port, host, f"guessed{host}@example.com", proxied=seen), seed)

    answers = in_one_window(knock)

    heard = [answer.status for answer in answers if is_heard(answer)]
    tell(f"seed {seed}: {len(heard)} of {len(answers)} guesses heard ({statuses(answers)})")
    assert len(heard) == 5


def test_beyond_the_limit_the_right_password_opens_no_door_however_it_is_sent(
    cluster: Cluster, database: str, start_site: StartSite, tell: Tell
) -> None:
    site = start_site(cluster.url(database), workers=3, settings={**LIMITED, "LOCKOUT_ENABLE": 0})

    def knock(host: int) -> list[Answer]:
        wrong = at_once(*[partial(guess_from, site, f"127.0.0.{host}")] * 6)
        return [*wrong, *guess_with_everything(Guesser(site.port, host, EMAIL, PASSWORD), host)]

    answers = in_one_window(knock)

    tell(f"{statuses(answers)}")
    assert [answer.status for answer in answers if is_heard(answer)] == [401] * 5


def test_a_guesser_with_as_many_addresses_as_wanted_gets_five_guesses_at_one_account(
    cluster: Cluster, database: str, start_site: StartSite, tell: Tell
) -> None:
    site = start_site(cluster.url(database), workers=3, settings={"TRUSTED_PROXY_COUNT": 1})
    places = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(120)]
    guess = [partial(guess_from, site, "127.0.0.1", place) for place in places]
    at_once(*[lambda: site.visitor.get("/settings")] * 30)  # every worker is warm

    answers = [answer for start in range(0, 120, 20) for answer in at_once(*guess[start : start + 20])]

    tell(f"{statuses(answers)}")
    assert statuses(answers) == {401: 5, 429: 115}
    assert {answer.code for answer in answers if answer.status == 429} == {"too_many_failures"}
    assert all(1 <= int(answer.headers["retry-after"]) <= 15 for answer in answers if answer.status == 429)
    assert checked_passwords(cluster, database) == 5
