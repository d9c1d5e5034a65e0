"""Somebody who guesses passwords and claims to be somebody else with every guess."""

import random
import time

from tests.faults.client import Answer, Client, at_once
from tests.faults.stitch import EMAIL

GUESSES = 36
WINDOW = 60  # seconds, of a rate "…/m"
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Cluster-Client-IP")


def invented() -> dict[str, str]:
    address = ".".join(str(random.randint(1, 223)) for _ in range(4))
    return {
        **dict.fromkeys(FORWARDED, address),
        "Forwarded": f"for={address};proto=https",
        "X-Forwarded-Proto": "https",
    }


def guess(client: Client) -> Answer:
    return client.post("/auth/login", {"email": EMAIL, "password": f"guess {random.random()}"}, invented())


def guesses_until_the_window_ends(port: int) -> int:
    """How many of many guesses, all within one window of the limit, got an answer that is not 429.

    Windows are fixed and start at a second that the address decides: where the edge fell into the guesses, another
    address tries again.
    """
    for host in range(2, 12):
        client = Client(port, source=f"127.0.0.{host}")
        started = time.time()
        answers = at_once(*[lambda: guess(client)] * GUESSES)  # noqa: B023 - they have ended when the loop goes on
        ended = time.time()
        waits = [int(answer.headers["retry-after"]) for answer in answers if answer.status == 429]
        if not waits:
            return len(answers)
        if ended + min(waits) - WINDOW < started and ended < started + min(waits) - 2:
            return len(answers) - len(waits)
    raise AssertionError("Every window ended while the guesses were being made.")
