"""Deep pages: what is remembered of a list is believed only while it is true."""

import random
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction

from core import clock
from core.ids import uuid7
from delivery import anchors, list_questions, reads
from delivery.list_questions import Found
from delivery.listings import Listing, Unchanged
from tests.delivery.entries import asked, publish, publish_many, wait_until, withdraw

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_near(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All pages but the first are deep."""
    for module in ("listings", "list_questions"):
        monkeypatch.setattr(f"delivery.{module}.NEAR", 2)
    anchors.clear()
    yield
    anchors.clear()


def counted(listing: Listing) -> Found:
    """The same page without what is remembered."""
    return reads.follow(_plainly(listing))


def _plainly(listing: Listing) -> reads.Plan[Found]:
    question = list_questions.listing(listing, start=None)
    return question.read((yield question))


def test_a_deep_page_is_entered_where_it_starts_and_the_next_one_where_it_ends() -> None:
    publish_many([uuid7() for _ in range(30)], at=clock.now())
    reads.listing(asked(4, per_page=2))

    same, following = anchors.nearest(asked(4, per_page=2)), anchors.nearest(asked(5, per_page=2))

    assert same is not None and same.offset == 6
    assert following is not None and following.offset == 7
    assert anchors.nearest(asked(3, per_page=2)) is None
    assert anchors.nearest(asked(4, per_page=2, tag="red")) is None
    assert reads.listing(asked(5, per_page=2)).texts == counted(asked(5, per_page=2)).texts


def test_an_anchor_takes_one_query_where_nothing_has_changed_and_two_where_something_has(
    django_assert_num_queries: object,
) -> None:
    publish_many([uuid7() for _ in range(30)], at=clock.now() - timedelta(hours=1))
    deep = asked(8, per_page=2)
    first = reads.listing(deep).texts

    with django_assert_num_queries(1):  # type: ignore[operator]
        again = reads.listing(deep).texts
    publish(uuid7())
    with django_assert_num_queries(2):  # type: ignore[operator]
        moved = reads.listing(deep).texts

    assert again == first
    assert moved == counted(deep).texts != first


def test_a_moment_that_was_scheduled_ends_what_is_remembered() -> None:
    publish_many([uuid7() for _ in range(30)], at=clock.now() - timedelta(hours=1))
    moment = clock.now() + timedelta(milliseconds=150)
    publish(uuid7(), starts_at=moment)
    deep = asked(8, per_page=2)
    before = reads.listing(deep)
    assert clock.now() < moment and anchors.nearest(deep) is not None

    wait_until(moment)
    after = reads.listing(deep)

    assert (after.total, after.version) == (before.total + 1, before.version)
    assert after.texts == counted(deep).texts != before.texts


@pytest.mark.parametrize(
    ("version", "now", "holds"), [(3, 10, True), (3, 19, True), (3, 20, False), (3, 9, False), (4, 15, False)]
)
def test_a_list_is_unchanged_between_two_moments_of_one_version(version: int, now: int, holds: bool) -> None:
    assert Unchanged(3, since=10, until=20).has(version, now) is holds


@pytest.mark.parametrize("seed", range(4))
def test_pages_are_right_whatever_is_published_and_withdrawn_between_them(seed: int) -> None:
    dice = random.Random(seed)
    ids = [uuid7() for _ in range(24)]
    publish_many(ids, at=clock.now(), tags=["red"], author="Desk")
    used = 0

    for _ in range(120):
        if dice.random() < 0.1:
            entry = dice.choice(ids)
            change = dice.choice([withdraw, lambda one: publish(one, tags=["red"], author=dice.choice(["", "Desk"]))])
            change(entry)
        filters = dice.choice([{}, {"tag": "red"}, {"author": "Desk"}, {"tag": "red", "author": "Desk"}])
        page = asked(dice.randint(2, 14), per_page=2, ordering=dice.choice(["-created_at", "title"]), **filters)
        anchor = anchors.nearest(page)
        answer = reads.listing(page)
        used += anchor is not None and anchor.unchanged.has(answer.version, answer.now)

        plain = counted(page)
        assert (answer.texts, answer.total) == (plain.texts, plain.total)

    assert used > 20


def test_the_memory_has_an_end() -> None:
    publish_many([uuid7() for _ in range(120)], at=clock.now(), tags=[f"t{n}" for n in range(60)])
    for page in range(2, 61):
        reads.listing(asked(page, per_page=2))
    for number in range(60):
        reads.listing(asked(2, per_page=2, tag=f"t{number}"))

    lines = list(anchors._lines.values())

    assert len(lines) == anchors.MAX_LINES
    assert all(len(line.places) == len(line.offsets) <= anchors.MAX_ANCHORS for line in lines)
    assert all(line.offsets == sorted(line.places) for line in lines)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_readers_that_share_a_memory_while_somebody_publishes(committed: None) -> None:
    ids = [uuid7() for _ in range(40)]
    publish_many(ids, at=clock.now())
    stop, wrong, read = Event(), [], []

    def write() -> None:
        dice = random.Random(0)
        try:
            while not stop.is_set():
                with transaction.atomic():
                    dice.choice([withdraw, publish])(dice.choice(ids))
        finally:
            connections.close_all()

    def look(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(250):
                page = asked(dice.randint(2, 18), per_page=2)
                with transaction.atomic():
                    connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # one snapshot
                    plain, answer = counted(page), reads.listing(page)
                read.append(answer.version)
                # A statement's moment is a little older than its snapshot: what was published in between is still to
                # come for the first of the two, and has begun for the second.
                time_passed = plain.changes_at is not None and plain.changes_at <= answer.now
                if not time_passed and (plain.texts, plain.total) != (answer.texts, answer.total):
                    wrong.append(page)
        finally:
            connections.close_all()

    readers = [Thread(target=look, args=(seed,)) for seed in range(3)]
    writer = Thread(target=write)
    for one in (writer, *readers):
        one.start()
    for one in readers:
        one.join()
    stop.set()
    writer.join()

    assert wrong == []
    assert (len(read), len(set(read)) > 5) == (750, True)
