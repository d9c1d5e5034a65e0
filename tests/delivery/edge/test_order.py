"""PostgreSQL: the change log is in the order of commits, complete, and so are its notices and tallies."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, transaction

from core.ids import uuid7
from core.postgresql.asynchronous import parameters
from delivery import changes
from delivery.changes import CHANNEL
from delivery.models import Head, Kind, LiveEntry, LiveTag, Tally
from tests.content.factory import make_post
from tests.delivery.edge.holding import held, publish
from tests.factories import make_user

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("committed")]


def counted() -> dict[tuple[str, str], int]:
    """What the tallies should say."""
    found: dict[tuple[str, str], int] = {}
    for row in LiveEntry.objects.filter(kind=Kind.POST):
        for facet in ("", f"author:{row.author}" if row.author else None):
            if facet is not None:
                found[row.kind, facet] = found.get((row.kind, facet), 0) + 1
    for tag in LiveTag.objects.all():
        found[tag.kind, f"tag:{tag.tag}"] = found.get((tag.kind, f"tag:{tag.tag}"), 0) + 1
    return found


def test_positions_follow_commits_and_tallies_stay_exact_under_eight_writers() -> None:
    """Nobody who looks ever sees a position without all those below it; and notices come in that order."""
    writer, is_over, gaps = make_user("admin"), threading.Event(), []
    start = Head.objects.get_or_create(id=1)[0].position

    def write(number: int) -> None:
        chance = random.Random(number)
        try:
            for turn in range(10):
                tags = chance.sample(["red", "green", "blue"], chance.randrange(3))
                with transaction.atomic():
                    make_post(by=writer, title=f"{number} {turn}", tags=tags, author=f"Desk {chance.randrange(3)}")
                    time.sleep(chance.random() * 0.02)
                    if chance.random() < 0.2:
                        transaction.set_rollback(True)
        finally:
            connection.close()

    def watch() -> None:
        with psycopg.connect(**parameters(), autocommit=True) as looking:
            while not is_over.is_set():
                row = looking.execute(
                    "SELECT COUNT(position), COALESCE(MAX(position), 0), COUNT(*),"
                    " (SELECT position FROM delivery_head) FROM delivery_change"
                ).fetchone()
                assert row is not None
                if not (row[0] + start == row[3] and row[1] in (0, row[3]) and row[0] == row[2]):
                    gaps.append(row)

    with psycopg.connect(**parameters(), autocommit=True) as listening:
        listening.execute(f"LISTEN {CHANNEL}")
        watcher = threading.Thread(target=watch)
        watcher.start()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
        is_over.set()
        watcher.join(10)
        heard = [int(one.payload) for one in listening.notifies(timeout=0.5)]

    written = LiveEntry.objects.filter(kind=Kind.POST).count()
    assert (gaps, heard) == ([], list(range(start + 1, start + written + 1)))
    assert 40 < written < 80
    assert {(row.kind, row.facet): row.rows for row in Tally.objects.exclude(rows=0)} == counted()


def test_a_transaction_that_changes_very_much_is_heard_of_in_full() -> None:
    """A notice holds 8,000 bytes."""
    keys = [f"post:{uuid7()}" for _ in range(1_000)]

    with held() as holder:
        publish("post:before")
        publish(*keys)
        publish("post:after")

        assert holder.ended == [["post:before"], keys, ["post:after"]]


@pytest.mark.parametrize("length", [6_990, 6_999, 7_000, 7_001, 7_990, 8_000])
def test_around_the_longest_notice_nothing_is_lost(length: int) -> None:
    with held() as holder:
        publish("x" * length)

        assert [len(key) for key in holder.keys] == [length]


def test_many_changes_in_one_transaction_are_each_heard_of() -> None:
    with held() as holder:
        with transaction.atomic():
            for number in range(300):
                changes.append("post", [f"post:{number}"], {})

        assert holder.keys == [f"post:{number}" for number in range(300)]


def test_what_is_rolled_back_is_never_heard_of() -> None:
    with held() as holder:
        with transaction.atomic():
            changes.append("post", ["post:never"], {})
            transaction.set_rollback(True)
        publish("post:1")

        assert holder.ended == [["post:1"]]
