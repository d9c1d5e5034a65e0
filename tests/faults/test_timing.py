"""How long an answer takes does not tell whether an account exists."""

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.faults.client import Client
from tests.faults.conftest import StartSite, Tell
from tests.faults.postgres import Cluster
from tests.faults.stitch import EMAIL
from tests.faults.timing import Comparison, compare

TRIES = 200
UNKNOWN = "nobody@example.com"
_numbers = count(1)

Door = Callable[[Client, str], float]


def log_in(client: Client, email: str) -> float:
    answer = client.post("/auth/login", {"email": email, "password": f"not the password {random.random()}"})
    assert answer.status == 401
    return answer.seconds


def register(client: Client, email: str) -> float:
    account = {"email": email, "username": f"name{next(_numbers)}", "password": "a long enough passphrase"}
    answer = client.post("/auth/register", account)
    assert answer.status == 202
    return answer.seconds


def reset(client: Client, email: str) -> float:
    answer = client.post("/auth/password-reset", {"email": email})
    assert answer.status == 202
    return answer.seconds


@pytest.mark.server
@pytest.mark.parametrize("door", [log_in, register, reset])
def test_a_known_and_an_unknown_email_are_answered_in_the_same_time(
    cluster: Cluster, database: str, start_site: StartSite, tmp_path: Path, tell: Tell, door: Door
) -> None:
    """With the hasher of production, with everything on that counts, and mails on their way meanwhile."""
    settings = {"LOCKOUT_FAILURES": 1000, "REGISTRATION": "open", "EMAIL_URL": f"file://{tmp_path}/mails"}
    client = start_site(cluster.url(database), workers=1, settings=settings).visitor
    for email in (EMAIL, UNKNOWN) * 3:
        door(client, email)

    found = compare(lambda: door(client, EMAIL), lambda: door(client, UNKNOWN), times=TRIES)

    tell(f"{found}")
    assert not found.is_telling, str(found)


# --- The measure itself ----------------------------------------------------------------------------------------------


def times(typical: float, noise: float, *, strays: int = 10) -> list[float]:
    """In seconds: most of them near the typical one, some far off, as on a busy machine."""
    chance = random.Random(f"{typical} {noise}")
    usual = [chance.gauss(typical, noise) for _ in range(TRIES - strays)]
    return usual + [typical + chance.random() for _ in range(strays)]


@pytest.mark.parametrize("other", [0.005, 0.125, 0.225, 0.24, 0.275])
def test_a_hash_that_is_left_out_or_cheaper_is_seen(other: float) -> None:
    assert Comparison(times(0.25, 0.01), times(other, 0.0101)).is_telling


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.1])
def test_noise_alone_is_not(noise: float) -> None:
    assert not Comparison(times(0.25, noise), times(0.25, noise * 1.01)).is_telling


def test_the_chance_to_be_slower_is_one_half_for_alike() -> None:
    found = [Comparison(ones, [1.0, 2.0, 3.0]).slower for ones in ([1.0, 2.0, 3.0], [4.0, 5.0], [0.0])]

    assert found == [0.5, 1.0, 0.0]


def test_both_get_their_turns() -> None:
    turns: list[str] = []

    def measure(name: str, seconds: float) -> Callable[[], float]:
        def one() -> float:
            turns.append(name)
            return seconds

        return one

    found = compare(measure("a", 1.0), measure("b", 2.0), times=50)

    assert (found.ones, found.others) == ([1.0] * 50, [2.0] * 50)
    assert all(set(turns[n : n + 2]) == {"a", "b"} for n in range(0, 100, 2))
    assert {tuple(turns[n : n + 2]) for n in range(0, 100, 2)} == {("a", "b"), ("b", "a")}
