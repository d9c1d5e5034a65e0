"""A part is away, or worse, hangs: everybody gets an honest answer within a bound, and it passes by itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.faults.client import PATIENCE, Answer, Client, at_once, slowest, statuses
from tests.faults.conftest import StartSite, Tell
from tests.faults.guesser import guesses_until_the_window_ends
from tests.faults.postgres import Cluster
from tests.faults.redis_server import RedisServer
from tests.faults.stitch import EMAIL, PASSWORD, Site

pytestmark = pytest.mark.server

DOWN_SECONDS = 3.0
HANG_SECONDS = 12.0  # five for a lane, two for the question whether the connection lives, two for a new one, and a rest
STATEMENT_SECONDS = 20.0  # sixteen, two for a new connection, and a rest
RECOVERY_SECONDS = 10.0


def everything(site: Site, editor: Client, post: str) -> dict[str, Callable[[], Answer]]:
    visitor = site.visitor
    return {
        "list": lambda: visitor.get("/posts"),
        "single": lambda: visitor.get(f"/posts/{post}"),
        "unknown": lambda: visitor.get("/posts/not-there"),
        "settings": lambda: visitor.get("/settings"),
        "drafts": lambda: editor.get("/posts?status=draft"),
        "me": lambda: editor.get("/auth/me"),
        "create": lambda: editor.post("/posts", {"title": "During"}, {"Idempotency-Key": "once"}),
        "change": lambda: editor.patch(f"/posts/{post}", {"title": "During"}),
        "delete": lambda: editor.ask("DELETE", f"/posts/{post}"),
        "login": lambda: visitor.post("/auth/login", {"email": EMAIL, "password": PASSWORD}),
        "refresh": lambda: visitor.post("/auth/refresh", {"refresh_token": "x"}),
    }


def assert_away(answers: dict[str, Answer]) -> None:
    """An honest 503: a problem body, when to come back, and nothing of the inside."""
    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(answers, 503)
    for answer in answers.values():
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) >= 1
        assert "server" not in answer.headers
        assert answer.json()["code"] == "unavailable"
        assert not any(word in answer.content for word in (b"Traceback", b"psycopg", b"127.0.0.1", b"stitch"))


@contextmanager
def down(cluster: Cluster) -> Iterator[None]:
    cluster.stop_hard()
    try:
        yield
    finally:
        cluster.start()


@contextmanager
def frozen(cluster: Cluster) -> Iterator[None]:
    cluster.freeze()
    try:
        yield
    finally:
        cluster.thaw()


def seconds_to_recover(site: Site) -> float:
    """Until sixty visitors in a row are answered: so many that no worker is left out."""
    started = time.monotonic()
    while time.monotonic() - started < 60:
        if statuses(at_once(*[lambda: site.visitor.get("/posts")] * 60)) == {200: 60}:
            return time.monotonic() - started
    raise AssertionError("It did not recover.")


def test_without_postgresql_everything_is_503_soon_and_the_process_says_that_it_is_alive(
    cluster: Cluster, site: Site, tell: Tell
) -> None:
    editor = site.editor
    post = editor.post("/posts", {"title": "Before", "published": True}).json()["id"]
    asked = everything(site, editor, post)

    with down(cluster):
        answers = {f"{name} {turn}": ask() for turn in range(3) for name, ask in asked.items()}
        crowd = at_once(*[asked["list"]] * 60)
        alive, ready = site.visitor.get("//healthz"), site.visitor.get("//readyz")
    recovered = seconds_to_recover(site)

    tell(
        f"slowest {slowest(answers.values()):.2f} s, of 60 at once {slowest(crowd):.2f} s; recovered {recovered:.2f} s"
    )
    assert_away(answers)
    assert statuses(crowd) == {503: 60}
    assert slowest([*answers.values(), *crowd, alive, ready]) < DOWN_SECONDS
    assert (alive.status, ready.status, ready.code) == (200, 503, "not_ready")
    assert recovered <= RECOVERY_SECONDS
    assert (editor.get(f"/posts/{post}").json()["title"], site.visitor.get("//readyz").status) == ("Before", 200)


def test_a_restart_of_postgresql_between_two_requests_costs_nobody_an_answer(cluster: Cluster, site: Site) -> None:
    seconds_to_recover(site)  # every lane has its connection

    with down(cluster):
        pass
    answers = at_once(*[lambda: site.visitor.get("/posts")] * 60)

    assert statuses(answers) == {200: 60}


def test_the_admin_without_postgresql_is_503_without_a_trace(cluster: Cluster, site: Site) -> None:
    with down(cluster):
        desk = site.visitor.ask("GET", "//admin/", None, {"Cookie": f"sessionid={'x' * 32}"})

    assert_away({"desk": desk})


def test_a_statement_under_way_when_postgresql_hangs_is_given_up(
    cluster: Cluster, database: str, site: Site, tell: Tell
) -> None:
    editor = site.editor
    post = editor.post("/posts", {"title": "Before", "published": True}).json()["id"]
    answers: list[Answer] = []
    changing = Thread(target=lambda: answers.append(editor.patch(f"/posts/{post}", {"title": "During"})))

    with cluster.connected(database) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM content_blogpost WHERE id = %s FOR UPDATE", [post])
        changing.start()
        time.sleep(1)
        with frozen(cluster):
            changing.join(PATIENCE)

    tell(f"given up after {slowest(answers):.2f} s")
    assert_away({"change": answers[0]})
    assert slowest(answers) < STATEMENT_SECONDS
    assert seconds_to_recover(site) <= RECOVERY_SECONDS
    assert site.contradictions() == []


def test_a_postgresql_that_hangs_holds_nobody_for_ever(cluster: Cluster, site: Site, tell: Tell) -> None:
    """The kernel still takes connections and acknowledges packets, so no timeout of TCP's or the server's helps."""
    editor = site.editor
    post = editor.post("/posts", {"title": "Before", "published": True}).json()["id"]
    asked = everything(site, editor, post)
    seconds_to_recover(site)  # every lane has its connection

    with frozen(cluster):
        time.sleep(0.2)
        crowd = at_once(*[asked[name] for name in ("list", "single", "change", "create", "me", "login")] * 10)
        later = at_once(*asked.values())
        alive, ready = site.visitor.get("//healthz"), site.visitor.get("//readyz")
    recovered = seconds_to_recover(site)

    tell(f"first {slowest(crowd):.2f} s, then {slowest(later):.2f} s; recovered {recovered:.2f} s")
    assert statuses([*crowd, *later]) == {503: len(crowd) + len(later)}
    assert_away(dict(zip(asked, later, strict=True)))
    assert slowest([*crowd, *later]) < HANG_SECONDS
    assert (alive.status, alive.seconds < 1, ready.status, ready.seconds < DOWN_SECONDS) == (200, True, 503, True)
    assert recovered <= RECOVERY_SECONDS
    assert site.contradictions() == []


def test_without_redis_visitors_and_editors_notice_nothing_and_the_limit_still_counts(
    cluster: Cluster, database: str, start_site: StartSite, redis_server: RedisServer, tell: Tell
) -> None:
    limits = {"REDIS_URL": redis_server.url, "AUTH_RATE": "5/m"}
    site = start_site(cluster.url(database), workers=3, settings=limits)
    editor = site.editor
    post = editor.post("/posts", {"title": "Before", "published": True}).json()["id"]

    redis_server.kill()
    written = [editor.patch(f"/posts/{post}", {"title": f"During {n}"}) for n in range(10)]
    read = [site.visitor.get(f"/posts/{post}") for _ in range(10)]
    ready = site.visitor.get("//readyz")
    counted = guesses_until_the_window_ends(site.port)
    redis_server.start()
    again = site.visitor.get(f"/posts/{post}")

    tell(f"slowest write {slowest(written):.2f} s, read {slowest(read):.2f} s; {counted} guesses answered in a window")
    assert (statuses(written), statuses(read)) == ({200: 10}, {200: 10})
    assert slowest([*written, *read]) < 1
    assert {answer.json()["title"] for answer in [*read, again]} == {"During 9"}
    assert (ready.status, ready.json()["status"]) == (200, "degraded")
    assert counted == 5
    assert site.visitor.get("//readyz").json()["status"] == "ok"
