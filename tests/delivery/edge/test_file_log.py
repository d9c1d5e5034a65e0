"""SQLite: whoever writes to the file, whichever process, the next look sees it."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import run

import pytest

from delivery.changes import EVERYTHING
from delivery.hearing.log import FileLog

TABLES = """
CREATE TABLE delivery_change (
  id integer PRIMARY KEY, position bigint UNIQUE, keys text NOT NULL, made_at text NOT NULL
);
CREATE TABLE delivery_head (id integer PRIMARY KEY, position bigint NOT NULL);
CREATE TABLE other (x integer);
INSERT INTO delivery_head VALUES (1, 0);
"""


class File:
    """A database file with the log, and somebody who writes to it."""

    def __init__(self, path: Path, *, mode: str = "WAL") -> None:
        self.path = path
        self.writer = sqlite3.connect(path, isolation_level=None)
        self.writer.execute(f"PRAGMA journal_mode={mode}")
        self.writer.executescript(TABLES)

    def change(self, *keys: str) -> None:
        self.writer.execute("BEGIN IMMEDIATE")
        self.change_within(*keys)
        self.writer.execute("COMMIT")

    def change_within(self, *keys: str) -> None:
        self.writer.execute("UPDATE delivery_head SET position = position + 1")
        self.writer.execute(
            "INSERT INTO delivery_change (position, keys, made_at)"
            " SELECT position, ?, hex(randomblob(8)) FROM delivery_head",
            [" ".join(keys)],
        )


class Listening:
    """A log and what it has said."""

    def __init__(self, path: Path) -> None:
        self.ended: list[list[str]] = []
        self.log = FileLog(path, self.ended.append)

    def look(self) -> tuple[bool, list[list[str]]]:
        is_current = self.log.is_current(0.0)
        said, self.ended[:] = list(self.ended), []
        return is_current, said


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    made = File(tmp_path / "db.sqlite3")
    yield made
    made.writer.close()


@pytest.fixture
def listening(file: File) -> Iterator[Listening]:
    made = Listening(file.path)
    yield made
    made.log.close()


def test_what_was_there_before_the_first_look_is_unknown(file: File, listening: Listening) -> None:
    file.change("post:1", "posts")

    assert [listening.look() for _ in range(3)] == [(True, [[EVERYTHING]]), (True, []), (True, [])]


def test_a_change_is_seen_at_the_next_look(file: File, listening: Listening) -> None:
    listening.look()

    for number in range(3):
        file.change(f"post:{number}", "posts")
        assert listening.look() == (True, [[f"post:{number}", "posts"]])
        assert listening.look() == (True, [])


def test_what_is_not_committed_is_not_seen(file: File, listening: Listening) -> None:
    listening.look()
    file.writer.execute("BEGIN IMMEDIATE")
    file.change_within("post:1")

    assert listening.look() == (True, [])
    file.writer.execute("ROLLBACK")
    assert listening.look() == (True, [])
    file.change("post:2")
    assert listening.look() == (True, [["post:2"]])


def test_another_process_is_seen_too(file: File, listening: Listening) -> None:
    listening.look()
    script = f"""
import sqlite3
with sqlite3.connect({str(file.path)!r}) as connection:
    connection.execute("INSERT INTO delivery_change (position, keys, made_at) VALUES (1, 'page:1 pages', 'now')")
    connection.execute("UPDATE delivery_head SET position = 1")
"""

    run([sys.executable, "-c", script], check=True)

    assert listening.look() == (True, [["page:1", "pages"]])


def test_other_writes_to_the_file_end_nothing(file: File, listening: Listening) -> None:
    listening.look()

    file.writer.execute("INSERT INTO other VALUES (1)")

    assert listening.look() == (True, [])


def test_many_changes_are_seen_in_their_order(file: File, listening: Listening) -> None:
    listening.look()
    file.writer.execute("BEGIN IMMEDIATE")
    for number in range(2_500):
        file.change_within(f"post:{number}")
    file.writer.execute("COMMIT")

    is_current, said = listening.look()

    assert (is_current, [key for keys in said for key in keys]) == (True, [f"post:{number}" for number in range(2_500)])


def test_a_log_that_has_forgotten_what_was_missed_ends_everything(file: File, listening: Listening) -> None:
    listening.look()
    for number in range(5):
        file.change(f"post:{number}")
    file.writer.execute("DELETE FROM delivery_change WHERE position < 3")

    assert listening.look() == (True, [[EVERYTHING]])
    file.change("post:9")
    assert listening.look() == (True, [["post:9"]])


def test_a_log_that_has_forgotten_only_what_was_read_goes_on_by_key(file: File, listening: Listening) -> None:
    listening.look()
    for number in range(3):
        file.change(f"post:{number}")
    listening.look()
    file.writer.execute("DELETE FROM delivery_change WHERE position < 3")
    file.change("post:9")

    assert listening.look() == (True, [["post:9"]])


@pytest.mark.parametrize("later", [0, 2, 5])
def test_a_backup_that_was_restored_over_the_file_ends_everything(
    file: File, listening: Listening, tmp_path: Path, later: int
) -> None:
    """With the same positions, perhaps, and another history."""
    file.change("post:1")
    with closing(sqlite3.connect(tmp_path / "backup")) as backup:
        file.writer.backup(backup)
        listening.look()
        for number in range(2):
            file.change(f"lost:{number}")
        listening.look()

        backup.backup(file.writer)
    for number in range(later):
        file.change(f"new:{number}")

    is_current, said = listening.look()
    assert (is_current, said[0]) == (True, [EVERYTHING])


def test_after_a_pause_it_goes_on_where_it_was(file: File, listening: Listening) -> None:
    listening.look()
    listening.log.close()
    file.change("post:1")

    assert listening.look() == (True, [["post:1"]])


@pytest.mark.parametrize(
    "name", ["100% sure.sqlite3", "a#b.sqlite3", "what?mode=memory", "ümlaut ßpace.sqlite3", "%41"]
)
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    file = File(tmp_path / name)
    listening = Listening(file.path)
    with closing(file.writer), closing(listening.log):
        assert listening.look() == (True, [[EVERYTHING]])
        file.change("post:1")
        assert listening.look() == (True, [["post:1"]])


# --- Not current -----------------------------------------------------------------------------------------------------


def test_without_a_file_nothing_is_current_and_none_is_made(tmp_path: Path) -> None:
    listening = Listening(tmp_path / "not-there.sqlite3")

    assert [listening.look(), listening.look()] == [(False, []), (False, [])]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_not_current(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").write_bytes(b"not a database at all, but long enough to look like one " * 100)

    assert Listening(tmp_path / "db.sqlite3").look() == (False, [])


def test_a_database_without_the_log_is_not_current_until_it_has_one(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as writer:
        writer.execute("CREATE TABLE x (y)")
        listening = Listening(tmp_path / "db.sqlite3")
        before = listening.look()
        writer.executescript(TABLES)

        assert (before, listening.look()) == ((False, []), (True, [[EVERYTHING]]))


def test_a_file_that_is_locked_is_not_waited_for(tmp_path: Path) -> None:
    """Without a write-ahead log a writer shuts readers out. The event loop must not stand still for it."""
    file = File(tmp_path / "db.sqlite3", mode="DELETE")
    listening = Listening(file.path)
    with closing(file.writer), closing(listening.log):
        listening.look()
        file.writer.execute("BEGIN EXCLUSIVE")
        file.change_within("post:1")
        during = listening.look()
        file.writer.execute("COMMIT")

        assert (during, listening.look()) == ((False, []), (True, [["post:1"]]))


def test_it_waits_for_no_lock_and_writes_nothing(listening: Listening) -> None:
    listening.look()
    connection = listening.log._connection
    assert connection is not None

    assert connection.execute("PRAGMA busy_timeout").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO other VALUES (1)")


def test_trouble_is_told_once_and_not_with_every_request(
    tmp_path: Path, file: File, caplog: pytest.LogCaptureFixture
) -> None:
    listening = Listening(file.path)
    moved = tmp_path / "moved.sqlite3"

    for _ in range(2):
        listening.look()
        listening.log.close()
        file.path.rename(moved)
        for _ in range(5):
            assert listening.look() == (False, [])
        moved.rename(file.path)
        listening.look()

    assert [one.levelname for one in caplog.records if one.name == "stitch.edge"] == ["WARNING"] * 2
