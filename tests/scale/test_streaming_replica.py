"""Editors' lists from a real streaming replica: nothing that was answered is ever missing from them."""

import json
from itertools import count
from typing import Any

import pytest

from tests.faults.client import Client, statuses
from tests.faults.conftest import StartSite
from tests.faults.postgres import Cluster
from tests.faults.processes import wait_until
from tests.faults.stitch import Site
from tests.scale.replica import Replica

pytestmark = pytest.mark.server

LISTS = ("/posts?status=all", "/pages?status=draft", "/users", "/audit")
# What the lists above are made of. Rights, tokens and sessions are not among it.
READ_FOR_LISTS = {
    "accounts_auditentry",
    "accounts_user",
    "accounts_user_groups",
    "auth_group",
    "content_blogpost",
    "content_page",
    "delivery_liveentry",
    "delivery_publication",
    "mfa_authenticator",
}
_numbers = count(1)


@pytest.fixture
def site(primary: Cluster, replica: Replica, database: str, start_site: StartSite) -> Site:
    settings = {"DATABASE_REPLICA_URL": replica.url(database)}
    return start_site(primary.url(database), workers=2, lanes=3, settings=settings)


def write(editor: Client) -> str:
    """The title of a post that was just answered."""
    title = f"Post {next(_numbers)}"
    assert editor.post("/posts", {"title": title, "published": True}).status == 201
    return title


def newest(editor: Client) -> dict[str, Any]:
    first: dict[str, Any] = editor.get("/posts?status=all&per_page=1").json()["items"][0]
    return first


def lines_about_the_replica(site: Site) -> list[str]:
    lines = [json.loads(line) for line in site.log.read_text().splitlines() if "core.replicas" in line]
    return [line["message"].partition(":")[0] for line in lines]


def test_lists_for_editors_come_from_the_replica_and_rights_do_not(site: Site, replica: Replica, database: str) -> None:
    editor = site.editor
    write(editor)
    replica.catch_up()

    answers = [editor.get(path) for path in LISTS * 5]
    site.stop()

    assert statuses(answers) == {200: 20}
    assert replica.sessions(database) > 0
    assert {"accounts_auditentry", "accounts_user", "content_blogpost"} <= replica.tables_read(database)
    assert replica.tables_read(database) <= READ_FOR_LISTS


def test_nothing_else_ever_asks_it(site: Site, replica: Replica, database: str) -> None:
    editor, visitor = site.editor, site.visitor
    write(editor)
    slug = visitor.get("/posts").json()["items"][0]["slug"]
    replica.catch_up()

    public = [visitor.get(path) for path in ("/posts", f"/posts/{slug}", "/pages", "/settings", "//readyz")]
    private = [editor.get(path) for path in (f"/posts/{slug}", "/settings", "/auth/me", "/roles")]
    refused = [visitor.get(path) for path in LISTS]
    changed = [editor.patch(f"/posts/{slug}", {"title": "Changed"}), editor.ask("DELETE", f"/posts/{slug}")]
    site.stop()

    assert statuses([*public, *private, *changed]) == {200: 10, 204: 1}
    assert statuses(refused) == {401: len(LISTS)}
    assert replica.sessions(database) == 0


def test_what_was_answered_is_in_the_next_list_while_the_replica_follows(
    site: Site, replica: Replica, database: str
) -> None:
    editor = site.editor

    seen = [(write(editor), newest(editor)) for _ in range(150)]
    site.stop()

    assert [title for title, _ in seen] == [post["title"] for _, post in seen]
    assert {post["status"] for _, post in seen} == {"published"}  # by whichever machine's clock
    assert "content_blogpost" in replica.tables_read(database)


def test_a_replica_that_is_behind_is_not_asked(site: Site, replica: Replica) -> None:
    editor = site.editor
    write(editor)
    replica.pause()

    seen = [(write(editor), newest(editor)["title"]) for _ in range(5)]

    assert [title for title, _ in seen] == [title for _, title in seen]
    assert lines_about_the_replica(site) == []


def test_a_replica_that_is_killed_is_missed_by_nobody_and_used_again_when_it_is_back(
    site: Site, replica: Replica, database: str
) -> None:
    editor = site.editor
    write(editor)
    replica.catch_up()
    newest(editor)

    replica.stop_hard()
    while_it_is_away = [editor.get(path) for path in LISTS * 5]
    told = lines_about_the_replica(site)
    replica.start()
    replica.catch_up()
    before = replica.sessions(database)
    wait_until(
        lambda: bool(newest(editor)) and replica.sessions(database) > before, seconds=30, what="it is used again"
    )

    assert statuses(while_it_is_away) == {200: 20}
    assert set(told) == {"The replica fails, the primary reads in its place"}
    assert len(told) <= site.workers
    assert "The replica is back" in lines_about_the_replica(site)


def test_a_replica_that_hangs_holds_up_each_worker_once(site: Site, replica: Replica) -> None:
    editor = site.editor
    write(editor)
    replica.catch_up()
    newest(editor)

    replica.freeze()
    answers = [editor.get("/posts?status=all") for _ in range(20)]
    replica.thaw()

    assert statuses(answers) == {200: 20}
    assert sum(answer.seconds > 1 for answer in answers) <= site.workers


def test_another_cluster_is_not_taken_for_a_replica(
    primary: Cluster, database: str, start_site: StartSite, strangers_replica: Replica
) -> None:
    """Its positions say nothing here, and what it holds is another site's."""
    site = start_site(primary.url(database), settings={"DATABASE_REPLICA_URL": strangers_replica.url(database)})
    editor = site.editor

    seen = [(write(editor), newest(editor)["title"]) for _ in range(3)]

    assert [title for title, _ in seen] == [title for _, title in seen]
