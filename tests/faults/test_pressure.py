"""Clients that dawdle, leave, or come too many at once: others are served, and nothing is left behind."""

import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.faults.client import Answer, Client, at_once, slowest, statuses
from tests.faults.conftest import StartSite, Tell
from tests.faults.postgres import Cluster
from tests.faults.processes import HOST, memory_of, threads_of, wait_until
from tests.faults.stitch import Site

pytestmark = pytest.mark.server

LANE_WAIT_SECONDS = 5.0
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
WAITING = f"{CONNECTIONS} AND wait_event_type = 'Lock'"
# For longer than any statement takes: the loops in the background have transactions of their own, too.
STUCK = (
    f"{CONNECTIONS} AND state_change < now() - interval '1 second' AND"
    " (state LIKE 'idle in transaction%%' OR (state = 'active' AND wait_event = 'ClientRead'))"
)


def counted(cluster: Cluster, database: str, sql: str) -> int:
    number: int = cluster.ask(sql, database=database)[0][0]
    return number


def opening(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST /api/v1{path} HTTP/1.1", f"Host: {HOST}", *lines]).encode() + b"\r\n"


@contextmanager
def dawdlers(site: Site, token: str) -> Iterator[None]:
    """Forty who do not finish their headers, twenty who do not finish their bodies."""
    with ExitStack() as stack:
        for number in range(60):
            dawdler = stack.enter_context(socket.create_connection((HOST, site.port), timeout=5))
            if number < 40:
                dawdler.sendall(opening("/posts", "X-Slow: yes"))
            else:
                length = ("Content-Type: application/json", "Content-Length: 100000")
                dawdler.sendall(opening("/posts", f"Authorization: Bearer {token}", *length) + b'\r\n{"title": "')
        yield


def abort_an_upload(site: Site, token: str) -> None:
    with socket.create_connection((HOST, site.port), timeout=5) as leaving:
        lines = (f"Authorization: Bearer {token}", "Content-Type: application/json", "Content-Length: 2000000")
        leaving.sendall(opening("/posts", *lines) + b"\r\n" + b'{"title": "' * 20_000)
        leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves with a reset


def test_dawdlers_and_deserters_hold_up_nobody_and_leave_nothing_behind(
    cluster: Cluster, database: str, site: Site, tell: Tell
) -> None:
    editor = site.editor
    at_once(*[lambda: site.visitor.get("/posts")] * 60)
    before = max(memory_of(pid) for pid in site.worker_pids)
    answers: list[Answer] = []

    with dawdlers(site, editor.token):
        for number in range(30):
            abort_an_upload(site, editor.token)
            answers.append(site.visitor.get("/posts"))
            answers.append(editor.post("/posts", {"title": f"Meanwhile {number}"}))
        stuck = counted(cluster, database, STUCK)
        connections = counted(cluster, database, CONNECTIONS)
        threads = max(threads_of(pid) for pid in site.worker_pids)
    grown = max(memory_of(pid) for pid in site.worker_pids) - before

    tell(f"slowest {slowest(answers):.2f} s; {connections} connections, {threads} threads; {grown:.0f} MB more")
    assert statuses(answers) == {200: 30, 201: 30}
    assert slowest(answers) < 1
    assert stuck == 0
    assert connections <= site.most_connections
    assert threads <= site.lanes + 8  # the loop, what watches it, and the two of the readiness probe
    assert grown < 60
    assert counted(cluster, database, "SELECT count(*) FROM content_blogpost") == 30


def test_headers_and_bodies_that_never_come_are_given_up(site: Site) -> None:
    """The one connection is closed, the other gets its 408: nobody can collect open connections for ever."""
    token = site.editor.token
    with socket.create_connection((HOST, site.port), timeout=45) as slow_headers:
        slow_headers.sendall(opening("/posts", "X-Slow: yes"))
        with socket.create_connection((HOST, site.port), timeout=45) as slow_body:
            length = ("Content-Type: application/json", "Content-Length: 100000")
            slow_body.sendall(opening("/posts", f"Authorization: Bearer {token}", *length) + b'\r\n{"title": "')

            assert slow_headers.recv(1000) == b""
            assert slow_body.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_more_connections_than_lanes_and_background_threads_are_never_opened(
    cluster: Cluster, database: str, site: Site, tell: Tell
) -> None:
    editor = site.editor
    seen = []
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(site.visitor.get, "/posts?per_page=100") for _ in range(600)]
        asked += [pool.submit(editor.post, "/posts", {"title": "Many"}) for _ in range(100)]
        while not all(one.done() for one in asked):
            seen.append(counted(cluster, database, CONNECTIONS))
            time.sleep(0.1)

    tell(f"at most {max(seen)} connections of {site.most_connections}")
    assert statuses(one.result() for one in asked) == {200: 600, 201: 100}
    assert max(seen) <= site.most_connections


def test_when_all_lanes_are_busy_the_rest_waits_a_while_and_gets_503(
    cluster: Cluster, database: str, start_site: StartSite, tell: Tell
) -> None:
    site = start_site(cluster.url(database), workers=2, lanes=2)
    editor = site.editor
    post = editor.post("/posts", {"title": "Held", "published": True}).json()["id"]
    lanes = site.workers * site.lanes
    changing: list[Future[Answer]] = []

    with ThreadPoolExecutor(80) as pool:
        with cluster.connected(database) as connection, connection.transaction():
            connection.execute("SELECT 1 FROM content_blogpost WHERE id = %s FOR UPDATE", [post])

            def all_are_busy() -> bool:
                if len(changing) < 60:
                    changing.append(pool.submit(editor.patch, f"/posts/{post}", {"excerpt": str(len(changing))}))
                return counted(cluster, database, WAITING) == lanes

            wait_until(all_are_busy, seconds=5, what="every lane waits for the lock")
            refused = at_once(*[lambda: site.visitor.get("/posts")] * 8)
            alive = site.visitor.get("//healthz")
        changed = [one.result() for one in changing]
    after = at_once(*[lambda: site.visitor.get("/posts")] * 20)

    tell(f"refused after {slowest(refused):.2f} s; of those before them {statuses(changed)}")
    assert statuses(refused) == {503: 8}
    assert all(int(answer.headers["retry-after"]) >= 1 and answer.code == "unavailable" for answer in refused)
    assert slowest(refused) <= LANE_WAIT_SECONDS + 1
    assert (alive.status, alive.seconds < 1) == (200, True)
    assert statuses(changed)[200] >= lanes
    assert set(statuses(changed)) <= {200, 503}
    assert statuses(after) == {200: 20}
    assert site.contradictions() == []


def test_a_client_that_leaves_gives_its_lane_back_and_its_write_is_whole(
    cluster: Cluster, database: str, start_site: StartSite
) -> None:
    site = start_site(cluster.url(database), workers=1, lanes=2)
    editor = site.editor
    post = editor.post("/posts", {"title": "Held", "published": True}).json()["id"]
    body = b'{"title": "Written after its writer had left"}'
    lines = (f"Authorization: Bearer {editor.token}", "Content-Type: application/json", f"Content-Length: {len(body)}")
    patch = opening(f"/posts/{post}", *lines).replace(b"POST", b"PATCH", 1) + b"\r\n" + body

    with cluster.connected(database) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM content_blogpost WHERE id = %s FOR UPDATE", [post])
        for _ in range(site.lanes):
            with socket.create_connection((HOST, site.port), timeout=5) as leaving:
                leaving.sendall(patch)
                time.sleep(0.3)
        assert counted(cluster, database, WAITING) == site.lanes
    answers = at_once(*[lambda: Client(site.port).get(f"/posts/{post}")] * 10)

    assert statuses(answers) == {200: 10}
    assert counted(cluster, database, STUCK) == 0
    assert site.visitor.get(f"/posts/{post}").json()["title"] == "Written after its writer had left"
    assert site.contradictions() == []
