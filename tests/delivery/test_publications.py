"""Publications: the past never changes, one is open at a time, and time alone makes them visible."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from core import clock
from core.ids import uuid7
from delivery import publications, reads
from delivery.models import LiveEntry, Publication, Slug, SlugState
from delivery.publications import Content
from delivery.questions import Single

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> UUID:
    entry_id = uuid7()
    Slug.objects.create(kind="page", slug="about", state=SlugState.WORKING, entry_id=entry_id)
    return entry_id


def publish(entry: UUID, title: str, *, now: datetime, starts_at: datetime | None = None) -> Publication:
    fields = {"title": title, "body": "", "meta_title": "", "meta_description": "", "og_image_url": ""}
    content = Content(kind="page", entry_id=entry, revision_id=uuid7(), slug="about", fields=fields, created_at=now)
    return publications.go_live(content, by=None, now=now, starts_at=starts_at)


def periods(entry: UUID) -> list[tuple[str, datetime, datetime | None]]:
    rows = Publication.objects.filter(entry_id=entry).order_by("live_from")
    return [(row.content["title"], row.live_from, row.live_until) for row in rows]


def test_publishing_closes_what_was_public(entry: UUID) -> None:
    first = clock.now() - timedelta(hours=2)
    second = first + timedelta(hours=1)

    publish(entry, "One", now=first)
    publish(entry, "Two", now=second)

    assert periods(entry) == [("One", first, second), ("Two", second, None)]
    assert [row.slug for row in LiveEntry.objects.live().filter(entry_id=entry)] == ["about"]


def test_a_schedule_keeps_what_is_public_until_its_moment(entry: UUID) -> None:
    now = clock.now()
    later = now + timedelta(hours=1)
    publish(entry, "One", now=now)

    publish(entry, "Two", now=clock.now(), starts_at=later)

    assert periods(entry) == [("One", now, later), ("Two", later, None)]
    found = reads.single("page", "about")
    assert isinstance(found, Single) and '"One"' in found.detail
    assert found.changes_in is not None and 3590 < found.changes_in <= 3600


def test_a_schedule_that_has_not_started_is_replaced(entry: UUID) -> None:
    now = clock.now()
    publish(entry, "One", now=now)
    publish(entry, "Two", now=clock.now(), starts_at=now + timedelta(hours=1))

    third = publish(entry, "Three", now=clock.now())

    assert [title for title, _, _ in periods(entry)] == ["One", "Three"]
    assert periods(entry)[0][2] == third.live_from


def test_withdrawing_ends_what_is_live_and_takes_back_what_is_to_come(entry: UUID) -> None:
    now = clock.now()
    publish(entry, "One", now=now)
    publish(entry, "Two", now=clock.now(), starts_at=now + timedelta(hours=1))
    end = clock.now()

    publications.withdraw("page", entry, working_slug="about", by=None, now=end)

    assert periods(entry) == [("One", now, end)]
    assert not LiveEntry.objects.filter(entry_id=entry).exists()
    assert Slug.objects.get(slug="about").state == SlugState.WORKING


def test_a_writer_with_an_older_moment_does_not_reach_into_the_past(entry: UUID) -> None:
    newer = clock.now()
    publish(entry, "One", now=newer)

    publish(entry, "Two", now=newer - timedelta(seconds=1))

    assert periods(entry) == [("One", newer, newer), ("Two", newer, None)]


def test_what_the_site_said_at_a_moment_is_one_query(entry: UUID) -> None:
    start = clock.now() - timedelta(days=2)
    publish(entry, "One", now=start)
    publish(entry, "Two", now=start + timedelta(days=1))

    moment = start + timedelta(hours=3)
    then = Publication.objects.get(entry_id=entry, live_from__lte=moment, live_until__gt=moment)

    assert then.content["title"] == "One"


def test_published_at_is_that_of_the_first_publication_that_started(entry: UUID) -> None:
    first = clock.now() - timedelta(hours=1)
    publish(entry, "One", now=first)
    publications.withdraw("page", entry, working_slug="about", by=None, now=clock.now())

    again = publish(entry, "Two", now=clock.now())

    assert again.published_at == first


def test_the_database_holds_the_rules(entry: UUID) -> None:
    now = clock.now()
    open_one = publish(entry, "One", now=now)
    for changes in ({"live_until": now - timedelta(seconds=1)},):
        with pytest.raises(IntegrityError), transaction.atomic():
            Publication.objects.filter(pk=open_one.pk).update(**changes)
    with pytest.raises(IntegrityError), transaction.atomic():
        Publication.objects.create(
            kind="page",
            entry_id=entry,
            revision_id=uuid7(),
            content={},
            entry_created_at=now,
            published_at=now,
            live_from=now,
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Slug.objects.create(kind="page", slug="about", state=SlugState.WORKING, entry_id=uuid7())
    with pytest.raises(IntegrityError), transaction.atomic():
        Slug.objects.create(kind="page", slug="orphan", state=SlugState.OLD)
