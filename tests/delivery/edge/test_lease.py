"""PostgreSQL: how long a process may answer from memory, and that it has missed nothing when it may again."""

import threading
import time
from typing import Any

import pytest
from django.db import connection

from core.ids import uuid7
from delivery import changes
from delivery.changes import CHANNEL, EVERYTHING
from delivery.hearing import handover, lease
from delivery.models import Change, Head, Reader
from tests.delivery.edge.holding import Holder, end_backends, held, publish, seconds
from tests.faults.processes import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("committed")]


def test_a_lease_is_renewed_again_and_again() -> None:
    with held() as holder:
        ends, row = [], Reader.objects.get()
        for _ in range(3):
            before = holder.lease.ends_at
            wait_until(lambda: holder.lease.ends_at > before, seconds=3, what="it is renewed")  # noqa: B023
            assert holder.is_current()
            ends.append(holder.lease.ends_at)
        later = Reader.objects.get()

    assert ends == sorted(set(ends))
    assert (later.pk, later.expires_at > row.expires_at) == (holder.lease.id, True)


def test_it_is_believed_for_less_long_than_the_row_says() -> None:
    with held() as holder, connection.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM delivery_reader")
            said, believed = float(cursor.fetchone()[0]), holder.lease.ends_at - time.monotonic()
            assert believed <= said
            time.sleep(0.2)


def test_who_leaves_in_peace_leaves_no_row() -> None:
    with held() as holder:
        assert Reader.objects.count() == 1

    assert (Reader.objects.count(), holder.is_current()) == (0, False)


def test_rows_of_the_long_dead_are_swept() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO delivery_reader VALUES (%s, 0, clock_timestamp() - interval '2 hours'),"
            " (%s, 0, clock_timestamp() - interval '1 minute')",
            [uuid7(), uuid7()],
        )

    with held():
        assert Reader.objects.count() == 2


def test_what_was_there_before_the_lease_is_unknown() -> None:
    publish("post:1")
    holder = Holder()
    holder.start()
    holder.stop()

    assert holder.ended[0] == [EVERYTHING]


def test_a_notice_of_an_own_writer_is_not_looked_into_before_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT", 1.5)
    with held(own=True) as holder:
        wait_for_heartbeat(holder)
        publish("post:1")  # who has never written before may not be known yet
        time.sleep(0.2)
        publish("post:2")
        wait_until(lambda: "post:2" in holder.keys, seconds=1, what="it is told")
        time.sleep(0.3)
        assert holder.keys.count("post:2") == 1

        wait_until(lambda: holder.keys.count("post:2") == 2, seconds=3, what="the heartbeat reads the log")


def test_an_own_writer_who_does_not_tell_is_not_waited_for_until_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to its commit was lost: it does not know that it came through."""
    monkeypatch.setattr(lease, "HEARTBEAT", 1.5)
    with held(own=True) as holder:
        wait_for_heartbeat(holder)
        publish("post:1")
        time.sleep(0.2)
        monkeypatch.setattr(handover, "complete", lambda *_: None)
        monkeypatch.setattr(changes, "_after_commit", [])
        publish("post:2")

        wait_until(lambda: "post:2" in holder.keys, seconds=0.5, what="the log is read")


def test_a_stranger_does_not_wait_behind_own_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT", 1.5)
    with held(own=True) as holder:
        wait_for_heartbeat(holder)
        publish("post:1")
        publish("post:2")
        handover.serve_from(None)  # as another process, which waits for this one
        connection.close()

        assert seconds("post:3") < 0.5
        assert "post:3" in holder.keys


def wait_for_heartbeat(holder: Holder) -> None:
    before = holder.lease.ends_at
    wait_until(lambda: holder.lease.ends_at > before, seconds=4, what="a heartbeat")


# --- Away ------------------------------------------------------------------------------------------------------------


def test_a_connection_that_is_cut_ends_the_lease_until_there_is_another() -> None:
    with held() as holder:
        ends_at = holder.lease.ends_at

        assert end_backends() == 1
        wait_until(lambda: holder.lease.ends_at == 0.0, seconds=2, what="the lease has ended")
        wait_until(holder.is_current, seconds=5, what="the lease is held again")

        assert holder.lease.ends_at > ends_at
        assert holder.ended == []  # nothing was missed, so nothing had to end
        publish("post:1")
        assert holder.ended == [["post:1"]]


def test_what_was_missed_is_caught_up_by_key_before_anything_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, is_away = lease.connect, threading.Event()
    current_at: list[bool] = []

    async def connect_unless_away(**options: Any) -> Any:
        if is_away.is_set():
            raise OSError("no way there")
        return await connect(**options)

    monkeypatch.setattr(lease, "connect", connect_unless_away)
    with held() as holder:
        holder.lease._end = lambda keys: (current_at.append(holder.is_current()), holder.ended.append(keys))  # type: ignore[assignment]
        is_away.set()
        end_backends()
        wait_until(lambda: not holder.is_current(), seconds=3, what="the lease has ended")
        for number in range(3):
            publish(f"post:{number}", "posts")
        assert (holder.ended, holder.is_current()) == ([], False)

        is_away.clear()
        wait_until(holder.is_current, seconds=5, what="the lease is held again")

        assert holder.keys == ["post:0", "posts", "post:1", "posts", "post:2", "posts"]
        assert set(current_at) == {False}


def test_who_was_away_for_longer_than_the_log_reaches_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, is_away = lease.connect, threading.Event()

    async def connect_unless_away(**options: Any) -> Any:
        if is_away.is_set():
            raise OSError("no way there")
        return await connect(**options)

    monkeypatch.setattr(lease, "connect", connect_unless_away)
    with held() as holder:
        publish("post:0")
        is_away.set()
        end_backends()
        wait_until(lambda: not holder.is_current(), seconds=3, what="the lease has ended")
        for number in range(1, 5):
            publish(f"post:{number}")
        Change.objects.filter(position__lt=Head.objects.get().position).delete()

        is_away.clear()
        wait_until(holder.is_current, seconds=5, what="the lease is held again")

        assert EVERYTHING in holder.keys


def test_a_history_that_was_replaced_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup was restored, or a replica took over that had not heard of the last changes: same positions, others."""
    connect, is_away = lease.connect, threading.Event()

    async def connect_unless_away(**options: Any) -> Any:
        if is_away.is_set():
            raise OSError("no way there")
        return await connect(**options)

    monkeypatch.setattr(lease, "connect", connect_unless_away)
    with held() as holder:
        publish("post:kept")
        publish("post:lost")
        is_away.set()
        end_backends()
        wait_until(lambda: not holder.is_current(), seconds=3, what="the lease has ended")
        last = Head.objects.get().position
        Change.objects.filter(position=last).delete()
        Head.objects.update(position=last - 1)
        publish("post:new")
        assert Head.objects.get().position == last
        monkeypatch.setattr(lease, "_SERVER", "SELECT 'another'")

        is_away.clear()
        wait_until(holder.is_current, seconds=5, what="the lease is held again")

        assert EVERYTHING in holder.keys


@pytest.mark.parametrize("payload", ["", "nonsense", "-1 post:1", "7", "99999999999999999999 post:1", "1", "١ post:1"])
def test_a_notice_that_is_not_ours_does_not_end_the_listening(payload: str) -> None:
    """Whoever may connect to the database may send one."""
    with held() as holder:
        publish("post:1")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
        publish("post:2")
        wait_until(holder.is_current, seconds=5, what="the lease is held again")
        publish("post:3")

        assert {"post:1", "post:2", "post:3"} <= set(holder.keys)
        assert holder.keys[-1] in ("post:3", EVERYTHING)


def test_an_error_while_ending_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with held() as holder:
        ended = holder.lease._end
        errors = [RuntimeError("a mistake of ours")]

        def end_or_fail(keys: list[str]) -> None:
            if errors:
                raise errors.pop()
            ended(keys)

        holder.lease._end = end_or_fail
        publish("post:1")
        wait_until(holder.is_current, seconds=5, what="the lease is held again")

        assert holder.keys == ["post:1"]
    assert "a mistake of ours" in caplog.text
