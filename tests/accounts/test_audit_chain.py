"""The chain of seals: whoever changes, removes, inserts or reorders a sealed row is found out, at the right place."""

import threading
import time
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts import audit
from accounts.models import AuditEntry
from core import background
from tests.accounts.at_once import at_once

pytestmark = pytest.mark.django_db


def fill(number: int = 5) -> list[AuditEntry]:
    for n in range(number):
        audit.record("group.updated", by=None, object_id=n, changes={"n": (n, n + 1)}, facts={"text": "ä€𝄞"})
    audit.seal()
    return sealed()


def sealed() -> list[AuditEntry]:
    return list(AuditEntry.objects.exclude(position=None).order_by("position"))


def tamper(statement: str, *values: object) -> None:
    """As somebody who owns the database: without the trigger."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER USER")


# --- Sealing -------------------------------------------------------------------------------------------------------


def test_rows_are_sealed_in_order_without_a_gap(monkeypatch):
    monkeypatch.setattr(audit, "BATCH", 2)

    rows = fill(5)
    more = fill(2)

    assert [row.position for row in more] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.object_id for row in rows] == ["0", "1", "2", "3", "4"]
    assert len({row.hash for row in more}) == 7


def test_each_seal_comes_from_the_one_before():
    rows = fill(3)

    before = audit.GENESIS
    for row in rows:
        assert row.hash == audit.digest_of(row, after=before)
        before = row.hash


def test_sealing_says_how_many_and_nothing_to_seal_is_one_look(django_assert_num_queries):
    audit.record("group.updated", by=None)

    first = audit.seal()
    with django_assert_num_queries(1):
        second = audit.seal()

    assert (first, second) == (1, 0)


def test_a_seal_covers_everything_that_a_row_says():
    (row,) = fill(1)
    digest = audit.digest_of(row, after=audit.GENESIS)
    others = {"position", "hash"}

    changed = set()
    for field in AuditEntry._meta.fields:
        copy = AuditEntry.objects.get()
        setattr(copy, field.attname, "another")
        if audit.digest_of(copy, after=audit.GENESIS) != digest:
            changed.add(field.attname)

    assert changed == {field.attname for field in AuditEntry._meta.fields} - others


def test_a_server_seals_by_itself():
    assert audit.LOOP in background._loops


# --- Verifying -----------------------------------------------------------------------------------------------------


def test_a_chain_that_nobody_touched_holds():
    rows = fill(5)
    audit.record("group.updated", by=None)

    verdict = audit.verify()

    assert (verdict.sealed, verdict.unsealed, verdict.broken_at, verdict.reason) == (5, 1, None, "")
    assert (verdict.head, verdict.has_expected) == (rows[-1].hash, True)


def test_an_empty_trail_holds():
    assert audit.verify() == audit.Verdict(0, 0, None, "", "", has_expected=True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "group.deleted"),
        ("at", "2026-01-01 00:00:00"),
        ("actor_name", "somebody"),
        ("actor_id", "01938c7e6f107b528f0e2d9c41a7e6b3"),
        ("object_id", "7"),
        ("changes", "{}"),
        ("facts", '{"text": "b"}'),
        ("address", "192.0.2.9"),
        ("request_id", "x"),
        ("hash", "0" * 64),
    ],
)
def test_a_changed_row_is_found_where_it_stands(column, value):
    rows = fill(5)

    tamper(f"UPDATE accounts_auditentry SET {column} = %s WHERE position = 3", value)

    verdict = audit.verify()
    assert (verdict.broken_at, verdict.sealed, verdict.head) == (3, 2, rows[1].hash)
    assert f"id {rows[2].pk}" in verdict.reason


def test_a_changed_row_with_a_fitting_seal_is_found_at_the_next():
    rows = fill(5)
    rows[2].action = "group.deleted"
    digest = audit.digest_of(rows[2], after=rows[1].hash)

    tamper("UPDATE accounts_auditentry SET action = 'group.deleted', hash = %s WHERE position = 3", digest)

    assert audit.verify().broken_at == 4


@pytest.mark.parametrize("position", [1, 3])
def test_a_deleted_row_is_missed(position):
    fill(5)

    tamper("DELETE FROM accounts_auditentry WHERE position = %s", position)

    verdict = audit.verify()
    assert (verdict.broken_at, verdict.reason) == (position, f"Row {position} is missing.")


def test_a_deleted_row_is_missed_although_the_others_moved_up():
    fill(5)
    tamper("DELETE FROM accounts_auditentry WHERE position = 3")

    for position in (4, 5):
        tamper("UPDATE accounts_auditentry SET position = %s WHERE position = %s", position - 1, position)

    assert audit.verify().broken_at == 3


def test_swapped_rows_are_found():
    fill(5)

    for old, new in ((2, 99), (4, 2), (99, 4)):
        tamper("UPDATE accounts_auditentry SET position = %s WHERE position = %s", new, old)

    assert audit.verify().broken_at == 2


def test_an_inserted_row_is_found():
    fill(5)
    for position in (5, 4, 3):
        tamper("UPDATE accounts_auditentry SET position = %s WHERE position = %s", position + 1, position)
    audit.record("group.created", by=None)

    tamper("UPDATE accounts_auditentry SET position = 3, hash = %s WHERE action = 'group.created'", "a" * 64)

    assert audit.verify().broken_at == 3


def test_a_row_before_the_first_is_found():
    fill(2)
    audit.record("group.created", by=None)

    tamper("UPDATE accounts_auditentry SET position = 0, hash = %s WHERE action = 'group.created'", "a" * 64)

    verdict = audit.verify()
    assert (verdict.broken_at, "no place" in verdict.reason) == (1, True)


def test_a_row_whose_seal_was_taken_off_is_missed():
    fill(5)

    tamper("UPDATE accounts_auditentry SET position = NULL, hash = '' WHERE position = 4")
    audit.seal()

    assert audit.verify().broken_at == 4


def test_what_was_cut_off_at_the_end_is_missed_by_whoever_noted_the_newest_seal():
    rows = fill(5)

    tamper("DELETE FROM accounts_auditentry WHERE position > 3")

    alone, held = audit.verify(), audit.verify(expected=rows[-1].hash)
    assert (alone.broken_at, alone.has_expected) == (None, True)
    assert (held.broken_at, held.has_expected) == (None, False)


def test_a_chain_that_was_made_anew_does_not_have_the_noted_seal():
    rows = fill(5)
    tamper("UPDATE accounts_auditentry SET position = NULL, hash = ''")
    tamper("UPDATE accounts_auditentry SET action = 'group.deleted' WHERE id = %s", rows[2].pk)
    audit.seal()

    assert (audit.verify().broken_at, audit.verify(expected=rows[-1].hash).has_expected) == (None, False)


@pytest.mark.parametrize("position", [1, 3, 5])
def test_an_older_seal_is_still_in_the_chain(position):
    rows = fill(5)

    assert audit.verify(expected=rows[position - 1].hash).has_expected


# --- The command ---------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_holds_and_the_newest_seal():
    rows = fill(3)
    audit.record("group.updated", by=None)

    said = run("verify", "--head", f" {rows[0].hash.upper()} ")

    assert said == f"3 sealed rows hold, 1 wait for their seal.\nNewest seal: {rows[-1].hash}\n"


def test_the_command_seals():
    audit.record("group.updated", by=None)

    assert (run("seal"), run("seal")) == ("Sealed 1 rows.\n", "Sealed 0 rows.\n")


def test_the_command_names_the_first_broken_row_and_fails():
    rows = fill(3)
    tamper("UPDATE accounts_auditentry SET action = 'x' WHERE position >= 2")

    with pytest.raises(CommandError, match=f"Row 2 \\(id {rows[1].pk}, x\\) is not what was sealed.") as failed:
        run("verify")

    assert failed.value.returncode == 1


def test_the_command_fails_without_the_noted_seal():
    fill(3)

    with pytest.raises(CommandError, match="not in the chain") as failed:
        run("verify", "--head", "0" * 64)

    assert failed.value.returncode == 1


@pytest.mark.parametrize("head", ["x", "0" * 63, "g" * 64])
def test_the_command_takes_nothing_for_a_seal_that_is_none(head):
    with pytest.raises(CommandError, match="hexadecimal"):
        run("verify", "--head", head)


# --- Several at once -----------------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_writers_and_three_sealers_make_one_chain():
    writers, each, stop = 8, 25, threading.Event()

    def write() -> None:
        for n in range(each):
            with transaction.atomic():
                audit.record("group.updated", by=None, object_id=n)
                time.sleep(0.001 * (n % 4))  # commits do not come in the order of the ids

    def run_sealer() -> None:
        while not stop.is_set():
            audit.seal()
            time.sleep(0.002)

    def sealer() -> None:
        try:
            run_sealer()
        finally:
            connection.close()

    sealers = [threading.Thread(target=sealer) for _ in range(3)]
    for thread in sealers:
        thread.start()
    at_once(writers, write)
    stop.set()
    for thread in sealers:
        thread.join()
    audit.seal()

    verdict = audit.verify()
    assert (verdict.sealed, verdict.unsealed, verdict.reason) == (writers * each, 0, "")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_writer_waits_for_no_sealer_and_a_sealer_for_no_writer():
    fill(3)
    audit.record("group.updated", by=None)

    with transaction.atomic():
        assert audit._seal_some() == 1  # and holds on to the chain until the end of this block
        took = timed(lambda: audit.record("group.updated", by=None))
        other_sealer = at_once(1, audit.seal)
    with transaction.atomic():
        audit.record("group.updated", by=None)  # not committed while the others seal
        sealed_meanwhile = at_once(1, audit.seal)

    assert (took < 1, other_sealer, sealed_meanwhile) == (True, [0], [1])
    assert (audit.seal(), audit.verify().reason) == (1, "")


def timed(action: Callable[[], None]) -> float:
    start = time.monotonic()
    at_once(1, action)
    return time.monotonic() - start


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_sealer_that_dies_in_the_midst_leaves_nothing_half_done(monkeypatch):
    fill(2)
    for _ in range(5):
        audit.record("group.updated", by=None)
    real, calls = audit.digest_of, []

    def die(entry, *, after):
        calls.append(entry)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(entry, after=after)

    monkeypatch.setattr(audit, "digest_of", die)
    with pytest.raises(KeyboardInterrupt):
        audit.seal()
    monkeypatch.undo()

    assert audit.verify().sealed == 2
    assert (at_once(1, audit.seal), audit.verify().sealed) == ([5], 7)
