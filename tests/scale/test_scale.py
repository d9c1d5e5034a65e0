"""The files of deploy/ at work: nginx, two servers, PgBouncer, a primary with a replica, a worker."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.error import HTTPError

import psycopg
import pytest

from tests.faults.client import Client, at_once, statuses
from tests.faults.conftest import TEMPLATE, Tell
from tests.faults.postgres import Cluster
from tests.faults.processes import BASE, HOST, wait_until
from tests.faults.stitch import EMAIL, PASSWORD, manage
from tests.scale.browser import Browser, styles
from tests.scale.replica import Replica
from tests.scale.stack import LANES, WORKERS, Stack, stacked

pytestmark = pytest.mark.server

POOL = 20  # default_pool_size of deploy/pgbouncer/pgbouncer.ini
_numbers = count(1)


@pytest.fixture(scope="module")
def stack(primary: Cluster, running_replica: Replica, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not (BASE / "staticfiles/staticfiles.json").exists():
        manage("collectstatic", "--noinput")  # a minute, for the sake of one style sheet
    primary.copy(TEMPLATE, "stitch_scale")
    running_replica.recover()
    folder = tmp_path_factory.mktemp("scale")
    with stacked(primary, running_replica, "stitch_scale", folder) as stack:
        yield stack


def write(editor: Client) -> str:
    """The slug of a post that is public since a moment ago."""
    slug = f"post-{next(_numbers)}"
    assert editor.post("/posts", {"title": slug, "slug": slug, "published": True}).status == 201
    return slug


def upstreams(stack: Stack) -> Counter[str]:
    lines = [json.loads(line) for line in stack.nginx.log.splitlines() if line.startswith("{")]
    return Counter(line["upstream"] for line in lines if line["status"] == 200)


# --- Through nginx ---------------------------------------------------------------------------------------------------


def test_what_is_written_through_one_server_is_read_through_both(stack: Stack) -> None:
    editor = stack.editor

    for _ in range(10):
        slug = write(editor)
        seen = [Client(site.port).get(f"/posts/{slug}").status for site in stack.sites]
        seen += [stack.visitor.get(f"/posts/{slug}").status for _ in range(4)]
        assert seen == [200] * 6

    wait_until(lambda: len(upstreams(stack)) == 2, seconds=5, what="both servers had their share")


def test_health_is_told_through_it(stack: Stack) -> None:
    answers = [stack.visitor.get(path) for path in ("//healthz", "//readyz")]

    assert statuses(answers) == {200: 2}
    assert answers[1].json()["checks"]["database"] == "ok"


def test_the_admin_lets_in_whoever_logs_in_and_has_its_styles(stack: Stack) -> None:
    browser = Browser(f"http://{HOST}:{stack.nginx.port}")

    page = browser.send_form("/admin/login/?next=/admin/", username=EMAIL, password=PASSWORD)
    posts = browser.open("/admin/content/blogpost/")
    sheets = [browser.open(path) for path in styles(page)]

    assert browser.address.startswith(f"http://{HOST}:{stack.nginx.port}/")
    assert "Log out" in page
    assert 'id="result_list"' in posts
    assert len(sheets) > 0


def test_a_form_from_elsewhere_is_refused(stack: Stack) -> None:
    browser = Browser(f"http://{HOST}:{stack.nginx.port}")
    browser.open("/admin/login/")

    with pytest.raises(HTTPError) as refusal:
        browser.open("/admin/login/", {"username": EMAIL, "password": PASSWORD})

    assert refusal.value.code == 403


def test_the_address_of_a_visitor_is_the_one_nginx_saw(stack: Stack) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "who-was-it"}
    neighbour = Client(stack.nginx.port, source="127.0.0.2")

    refused = neighbour.post("/auth/login", {"email": EMAIL, "password": "wrong"}, forged)

    [entry] = stack.editor.get("/audit?request_id=who-was-it").json()["items"]
    assert (refused.status, entry["address"]) == (401, "127.0.0.2")
    assert refused.headers["x-request-id"] == "who-was-it"


def test_what_nginx_refuses_itself_is_a_problem_like_any_other(stack: Stack) -> None:
    connection = Client(stack.nginx.port)

    answer = connection.ask("POST", "/posts", {"title": "x" * 13_000_000}, {"X-Request-ID": '"},{'})

    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] not in ("", '"},{')


def test_metrics_are_not_told_to_the_world(stack: Stack) -> None:
    assert stack.visitor.get("//metrics").status == 404


# --- Through PgBouncer -----------------------------------------------------------------------------------------------


def test_many_lanes_share_few_connections(stack: Stack, tell: Tell) -> None:
    editor = stack.editor
    slug = write(editor)
    lanes = len(stack.sites) * WORKERS * LANES
    requests = [lambda: editor.get(f"/posts/{slug}"), lambda: editor.get("/posts?status=all"), lambda: write(editor)]

    with ThreadPoolExecutor(lanes) as pool:
        done = [pool.submit(requests[number % 3]) for number in range(6 * lanes)]
        most = max(stack.backends() for _ in range(20))
        answers = [one.result() for one in done]

    tell(f"{lanes} lanes, {most} connections at the primary")
    assert {answer.status for answer in answers if not isinstance(answer, str)} == {200}
    assert most < lanes
    assert len(stack.sites) * WORKERS <= most


@pytest.mark.parametrize("name", ["stitch", "stitch_replica"])
def test_the_pooler_bounds_statements_as_stitch_does_itself(stack: Stack, name: str) -> None:
    assert bounds(stack, name) == ("15s", "30s")


def test_commands_lift_the_bounds_of_their_own_sessions_alone(stack: Stack) -> None:
    """Migrations and the like go around the pooler, whose sessions are everybody's."""
    editor = stack.editor
    at_once(*[lambda: editor.get("/posts?status=all")] * POOL)

    stack.manage("migrate", "--noinput")
    stack.manage("rebuild_projection")

    with ThreadPoolExecutor(POOL) as pool:
        found = list(pool.map(lambda _: bounds(stack, "stitch", held=0.2), range(POOL)))
    assert set(found) == {("15s", "30s")}


def bounds(stack: Stack, name: str, *, held: float = 0) -> tuple[str, ...]:
    """Of one of the pooler's sessions, which is ``held`` so long that others have to take another."""
    names = ("statement_timeout", "idle_in_transaction_session_timeout")
    with psycopg.connect(stack.pgbouncer.url(name), prepare_threshold=None, connect_timeout=5) as connection:
        found = [connection.execute("SELECT current_setting(%s)", [one]).fetchone() for one in names]
        connection.execute("SELECT pg_sleep(%s)", [held])
    return tuple(row[0] for row in found if row is not None)


def test_editors_lists_come_from_the_replica_behind_it(stack: Stack) -> None:
    editor = stack.editor
    stack.replica.catch_up()

    wait_until(
        lambda: (
            editor.get("/posts?status=all").status == 200
            and "content_blogpost" in stack.replica.tables_read(stack.database)
        ),
        seconds=30,
        what="the replica is asked",
    )


def test_what_was_answered_is_in_the_next_list(stack: Stack) -> None:
    editor = stack.editor

    seen = [(write(editor), editor.get("/posts?status=all&per_page=1").json()["items"][0]["slug"]) for _ in range(30)]

    assert [slug for slug, _ in seen] == [slug for _, slug in seen]


def test_the_worker_sends_what_the_servers_leave_to_it(stack: Stack) -> None:
    answer = stack.visitor.post("/auth/password-reset", {"email": EMAIL})

    assert answer.status == 202
    wait_until(lambda: any(stack.mails.glob("*")), seconds=30, what="the mail is sent")


# --- When parts are away ---------------------------------------------------------------------------------------------


def test_a_server_that_stops_is_missed_by_nobody(stack: Stack) -> None:
    slug = write(stack.editor)
    stopped = stack.sites[1]

    stopped.stop()
    answers = [stack.visitor.get(f"/posts/{slug}") for _ in range(20)]
    stopped.start()

    assert statuses(answers) == {200: 20}


def test_without_any_server_nginx_says_when_to_come_again(stack: Stack) -> None:
    for site in stack.sites:
        site.stop()

    answer = stack.visitor.get("/posts")

    for site in stack.sites:
        site.start()
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "2")
    wait_until(lambda: stack.visitor.get("/posts").status == 200, seconds=20, what="visitors are served again")


def test_a_primary_that_stops_is_told_and_found_again(stack: Stack, tell: Tell) -> None:
    """The last of all: it is hard on the others."""
    editor = stack.editor

    stack.primary.stop_hard()
    answers = [editor.post("/posts", {"title": "Lost"}) for _ in range(5)]
    stack.primary.start()
    seconds = wait_until(
        lambda: editor.post("/posts", {"title": "Back"}).status == 201, seconds=30, what="writes are taken again"
    )

    tell(f"503 after at most {max(answer.seconds for answer in answers):.1f} s; back after {seconds:.1f} s")
    assert statuses(answers) == {503: 5}
    assert max(answer.seconds for answer in answers) < 10
