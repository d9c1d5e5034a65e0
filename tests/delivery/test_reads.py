"""Lists against what the database itself would count and sort, through random histories."""

import random
from datetime import timedelta
from itertools import product
from uuid import UUID

import orjson
import psycopg
import pytest
from django.db import connection

from core import clock
from core.ids import uuid7
from delivery import anchors, changes, list_questions, list_sql, projection, questions, reads
from delivery.dialects import Question
from delivery.listings import ORDERINGS, Listing
from delivery.models import LiveEntry, LiveTag, Tally
from tests.delivery.entries import asked, publish, publish_many, wait_until, withdraw

pytestmark = pytest.mark.django_db

FILTERS = [
    {"tag": tag, "author": author, "q": q} for tag, author, q in product(("", "red"), ("", "Desk"), ("", "50%_off"))
]


def expected(listing: Listing) -> tuple[list[str], int]:
    """Titles of the page and the total, by the simplest query there is."""
    rows = LiveEntry.objects.live().filter(kind=listing.kind)
    if listing.tag:
        rows = rows.filter(pk__in=LiveTag.objects.filter(tag=listing.tag).values("entry"))
    if listing.author:
        rows = rows.filter(author=listing.author)
    if listing.q:
        rows = rows.filter(search_text__contains=listing.q)
    sign = "-" if listing.order.is_descending else ""
    ids = rows.order_by(f"{sign}{listing.order.column}", f"{sign}entry_id").values_list("entry_id", flat=True)
    return [str(one) for one in ids[listing.page.start : listing.page.stop]], rows.count()


def found(listing: Listing) -> tuple[list[str], int]:
    answer = reads.listing(listing)
    items = orjson.loads(f"[{','.join(answer.texts)}]")
    return [item["id"] for item in items], answer.total


class History:
    """Entries that are published, scheduled, withdrawn, and overtaken by the moments they were scheduled for."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.ids = [uuid7() for _ in range(12)]
        self.created_at = [clock.now() - timedelta(hours=n // 3) for n in range(12)]  # some are equal

    def go_on(self) -> None:
        number = self.dice.randrange(len(self.ids))
        step = self.dice.choice([self._publish, self._publish, self._schedule, self._pass, self._withdraw])
        step(number)

    def _publish(self, number: int, **more: object) -> None:
        publish(
            self.ids[number],
            title=self.dice.choice(["Plain", "Plain 50%_off", "50 percent", "Éclair"]),
            tags=self.dice.sample(["red", "blue"], self.dice.randint(0, 2)),
            author=self.dice.choice(["", "Desk", "Other"]),
            created_at=self.created_at[number],
            **more,
        )

    def _schedule(self, number: int) -> None:
        self._publish(number, starts_at=clock.now() + timedelta(hours=1))

    def _pass(self, number: int) -> None:
        """Scheduled, and then it is so late; if it was public before, that row is over and still counted."""
        moment = clock.now() + timedelta(milliseconds=5)
        self._publish(number, starts_at=moment)
        wait_until(moment)

    def _withdraw(self, number: int) -> None:
        withdraw(self.ids[number])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_totals_and_pages_are_those_of_a_plain_count_and_sort(seed: int) -> None:
    history = History(seed)
    for _ in range(12):
        for _ in range(4):
            history.go_on()

        for filters in FILTERS:
            one = asked(
                history.dice.randint(1, 3), per_page=3, ordering=history.dice.choice(list(ORDERINGS)), **filters
            )
            assert found(one) == expected(one), one


@pytest.mark.parametrize("rows", [2, 40])
def test_every_ordering_with_every_filter(rows: int) -> None:
    """With two of many the rows that match are sorted, with many of few the ordering is walked along."""
    for number in range(rows):
        publish(uuid7(), title=f"{number % 3} 50%_off", tags=["red"] if number % 4 else [], author="Desk")
    for _ in range(12):
        publish(uuid7(), title="Plain")

    for ordering, filters, page in product(ORDERINGS, FILTERS, (1, 2)):
        one = asked(page, per_page=4, ordering=ordering, **filters)
        assert found(one) == expected(one), one


@pytest.mark.parametrize("seed", [5, 6])
def test_the_tallies_are_what_a_recount_says(seed: int) -> None:
    history = History(seed)
    for _ in range(40):
        history.go_on()
    kept = set(Tally.objects.exclude(rows=0).values_list("kind", "facet", "rows"))

    changes.recount()

    counted = set(Tally.objects.values_list("kind", "facet", "rows"))
    assert {row for row in kept if row[0] == "post"} == {row for row in counted if row[0] == "post"}


def test_the_version_of_a_kind_moves_with_every_change_of_it_and_with_a_rebuild() -> None:
    entry = uuid7()
    publish(entry)
    versions = [reads.listing(asked()).version]
    for change in (lambda: publish(entry, title="Later"), lambda: withdraw(entry), lambda: publish(entry)):
        change()
        versions.append(reads.listing(asked()).version)
    projection.rebuild()
    versions.append(reads.listing(asked()).version)

    assert versions == sorted(set(versions))


def test_a_tag_that_nobody_has_and_a_page_past_the_last_are_empty() -> None:
    publish(uuid7(), tags=["red"])

    assert found(asked(tag="blue")) == ([], 0)
    assert found(asked(2, tag="red")) == ([], 1)
    assert found(asked(99_999_999)) == ([], 1)


def test_a_single_is_found_by_slug_and_by_id_with_the_seconds_it_has_left() -> None:
    entry = uuid7()
    publish(entry)
    publish(entry, starts_at=clock.now() + timedelta(hours=1))

    answers = [reads.single("post", key) for key in (f"post-{entry}", str(entry), str(entry).upper())]

    assert [isinstance(one, questions.Single) and one.entry_id for one in answers] == [entry] * 3
    assert all(3590 < one.changes_in <= 3600 for one in answers)  # type: ignore[union-attr, operator]
    assert reads.single("page", str(entry)) is None


def test_a_redirect_ends_with_the_next_moment_of_its_kind() -> None:
    entry = uuid7()
    publish(entry)
    publish(uuid7(), starts_at=clock.now() + timedelta(hours=1))
    question = questions.moved("post", "never-was")

    moved = question.read(_rows(question))

    assert moved.slug is None
    assert moved.changes_in is not None and 3590 < moved.changes_in <= 3600


def test_the_text_of_a_question_says_nothing_of_who_asks() -> None:
    def texts(tag: str, author: str, q: str, page: int, key: UUID) -> list[str]:
        one = asked(page, tag=tag, author=author, q=q)
        return [list_questions.listing(one, start=None).sql, questions.single("post", str(key)).sql]

    assert texts("red", "Desk", "x", 2, uuid7()) == texts("it's; --", "' OR 1=1", "%", 7, uuid7())


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "live_by_creation"),
        ({"ordering": "updated_at"}, "live_by_update"),
        ({"ordering": "-published_at"}, "live_by_publication"),
        ({"ordering": "title"}, "live_by_title"),
        ({"tag": "red"}, "live_tag_newest_first"),
        ({"author": "Desk"}, "live_by_author"),
    ],
)
def test_a_deep_page_is_skipped_to_on_an_index_alone(filters: dict[str, str], index: str) -> None:
    publish(uuid7())
    question = list_questions.listing(asked(500, **filters), start=None)

    plan = _plan(question)

    is_covered = {"sqlite": f"USING COVERING INDEX {index}", "postgresql": "Index Only Scan"}[connection.vendor]
    assert [line for line in plan if is_covered in line and f"{index}" in line], plan


@pytest.mark.postgres
@pytest.mark.parametrize("is_binary", [False, True])
def test_a_connection_that_prepares_statements_gets_the_same_answers(is_binary: bool) -> None:
    """As the edge's do: values travel apart from the text, with the smallest type that they fit."""
    publish_many([uuid7() for _ in range(250)], at=clock.now(), title="50%_off", tags=["red"], author="Desk")
    publish(uuid7())
    cursor = psycopg.Cursor(connection.connection)

    def prepared(plan: reads.Plan) -> object:
        question = next(plan)
        try:
            while True:
                cursor.execute(question.sql, question.params, prepare=True, binary=is_binary)
                question = plan.send(cursor.fetchall())
        except StopIteration as done:
            return done.value

    for ordering, filters, page in product(
        ("-created_at", "title"), FILTERS, (1, 2, 23, 3_277, 214_748_365, 1_000_000_000)
    ):
        one = asked(page, ordering=ordering, **filters)
        here = reads.listing(one)
        anchors.clear()
        there = prepared(reads.plan_listing(one))
        assert (there.texts, there.total, there.first) == (here.texts, here.total, here.first)  # type: ignore[attr-defined]
    assert prepared(reads.plan_single("post", "never-was")) is None


def _plan(question: Question) -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # so few rows would be read from the table
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
            )
        words = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{words} {question.sql}", question.params)
        return [str(row[-1]) for row in cursor.fetchall()]


def _rows(question: Question) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(question.sql, question.params)
        return cursor.fetchall()


def test_there_are_no_more_texts_than_are_kept() -> None:
    assert list_sql.text.cache_info().maxsize >= 2 * len(ORDERINGS) * 2**3 * 2 * 4
