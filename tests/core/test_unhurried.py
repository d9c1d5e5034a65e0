"""Requests have bounds on the database, commands and migrations have not."""

import pytest
from django.db import OperationalError, connection, transaction

from core.unhurried import unhurried

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_a_statement_of_a_request_is_bounded_and_one_of_a_command_is_not() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "15s"

    with unhurried(), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "0"
        assert connection.connection.patience is None

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "15s"
    assert connection.connection.patience


def test_the_bound_ends_a_statement() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 50")

    with pytest.raises(OperationalError, match="statement timeout"), transaction.atomic():
        sleep(5)
