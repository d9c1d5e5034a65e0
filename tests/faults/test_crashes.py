"""What is acknowledged stays: processes and the database are killed while visitors read and editors write."""

import time
from functools import partial
from pathlib import Path
from signal import SIGKILL
from threading import Thread

import pytest

from tests.faults.client import Client, at_once, slowest, statuses
from tests.faults.conftest import StartSite, Tell
from tests.faults.load import Load, until
from tests.faults.postgres import Cluster
from tests.faults.processes import send, wait_until
from tests.faults.stitch import Site, prepare

pytestmark = pytest.mark.server

ROUNDS = 3
BACK_SECONDS = 5.0


def are_replaced(site: Site, killed: list[int]) -> bool:
    return not set(killed) & set(site.worker_pids)


@pytest.fixture(params=["postgresql", "sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.url(request.getfixturevalue("database"))
    url = f"sqlite:///{tmp_path}/site.sqlite3"
    prepare(url)
    return url


def test_kill_9_of_every_process_during_writes_loses_nothing_that_was_acknowledged(
    database_url: str, start_site: StartSite, tell: Tell
) -> None:
    site = start_site(database_url, workers=3)
    token, load, back = site.log_in()["access_token"], Load(), []

    for number in range(ROUNDS):
        with load.running(site.port, token, name=f"r{number}w"):
            time.sleep(2)
            site.kill()
        back.append(site.start())

    tell(f"{load.summary()}; served again after {', '.join(f'{seconds:.2f}' for seconds in back)} s")
    assert len(load.posts) > 5 * ROUNDS
    assert load.lost(Client(site.port, token=token), site.visitor) == []
    assert site.contradictions() == []
    assert max(back) <= BACK_SECONDS


def test_killed_workers_are_replaced_and_nothing_that_was_acknowledged_is_lost(
    database_url: str, start_site: StartSite, tell: Tell
) -> None:
    site = start_site(database_url, workers=3)
    token, load, back = site.log_in()["access_token"], Load(), []

    with load.running(site.port, token):
        for _ in range(ROUNDS):
            time.sleep(1.5)
            killed = site.worker_pids
            send(SIGKILL, *killed)
            wait_until(partial(are_replaced, site, killed), seconds=5, what="the dead are buried")
            back.append(site.wait_until_served(seconds=10))

    tell(f"{load.summary()}; served again after {', '.join(f'{seconds:.2f}' for seconds in back)} s")
    assert load.lost(Client(site.port, token=token), site.visitor) == []
    assert site.contradictions() == []
    assert max(back) <= BACK_SECONDS


def test_postgresql_stopped_hard_and_back_loses_nothing_and_needs_no_restart(
    cluster: Cluster, site: Site, tell: Tell
) -> None:
    token, load, workers = site.log_in()["access_token"], Load(), site.worker_pids

    with load.running(site.port, token, writers=8, readers=4):
        time.sleep(2)
        cluster.stop_hard()
        time.sleep(2)
        cluster.start()
        returned = time.monotonic()
        time.sleep(5)
    after = at_once(*[lambda: site.visitor.get("/posts")] * 60)

    recovered = load.last_trouble() - returned
    tell(f"{load.summary()}; the last refusal came {recovered:+.2f} s after PostgreSQL was back")
    assert set(statuses(load.answers)) <= {200, 201, 204, 503}
    assert statuses(load.answers)[503] > 0
    assert load.dropped == []
    assert slowest(load.answers) <= 15
    assert recovered <= 10
    assert statuses(after) == {200: 60}
    assert site.worker_pids == workers
    assert load.lost(Client(site.port, token=token), site.visitor) == []
    assert site.contradictions() == []


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_used_refresh_tokens_stay_refused_and_valid_ones_stay_valid_over_a_restart(
    how: str, cluster: Cluster, database: str, start_site: StartSite
) -> None:
    site = start_site(cluster.url(database))
    stolen, used, kept, ended = (site.log_in() for _ in range(4))
    fresh = site.visitor.post("/auth/refresh", {"refresh_token": used["refresh_token"]}).json()
    stolen_next = site.visitor.post("/auth/refresh", {"refresh_token": stolen["refresh_token"]}).json()
    site.visitor.post("/auth/logout", {"refresh_token": ended["refresh_token"]})

    site.stop() if how == "stopped" else site.kill()
    site.start()

    def refresh(pair: dict[str, str]) -> tuple[int, str]:
        answer = site.visitor.post("/auth/refresh", {"refresh_token": pair["refresh_token"]})
        return answer.status, answer.json().get("code", "")

    assert Client(site.port, token=kept["access_token"]).get("/auth/me").status == 200
    assert refresh(kept) == (200, "")
    assert refresh(fresh) == (200, "")
    assert refresh(ended) == (401, "token_invalid")
    assert refresh(stolen) == (401, "token_reused")
    assert refresh(stolen_next) == (401, "token_invalid")
    assert Client(site.port, token=stolen["access_token"]).get("/auth/me").status == 401


def test_sigterm_under_load_drops_no_accepted_request(site: Site, tell: Tell) -> None:
    load, token = Load(), site.log_in()["access_token"]

    with load.running(site.port, token, writers=8, readers=8, keepers=8):
        time.sleep(2)
        site.master.terminate()
        asked = time.monotonic()
        site.master.wait(35)
        seconds = time.monotonic() - asked
        until(lambda: not any(worker.is_alive() for worker in load.workers), seconds=0.5)

    tell(f"{load.summary()}; the last process left after {seconds:.2f} s")
    assert load.dropped == []
    assert set(statuses(load.answers)) <= {200, 201, 204}
    assert seconds <= 30
    assert site.master.returncode == 0
    site.start()
    assert load.lost(Client(site.port, token=token), site.visitor) == []


def test_sigterm_waits_for_requests_that_take_their_time(cluster: Cluster, database: str, site: Site) -> None:
    editor = site.editor
    post = editor.post("/posts", {"title": "Slow", "published": True}).json()["id"]

    with cluster.connected(database) as connection:
        with connection.transaction():
            connection.execute("SELECT 1 FROM content_blogpost WHERE id = %s FOR UPDATE", [post])
            answers = []
            changing = Thread(target=lambda: answers.append(editor.patch(f"/posts/{post}", {"title": "Changed"})))
            changing.start()
            time.sleep(0.5)
            site.master.terminate()
            time.sleep(2)
            assert site.master.poll() is None
        site.master.wait(30)
        changing.join(5)

    assert statuses(answers) == {200: 1}
    site.start()
    assert site.visitor.get(f"/posts/{post}").json()["title"] == "Changed"
