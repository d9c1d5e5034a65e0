"""On PostgreSQL: what nobody waits for at a COMMIT, and how the trigger that it runs finds its row."""

from typing import Any

import pytest
from django.db import connection

from delivery import changes

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]

KEYS = """
SELECT conrelid::regclass::text, condeferrable, condeferred FROM pg_constraint
WHERE contype = 'f' AND conrelid::regclass::text LIKE 'delivery_%' ORDER BY 1
"""
SCANS = "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'delivery_change'"


def ask(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_the_keys_of_the_projection_are_checked_with_their_rows() -> None:
    assert ask(KEYS) == [("delivery_liveentry", True, False), ("delivery_livetag", True, False)]


def test_positions_are_given_by_index_also_where_the_plan_was_made_for_an_empty_log() -> None:
    changes.append("post", ["post:1"], {})
    ask("ANALYZE delivery_change")  # it has one row, so reading all of it looks cheapest
    [before] = ask(SCANS)

    changes.append("post", ["post:2"], {})

    [after] = ask(SCANS)
    assert (after[0] - before[0], after[1] - before[1] >= 1) == (0, True)
    assert [change.position for change in changes.since(changes.head() - 2)] == [changes.head() - 1, changes.head()]
