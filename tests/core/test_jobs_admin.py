"""The page of jobs in the admin, and the command beside it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from tests.core import errands
from tests.factories import make_user

RunJobs = Callable[..., int]
LIST = "/admin/django_tasks_database/dbtaskresult/"

pytestmark = pytest.mark.django_db


def desk_of(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def page(client: Client, path: str = LIST) -> tuple[int, str]:
    answer = client.get(path)
    return answer.status_code, answer.content.decode()


@pytest.fixture
def dead(run_jobs: RunJobs) -> DBTaskResult:
    errands.give_up.enqueue()
    run_jobs(failing=True)
    return DBTaskResult.objects.get()


def test_administrators_see_what_died_and_why(dead: DBTaskResult) -> None:
    desk = desk_of("admin")

    code, html = page(desk)
    one_code, one = page(desk, f"{LIST}{dead.pk}/change/")

    assert (code, one_code) == (200, 200)
    assert "give_up" in html and "core.jobs.Hopeless: nobody lives there" in html
    assert "Traceback" in one and "tests.core.errands.give_up" in one


def test_what_waits_has_a_page_as_well() -> None:
    errands.note.enqueue(what="<b>a letter</b>")
    errands.note.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(what="later")

    pages = [page(desk_of("admin"), f"{LIST}{job.pk}/change/") for job in DBTaskResult.objects.all()]

    assert [code for code, _ in pages] == [200, 200]
    assert all("<b>a letter" not in html for _, html in pages)


@pytest.mark.parametrize("role", ["author", "approver"])
def test_nobody_else_sees_jobs(dead: DBTaskResult, role: str) -> None:
    desk = desk_of(role)

    assert (page(desk)[0], page(desk, f"{LIST}{dead.pk}/change/")[0]) == (403, 403)
    assert LIST not in page(desk, "/admin/")[1]


def run_again(desk: Client, *jobs: DBTaskResult) -> int:
    sent = {"action": "run_again", "_selected_action": [str(job.pk) for job in jobs]}
    return desk.post(LIST, sent).status_code


def test_the_dead_can_be_run_again(dead: DBTaskResult) -> None:
    run_again(desk_of("admin"), dead)

    dead.refresh_from_db()
    assert (dead.status, dead.worker_ids) == ("READY", [])


def test_who_may_only_look_runs_nothing_again(dead: DBTaskResult) -> None:
    user = make_user("author")
    user.user_permissions.add(Permission.objects.get(codename="view_dbtaskresult"))
    desk = Client()
    desk.force_login(user)

    code, _ = page(desk)
    run_again(desk, dead)

    dead.refresh_from_db()
    assert (code, dead.status) == (200, "FAILED")


def test_but_not_by_others_and_nothing_is_written_by_hand(dead: DBTaskResult) -> None:
    run_again(desk_of("approver"), dead)
    desk = desk_of("admin")
    codes = [
        desk.post(f"{LIST}{dead.pk}/change/", {"task_path": "os.getcwd", "status": "READY"}).status_code,
        desk.post(f"{LIST}{dead.pk}/delete/", {"post": "yes"}).status_code,
        desk.get(f"{LIST}add/").status_code,
    ]

    before = dead.task_path
    dead.refresh_from_db()
    assert (codes, dead.status, dead.task_path) == ([403, 403, 403], "FAILED", before)


# --- manage.py jobs ----------------------------------------------------------------------------------------------
def test_the_command_counts_and_lists_the_dead(dead: DBTaskResult, capsys: pytest.CaptureFixture[str]) -> None:
    errands.note_by_mail.enqueue(what="a letter")

    call_command("jobs")

    counts, mail, died = capsys.readouterr().out.splitlines()
    assert (counts.split(), mail.split()) == (["default", "failed", "1"], ["mail", "ready", "1"])
    assert died.startswith(f"dead: {dead.pk} tests.core.errands.give_up 20")
    assert died.endswith("core.jobs.Hopeless: nobody lives there")


@pytest.mark.parametrize("traceback", ["", "\n"])
def test_the_command_lists_a_dead_job_that_left_no_word(
    dead: DBTaskResult, traceback: str, capsys: pytest.CaptureFixture[str]
) -> None:
    DBTaskResult.objects.update(traceback=traceback)

    call_command("jobs")

    assert capsys.readouterr().out.splitlines()[-1].startswith(f"dead: {dead.pk} tests.core.errands.give_up 20")


def test_the_command_says_when_there_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("jobs")

    assert capsys.readouterr().out == "No jobs.\n"


@pytest.mark.parametrize("named", [True, False])
def test_the_command_runs_the_dead_again(dead: DBTaskResult, named: bool, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("jobs", "--again", *([str(dead.pk)] if named else []))

    assert capsys.readouterr().out == "1 dead job(s) run again.\n"
    dead.refresh_from_db()
    assert dead.status == "READY"


def test_an_id_that_is_none_is_refused(dead: DBTaskResult) -> None:
    with pytest.raises(CommandError, match="An id looks like"):
        call_command("jobs", "--again", "everything")

    dead.refresh_from_db()
    assert dead.status == "FAILED"
