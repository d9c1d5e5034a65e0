"""PostgreSQL: which connection is taken for alive without asking, and how long values are packed."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from core.postgresql import base

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def another_connection_afterwards(committed: None) -> Iterator[None]:
    yield
    connection.close()


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the server was asked."""
    asked: list[Any] = []
    execute = psycopg.Cursor.execute

    def remember(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(query)
        return execute(self, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", remember)
    return asked


def heard() -> base.Connection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 2")
    assert isinstance(connection.connection, base.Connection)
    return connection.connection


def end(backend: int) -> None:
    parameters = {name: connection.get_connection_params()[name] for name in ("host", "port", "user", "dbname")}
    with psycopg.connect(**parameters, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [backend])


def test_who_has_just_answered_is_not_asked(questions: list[Any]) -> None:
    heard()
    questions.clear()

    assert connection.is_usable()

    assert questions == []


def test_who_has_been_silent_is_asked(questions: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FRESH_SECONDS", 0.01)
    heard()
    time.sleep(0.02)
    questions.clear()

    assert connection.is_usable()

    assert questions == ["SELECT 1"]


def test_who_has_hung_up_since_is_noticed() -> None:
    there = heard()

    end(there.info.backend_pid)
    time.sleep(0.1)

    assert not there.is_fresh
    assert not connection.is_usable()


def test_who_was_given_up_is_not_alive() -> None:
    there = heard()

    there.close()

    assert not there.is_fresh
    assert not connection.is_usable()


def test_long_values_are_packed_with_lz4_where_the_server_can() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
        known = cursor.fetchone()
        if known is None or not known[0]:
            pytest.skip("this server was built without LZ4")
        cursor.execute("SELECT attrelid::regclass || '.' || attname FROM pg_attribute WHERE attcompression = 'l'")
        packed = {name for (name,) in cursor.fetchall()}

    assert {"content_blogpost.body", "content_revision.values", "delivery_liveentry.detail"} <= packed
