"""DATABASE_URL in all its forms."""

from pathlib import Path

import pytest

from cms_project import database

BASE = Path("/srv/stitch")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///db.sqlite3", "/srv/stitch/db.sqlite3"),
        ("sqlite:///data/db.sqlite3", "/srv/stitch/data/db.sqlite3"),
        ("sqlite:////data/db.sqlite3", "/data/db.sqlite3"),
        ("sqlite:////data/my%20file.sqlite3", "/data/my file.sqlite3"),
    ],
)
def test_sqlite_files(url: str, name: str) -> None:
    assert database.from_url(url, base=BASE)["NAME"] == Path(name)


def test_sqlite_waits_for_its_turn_and_keeps_what_it_confirmed() -> None:
    options = database.from_url("sqlite:///db.sqlite3", base=BASE)["OPTIONS"]

    assert (options["transaction_mode"], options["timeout"]) == ("IMMEDIATE", 10)
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]


def test_postgresql_with_everything() -> None:
    entry = database.from_url("postgresql://us%40er:p%2Fa%3As@db.example.com:5433/na%20me?sslmode=require", base=BASE)

    assert [entry[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "na me",
        "us@er",
        "p/a:s",
        "db.example.com",
        "5433",
    ]
    assert entry["OPTIONS"]["sslmode"] == "require"


def test_postgresql_gives_up_on_what_hangs() -> None:
    options = database.from_url("postgres://localhost/stitch", base=BASE)["OPTIONS"]

    assert (options["connect_timeout"], options["answer_timeout"]) == (2, 16)
    assert "statement_timeout=15000" in options["options"]


def test_postgresql_by_socket() -> None:
    entry = database.from_url("postgresql:///stitch?host=/var/run/postgresql", base=BASE)

    assert (entry["HOST"], entry["PORT"]) == ("/var/run/postgresql", "")
    assert "host" not in entry["OPTIONS"]


@pytest.mark.parametrize(
    "url", ["mysql://localhost/x", "stitch", "postgresql://localhost", "sqlite://", "sqlite:///:memory:"]
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^it "):
        database.from_url(url, base=BASE)


def test_a_password_with_bare_special_characters_is_not_quoted_back() -> None:
    with pytest.raises(ValueError, match="percent-encoded") as refusal:
        database.from_url("postgresql://user:se:cret/word@localhost/x", base=BASE)

    assert "cret" not in str(refusal.value)
