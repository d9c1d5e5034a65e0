"""Verbs are all or nothing: alone, within others whose errors are caught, and within a request that ends with any."""

from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from core import batch, rows, transactions
from core.models import Counter

pytestmark = pytest.mark.django_db


@transactions.verb
def count(key: str, *, fails: bool = False) -> str:
    rows.insert(Counter(key=key, value=1, expires_at=timezone.now()))
    if fails:
        raise ZeroDivisionError
    return key


def keys() -> list[str]:
    return list(Counter.objects.order_by("key").values_list("key", flat=True))


def test_a_verb_that_fails_leaves_nothing_and_its_caller_goes_on() -> None:
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError):
            count("a", fails=True)
        answer = count("b")

    assert (answer, keys()) == ("b", ["b"])


@pytest.mark.django_db(transaction=True)
def test_a_verb_alone_is_a_transaction() -> None:
    with pytest.raises(ZeroDivisionError):
        count("a", fails=True)

    assert (keys(), connection.in_atomic_block) == ([], False)


def test_a_whole_needs_no_savepoints(django_assert_num_queries: Any) -> None:
    messages = {"postgresql": 3, "sqlite": 4}[connection.vendor]  # the test's own transaction makes it a savepoint

    with django_assert_num_queries(messages), transactions.whole():
        count("a")
        count("b")

    assert keys() == ["a", "b"]


def test_a_whole_ends_with_any_error() -> None:
    def two() -> None:
        with transactions.whole():
            count("a")
            count("b", fails=True)

    with pytest.raises(ZeroDivisionError):
        two()

    assert keys() == []


@pytest.mark.django_db(transaction=True)
def test_whoever_goes_on_after_an_error_within_a_whole_gets_nowhere() -> None:
    def go_on() -> None:
        with transactions.whole():
            with suppress(ZeroDivisionError):
                count("a", fails=True)
            keys()

    with pytest.raises(TransactionManagementError):
        go_on()

    assert keys() == []


def test_after_a_whole_verbs_are_savepoints_again_and_nothing_waits() -> None:
    with transactions.whole():
        count("a")
    with pytest.raises(ZeroDivisionError):
        count("b", fails=True)
    batch.send("UPDATE core_counter SET value = %s", [9])

    assert [(one.key, one.value) for one in Counter.objects.all()] == [("a", 9)]
