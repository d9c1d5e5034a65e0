"""The change log forgets from its beginning on, so that whoever missed something is told."""

from datetime import timedelta

import pytest

from core import clock
from delivery import changes
from delivery.models import Change

pytestmark = pytest.mark.django_db

YOUNG = timedelta()
OLD = changes.KEPT_FOR + timedelta(minutes=1)


def log(*ages: timedelta) -> list[int | None]:
    """A log of changes alone that were begun so long ago, in the order of their commits; their positions."""
    Change.objects.all().delete()
    for age in ages:
        changes.append("post", ["posts"], {}, now=clock.now() - age)
    return positions()


def positions() -> list[int | None]:
    return list(Change.objects.order_by("position").values_list("position", flat=True))


@pytest.mark.parametrize(
    ("ages", "forgotten"),
    [
        ([], 0),
        ([OLD], 0),
        ([OLD, OLD, OLD], 2),
        ([YOUNG, YOUNG], 0),
        ([OLD, OLD, YOUNG, YOUNG], 2),
        ([OLD, YOUNG, OLD, YOUNG], 1),
        ([YOUNG, OLD, OLD], 0),
    ],
)
def test_what_is_old_is_forgotten_up_to_the_first_that_is_young_and_the_last_stays(
    ages: list[timedelta], forgotten: int
) -> None:
    before = log(*ages)

    deleted = changes.forget()

    assert (deleted, positions()) == (forgotten, before[forgotten:])


def test_a_reader_misses_nothing_that_a_long_transaction_has_committed_late() -> None:
    """It began two days ago, and has the later position."""
    read, _, _ = log(YOUNG, OLD, YOUNG)
    assert read is not None

    changes.forget()

    missed = changes.forgotten_up_to() > read
    assert missed or [change.position for change in changes.since(read)] == [read + 1, read + 2]


def test_whoever_has_not_read_what_is_forgotten_is_told() -> None:
    first, second, third = log(OLD, OLD, YOUNG)
    assert first is not None

    changes.forget()

    assert (changes.forgotten_up_to(), second, third) == (first + 1, first + 1, changes.head())
