"""Rows of the projection that are over go, and nothing that anybody may ask tells it."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import background, clock
from core.ids import uuid7
from delivery import anchors, changes, publications, purging, reads, sweeping
from delivery.edge.memory import MIB, Memory
from delivery.models import Change, LiveEntry, LiveTag, Publication, PurgeCursor, Tally
from delivery.publications import Content
from tests.conftest import Api
from tests.delivery.cdn_server import FakeCdn
from tests.delivery.edge.harness import App, Got, Stitch, ask, edge_over, edge_without_memory
from tests.delivery.entries import BARE, asked, publish, publish_many, wait_until, withdraw
from tests.delivery.test_purging import TARGET, fastly
from tests.delivery.test_reads import FILTERS, History, expected, found
from tests.delivery.test_reads_anchors import counted
from tests.delivery.test_reads_cursors import walk

pytestmark = pytest.mark.django_db

LONG_AGO = sweeping.MARGIN + timedelta(minutes=1)
PAGE = {"title": "A page", "body": "", "meta_title": "", "meta_description": "", "og_image_url": ""}


def replaced(*, ago: timedelta = LONG_AGO, kind: str = "post", **fields: Any) -> UUID:
    """An entry whose first publication has been over for so long, since a second one was scheduled for that moment."""
    entry, end = uuid7(), clock.now() - ago
    begin = end - timedelta(hours=1)
    content = Content(
        kind=kind,
        entry_id=entry,
        revision_id=uuid7(),
        slug=f"{kind}-{entry}",
        fields=(PAGE if kind == "page" else BARE | {"title": "A post"}) | fields,
        created_at=begin,
    )
    publications.go_live(content, by=None, now=begin)
    publications.go_live(content, by=None, now=begin, starts_at=end)
    return entry


def sweep_all() -> int:
    """The number of rounds it took."""
    rounds = 1
    while sweeping.sweep():
        rounds += 1
    return rounds


def over() -> set[UUID]:
    """The rows that a sweep is to take."""
    return set(LiveEntry.objects.filter(live_until__lte=clock.now() - sweeping.MARGIN).values_list("pk", flat=True))


def written() -> tuple[set[UUID], Counter[UUID]]:
    """The rows of the projection, and of how many tags they have rows."""
    rows = set(LiveEntry.objects.values_list("pk", flat=True))
    return rows, Counter(LiveTag.objects.values_list("entry_id", flat=True))


def tallies() -> dict[tuple[str, str], int]:
    """Of what there are lists of: nobody asks how many settings there are."""
    return {(row.kind, row.facet): row.rows for row in Tally.objects.exclude(rows=0).exclude(kind="settings")}


def recounted() -> dict[tuple[str, str], int]:
    changes.recount()
    return tallies()


# --- What goes -------------------------------------------------------------------------------------------------------
def test_what_is_over_goes_with_its_tags_and_nothing_else_does() -> None:
    replaced(tags=["red", "blue"], author="Desk")
    replaced(kind="page")
    replaced(ago=sweeping.MARGIN - timedelta(minutes=1), tags=["red"])
    live, withdrawn = uuid7(), uuid7()
    publish(live, tags=["red"])
    publish(live, tags=["blue"], starts_at=clock.now() + timedelta(hours=1))
    publish(withdrawn)
    withdraw(withdrawn)
    rows, tags = written()
    gone, history = over(), list(Publication.objects.order_by("pk").values())

    rounds = sweep_all()

    assert (rounds, len(gone)) == (1, 2)
    assert written() == (rows - gone, Counter({row: number for row, number in tags.items() if row not in gone}))
    assert list(Publication.objects.order_by("pk").values()) == history


def test_an_entry_is_published_and_withdrawn_after_a_sweep_as_ever() -> None:
    entry = replaced(tags=["red"])
    sweeping.sweep()

    publish(entry, tags=["blue"])
    once = tallies()
    withdraw(entry)

    assert [once.get(("post", facet)) for facet in ("", "tag:red", "tag:blue")] == [1, None, 1]
    assert not [facet for kind, facet in tallies() if kind == "post"]


def test_what_is_much_goes_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    for _ in range(5):
        replaced(tags=["red"])

    left = [(sweeping.sweep(), len(over()), tallies()["post", "tag:red"]) for _ in range(4)]

    assert left == [(True, 3, 8), (True, 1, 6), (False, 0, 5), (False, 0, 5)]


def test_a_batch_takes_as_many_queries_as_one_row() -> None:
    numbers = []
    for rows in (1, 3):
        for _ in range(rows):
            replaced(tags=["red", "blue"], author="Desk")
        with CaptureQueriesContext(
            connection,
        ) as captured:
            sweeping.sweep()
        numbers.append(len(captured))

    assert numbers[0] == numbers[1]
    assert not over()


def test_a_server_sweeps_by_itself() -> None:
    assert sweeping.LOOP in background._loops


# --- What is counted -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_totals_pages_and_tallies_stay_exact(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(sweeping, "MARGIN", timedelta())
    monkeypatch.setattr(sweeping, "BATCH", 2)
    history, swept = History(seed), 0
    for entry in history.ids[:8]:
        for _ in range(4):
            history.go_on()
        publish(entry, tags=["red", "blue"], author="Desk")
        moment = clock.now() + timedelta(milliseconds=5)
        publish(entry, tags=["red"], starts_at=moment)
        wait_until(moment)
        questions = [asked(1, per_page=5, **filters) for filters in FILTERS]
        before, were_over = [found(one) for one in questions], len(over())

        sweep_all()

        assert [found(one) for one in questions] == before == [expected(one) for one in questions]
        swept += were_over - len(over())

    kept = tallies()
    assert (swept > 5, kept, over()) == (True, recounted(), set())


def test_the_log_has_a_line_for_a_batch_of_a_kind_that_names_no_key() -> None:
    replaced(tags=["red", "blue"], author="Desk")
    replaced(tags=["red"])
    replaced(kind="page")
    head = changes.head()

    sweep_all()
    sweep_all()

    lines = Change.objects.filter(position__gt=head).order_by("kind")
    assert [(line.kind, line.key_list, line.tallies) for line in lines] == [
        ("page", [], {"": -1}),
        ("post", [], {"": -2, "tag:red": -2, "tag:blue": -1, "author:Desk": -1}),
    ]


# --- What readers have in hand ---------------------------------------------------------------------------------------
async def answers(app: App, paths: list[str]) -> list[Got]:
    return [await ask(app, path) for path in paths]


def test_answers_in_memory_stay_and_stay_true() -> None:
    entries = [replaced(tags=["red"], author="Desk") for _ in range(3)]
    paths = ["/posts", "/posts?tag=red&per_page=2", "/posts?author=Desk&cursor=*", f"/posts/post-{entries[0]}"]
    product, memory = Stitch(), Memory(MIB)
    edge = edge_over(product, memory=memory)
    get = async_to_sync(answers)
    before, head = get(edge, paths), changes.head()

    sweep_all()
    for change in changes.since(head):
        memory.end(change.key_list)
    after, asked_of_django = get(edge, paths), len(product.asked)

    fresh = get(edge_without_memory(product), paths)
    assert (changes.head(), asked_of_django) == (head + 1, len(paths))
    assert [one.comparable for one in before] == [one.comparable for one in after] == [one.comparable for one in fresh]


def test_deep_pages_are_right_after_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("listings", "list_questions"):
        monkeypatch.setattr(f"delivery.{module}.NEAR", 2)
    anchors.clear()
    publish_many([uuid7() for _ in range(20)], at=clock.now(), tags=["red"])
    for _ in range(4):
        replaced(tags=["red"])
    pages = [asked(number, per_page=2, tag=tag) for tag in ("", "red") for number in range(2, 13)]
    before = [reads.listing(page) for page in pages]
    assert anchors.nearest(pages[-1]) is not None

    sweep_all()
    after = [reads.listing(page) for page in pages]

    plain = [counted(page) for page in pages]
    assert [(one.texts, one.total) for one in after] == [(one.texts, one.total) for one in plain]
    assert [(one.texts, one.total) for one in after] == [(one.texts, one.total) for one in before]
    assert {one.version for one in after} == {before[0].version + 1}  # what was remembered before is not believed
    anchors.clear()


@pytest.mark.parametrize("ordering", ["-created_at", "title"])
def test_whoever_walks_by_cursor_meets_everything_once(
    api: Api, monkeypatch: pytest.MonkeyPatch, ordering: str
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 1)
    entries = {str(replaced(tags=["red"])) for _ in range(6)}
    path = f"/posts?tag=red&ordering={ordering}&per_page=1"

    walked = walk(api, path, between=sweeping.sweep)

    assert (len(walked), set(walked)) == (6, entries)
    assert not over()


@pytest.mark.django_db(transaction=True)
def test_a_cdn_is_told_nothing(settings: Any) -> None:
    with FakeCdn().running() as cdn:
        settings.CDN_PURGE = [fastly(cdn.url)]
        replaced()
        told = changes.head()
        PurgeCursor.objects.create(target=TARGET, position=told, free_at=clock.now())

        sweep_all()
        purging.work()

        assert (cdn.requests, PurgeCursor.objects.get().position) == ([], told + 1)
