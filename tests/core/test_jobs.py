"""What leaves the request is done once the change is there, tried again when it fails, and never forgotten."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django_tasks_db.models import DBTaskResult, get_date_max

from core import addresses, background, clock, jobs, observability
from tests.core import errands

RunJobs = Callable[..., int]
READY, RUNNING, DONE, DEAD = "READY", "RUNNING", "SUCCESSFUL", "FAILED"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    errands.seen.clear()
    yield
    errands.seen.clear()


def the_job() -> DBTaskResult:
    return DBTaskResult.objects.get()


def make_due() -> None:
    DBTaskResult.objects.filter(status=READY).update(run_after=clock.now() - timedelta(seconds=1))


def let_leases_lapse() -> None:
    DBTaskResult.objects.filter(status=RUNNING).update(run_after=clock.now() - timedelta(seconds=1))


# --- Written and run ---------------------------------------------------------------------------------------------
def test_a_job_is_one_insert_in_the_running_transaction(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        errands.note.enqueue(what="a letter")

    assert (the_job().status, errands.seen) == (READY, [])


def test_a_job_of_a_change_that_was_rolled_back_never_existed(run_jobs: RunJobs) -> None:
    with suppress(errands.Broken), transaction.atomic():
        errands.note.enqueue(what="a letter")
        raise errands.Broken

    assert (run_jobs(), errands.seen, DBTaskResult.objects.count()) == (0, [], 0)


def test_what_is_due_runs_once_with_its_arguments(run_jobs: RunJobs) -> None:
    errands.note.enqueue(what="a letter")
    errands.note_by_mail.enqueue(what="a parcel")

    assert (run_jobs(), run_jobs()) == (2, 0)
    assert errands.seen == ["a letter", "a parcel"]
    assert set(DBTaskResult.objects.values_list("status", flat=True)) == {DONE}


def test_what_a_job_enqueues_runs_as_well(run_jobs: RunJobs) -> None:
    errands.note_and_send_on.enqueue(what="a letter")

    assert run_jobs() == 2
    assert errands.seen == ["a letter", "a letter, sent on"]


def test_a_worker_takes_from_its_own_queue_alone() -> None:
    errands.note.enqueue(what="a letter")
    errands.note_by_mail.enqueue(what="a parcel")

    assert (jobs.work("mail"), jobs.work("mail"), errands.seen) == (True, False, ["a parcel"])


@pytest.mark.parametrize("value", [object(), {1, 2}, timezone.now()])
def test_what_json_does_not_know_is_refused_where_it_is_enqueued(value: object) -> None:
    with pytest.raises(TypeError):
        errands.note.enqueue(what=value)

    assert DBTaskResult.objects.count() == 0


def test_arguments_have_names() -> None:
    with pytest.raises(TypeError):
        errands.note.enqueue("a letter")


def test_a_queue_that_nobody_works_for_is_refused_when_the_job_is_declared() -> None:
    with pytest.raises(Exception, match="Queue 'post' is not valid"):
        jobs.job(queue="post")(errands.note.func)


@pytest.mark.parametrize(("queue", "job"), [("default", errands.note), ("mail", errands.note_by_mail)])
def test_the_commit_wakes_the_worker_of_the_queue(
    queue: str, job: jobs.Job, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(background, "wake", woken.append)

    with django_capture_on_commit_callbacks(execute=True):
        job.enqueue(what="a letter")
        before = list(woken)

    assert (before, woken) == ([], [f"jobs.{queue}"])


def test_a_job_may_be_put_off(run_jobs: RunJobs) -> None:
    errands.note.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(what="later")

    assert run_jobs() == 0
    make_due()
    assert (run_jobs(), errands.seen) == (1, ["later"])


def test_log_lines_of_a_job_carry_its_id_and_no_clients_address(run_jobs: RunJobs) -> None:
    errands.tell_who_i_am.enqueue()
    pk = str(the_job().pk)
    request_id, address = (
        observability.request_id_var.set("a request"),
        addresses.client_address_var.set("192.0.2.7"),
    )

    run_jobs()

    assert errands.seen == [(pk, pk, "")]
    assert (jobs.current_id(), observability.request_id_var.get()) == (None, "a request")
    observability.request_id_var.reset(request_id)
    addresses.client_address_var.reset(address)


def test_an_idle_worker_asks_one_question_and_locks_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as asked:
        jobs.work("mail")

    assert asked.captured_queries[0]["sql"].startswith("SELECT")


# --- Failing -----------------------------------------------------------------------------------------------------
def test_a_job_that_fails_runs_again_after_a_pause(run_jobs: RunJobs, caplog: pytest.LogCaptureFixture) -> None:
    errands.fail.enqueue(what="a letter")

    run_jobs(failing=True)
    first = the_job()
    make_due()
    run_jobs(failing=True)
    second = the_job()

    assert errands.seen == ["a letter", "a letter"]
    assert [(row.status, len(row.worker_ids)) for row in (first, second)] == [(READY, 1), (READY, 2)]
    assert 3 < (first.run_after - clock.now()).total_seconds() < 7
    assert 14 < (second.run_after - clock.now()).total_seconds() < 26
    assert (first.exception_class_path, "it is broken" in first.traceback) == ("tests.core.errands.Broken", True)
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * 2
    assert "second line" not in caplog.text and "Traceback" not in caplog.text


def test_a_job_whose_attempts_are_used_up_is_dead_and_kept_and_told(
    run_jobs: RunJobs, caplog: pytest.LogCaptureFixture
) -> None:
    errands.fail.enqueue(what="a letter")

    for _ in range(5):
        run_jobs(failing=True)
        make_due()

    assert len(errands.seen) == 3
    assert (the_job().status, list(jobs.dead())) == (DEAD, [the_job()])
    assert [one.message for one in caplog.records if one.levelno == logging.ERROR] == [
        f"Job tests.core.errands.fail {the_job().pk} (attempt 3 of 3) is dead: Broken: it is broken"
    ]


def test_what_no_try_can_mend_is_tried_once(run_jobs: RunJobs) -> None:
    errands.give_up.enqueue()

    run_jobs(failing=True)

    assert (the_job().status, len(the_job().worker_ids)) == (DEAD, 1)


def test_eight_attempts_outlast_an_hour_even_with_the_shortest_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs.random, "uniform", lambda low, high: low)

    pauses = [jobs.pause(attempt).total_seconds() for attempt in range(1, jobs.ATTEMPTS)]

    assert pauses[0] < 6
    assert (len(pauses) + 1 >= 5, sum(pauses) >= 3600) == (True, True)
    assert jobs.pause(50) < timedelta(hours=6)


def test_pauses_differ_so_that_not_all_come_back_at_once() -> None:
    pauses = {jobs.pause(3) for _ in range(20)}

    assert len(pauses) == 20
    assert all(timedelta(seconds=60) <= one <= timedelta(seconds=100) for one in pauses)


def test_a_job_that_this_version_does_not_know_waits_for_the_next(run_jobs: RunJobs) -> None:
    errands.note.enqueue(what="a letter")
    DBTaskResult.objects.update(task_path="tests.core.errands.of_the_next_version")

    run_jobs(failing=True)
    DBTaskResult.objects.update(task_path="tests.core.errands.note")
    make_due()
    run_jobs()

    assert errands.seen == ["a letter"]


def test_a_path_that_is_no_job_is_not_called(run_jobs: RunJobs) -> None:
    errands.note.enqueue(what="a letter")
    DBTaskResult.objects.update(task_path="os.getcwd")

    run_jobs(failing=True)

    assert (the_job().status, the_job().exception_class_path) == (
        READY,
        "django.core.exceptions.SuspiciousOperation",
    )


def test_a_dead_job_can_be_given_another_life(run_jobs: RunJobs) -> None:
    errands.give_up.enqueue()
    run_jobs(failing=True)
    DBTaskResult.objects.update(task_path="tests.core.errands.tell_who_i_am")

    revived = jobs.revive(jobs.dead())

    assert (revived, run_jobs(), len(errands.seen), the_job().status) == (1, 1, 1, DONE)


def test_only_the_dead_are_given_another_life(run_jobs: RunJobs) -> None:
    errands.note.enqueue(what="a letter")
    run_jobs()

    assert (jobs.revive(DBTaskResult.objects.all()), run_jobs(), len(errands.seen)) == (0, 0, 1)


# --- Workers that die --------------------------------------------------------------------------------------------
def claimed() -> DBTaskResult:
    """As a worker leaves it that is killed in the midst of it."""
    row = jobs._claim(None)
    assert row is not None
    return row


def test_a_job_whose_worker_is_alive_is_left_alone(run_jobs: RunJobs) -> None:
    errands.note.enqueue(what="a letter")
    claimed()

    jobs.look_after_leases()

    assert (run_jobs(), the_job().status) == (0, RUNNING)
    assert 20 < (the_job().run_after - clock.now()).total_seconds() <= 30


def test_a_job_whose_worker_is_silent_runs_again(run_jobs: RunJobs) -> None:
    errands.note.enqueue(what="a letter")
    claimed()

    let_leases_lapse()
    jobs.look_after_leases()

    assert (run_jobs(), errands.seen, len(the_job().worker_ids)) == (1, ["a letter"], 2)


def test_a_lease_and_the_look_after_it_are_over_within_a_minute() -> None:
    assert jobs.LEASE.total_seconds() + jobs.RENEW_SECONDS + 2 * jobs.POLL_SECONDS < 60
    assert jobs.LEASE.total_seconds() > jobs.RENEW_SECONDS * 2


def test_a_job_that_takes_long_keeps_its_lease() -> None:
    errands.note.enqueue(what="a letter")
    row = claimed()
    let_leases_lapse()

    with jobs._leased(row):
        jobs.look_after_leases()

    assert (the_job().status, the_job().run_after > clock.now()) == (RUNNING, True)


def test_a_job_that_hangs_loses_it() -> None:
    errands.note.enqueue(what="a letter")
    row = claimed()
    row.started_at = clock.now() - jobs.LONGEST_RUN
    row.save()
    let_leases_lapse()

    with jobs._leased(row):
        jobs.look_after_leases()

    assert the_job().status == READY


def test_who_has_lost_the_lease_notes_nothing(run_jobs: RunJobs, caplog: pytest.LogCaptureFixture) -> None:
    errands.note.enqueue(what="a letter")
    slow = claimed()
    let_leases_lapse()
    jobs.look_after_leases()
    quick = claimed()

    jobs._note(slow, errands.Broken())

    assert (the_job().status, the_job().started_at) == (RUNNING, quick.started_at)
    assert "given to another worker" in caplog.text


def test_a_job_that_kills_its_workers_is_dead_in_the_end(run_jobs: RunJobs) -> None:
    errands.fail.enqueue(what="a letter")
    for _ in range(3):
        claimed()
        let_leases_lapse()
        jobs.look_after_leases()

    run_jobs(failing=True)

    assert (errands.seen, the_job().status) == ([], DEAD)
    assert the_job().exception_class_path == "core.jobs.WorkerLost"


# --- Afterwards --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("job", "days", "left"),
    [(errands.note, 6, 1), (errands.note, 8, 0), (errands.give_up, 29, 1), (errands.give_up, 31, 0)],
)
def test_what_is_finished_is_deleted_after_a_time(run_jobs: RunJobs, job: jobs.Job, days: int, left: int) -> None:
    job.enqueue(**({"what": "a letter"} if job is errands.note else {}))
    run_jobs(failing=True)
    DBTaskResult.objects.update(finished_at=F("finished_at") - timedelta(days=days))

    jobs.prune()

    assert DBTaskResult.objects.count() == left


def test_what_waits_is_never_deleted(settings: Any) -> None:
    settings.JOBS_KEEP_DAYS = 1
    errands.note.enqueue(what="a letter")
    DBTaskResult.objects.update(enqueued_at=clock.now() - timedelta(days=400))

    assert (jobs.prune(), the_job().run_after) == (0, get_date_max())


# --- Several workers ---------------------------------------------------------------------------------------------
@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_workers_each_job_has_one(committed: None) -> None:
    for number in range(120):
        errands.note.enqueue(what=str(number))

    def until_empty(_: int) -> int:
        ran = 0
        while jobs.run_next() is not None:
            ran += 1
        connection.close()
        return ran

    with ThreadPoolExecutor(8) as workers:
        counts = list(workers.map(until_empty, range(8)))

    assert sum(counts) == 120
    assert sorted(errands.seen, key=int) == [str(number) for number in range(120)]
    assert all(len(row.worker_ids) == 1 for row in DBTaskResult.objects.all())
