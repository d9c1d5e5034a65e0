"""Fifty at once over HTTP, against several workers: one winner, one truth."""

import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from tests.faults.client import Answer, Client, at_once, statuses
from tests.faults.conftest import StartSite, Tell
from tests.faults.guesser import guesses_until_the_window_ends
from tests.faults.postgres import Cluster
from tests.faults.stitch import Site

pytestmark = pytest.mark.server

AT_ONCE = 50


@pytest.fixture
def site(shared_site: Site) -> Site:
    return shared_site


@pytest.fixture
def editor(site: Site) -> Client:
    return site.editor


def put(editor: Client, post: str, number: int, headers: dict[str, str] | None = None) -> Callable[[], Answer]:
    content: dict[str, Any] = {"title": f"Title {number}", "excerpt": f"Excerpt {number}"}
    content |= {"body": f"<p>{number}</p>", "tags": [str(number)]}
    return lambda: editor.ask("PUT", f"/posts/{post}", content, headers)


def numbers_in(post: dict[str, Any]) -> set[str]:
    """Which writers' content is in it."""
    body = post["body"].removeprefix("<p>").removesuffix("</p>")
    return {post["title"].split()[-1], post["excerpt"].split()[-1], body, *post["tags"]}


def test_of_fifty_who_want_one_slug_exactly_one_gets_it(site: Site, editor: Client) -> None:
    body = {"title": "Race", "slug": "wanted", "published": True}

    answers = at_once(*[lambda: editor.post("/posts", body)] * AT_ONCE)

    assert statuses(answers) == {201: 1, 422: AT_ONCE - 1}
    assert {answer.json()["errors"][0]["code"] for answer in answers if answer.status == 422} == {"unique"}
    assert site.visitor.get("/posts/wanted").status == 200
    assert site.contradictions() == []


def test_fifty_who_publish_at_once_publish_once(
    cluster: Cluster, shared_database: str, site: Site, editor: Client
) -> None:
    post = editor.post("/posts", {"title": "Ready"}).json()["id"]

    answers = at_once(*[lambda: editor.patch(f"/posts/{post}", {"published": True})] * AT_ONCE)

    published = cluster.ask(
        "SELECT count(*) FROM delivery_publication WHERE entry_id = %s", post, database=shared_database
    )
    assert statuses(answers) == {200: AT_ONCE}
    assert published == [(1,)]
    assert site.contradictions() == []


def test_publishing_and_withdrawing_at_once_leaves_one_truth(site: Site, editor: Client) -> None:
    post = editor.post("/posts", {"title": "Ready"}).json()["id"]

    answers = at_once(
        *[lambda: editor.patch(f"/posts/{post}", {"published": True})] * (AT_ONCE // 2),
        *[lambda: editor.patch(f"/posts/{post}", {"published": False})] * (AT_ONCE // 2),
    )

    is_public = editor.get(f"/posts/{post}").json()["published"]
    assert statuses(answers) == {200: AT_ONCE}
    assert site.visitor.get(f"/posts/{post}").status == (200 if is_public else 404)
    assert site.contradictions() == []


def test_deleting_wins_over_editing(site: Site, editor: Client) -> None:
    post = editor.post("/posts", {"title": "Hello", "slug": "hello", "published": True}).json()["id"]
    delete = [lambda: editor.ask("DELETE", f"/posts/{post}")] * 5

    answers = at_once(*delete, *[put(editor, post, number) for number in range(AT_ONCE - 5)])

    assert sorted(answer.status for answer in answers[:5]) == [204, 404, 404, 404, 404]
    assert set(statuses(answers[5:])) <= {200, 404}
    assert [editor.get(f"/posts/{key}").status for key in (post, "hello")] == [404, 404]
    assert editor.post("/posts", {"title": "Next", "slug": "hello"}).status == 201
    assert site.contradictions() == []


def test_one_key_makes_one_post_however_often_it_is_sent(site: Site, editor: Client) -> None:
    answers = at_once(*[lambda: editor.post("/posts", {"title": "Only once"}, {"Idempotency-Key": "k"})] * AT_ONCE)

    assert statuses(answers) == {201: AT_ONCE}
    assert len({answer.content for answer in answers}) == 1
    assert editor.get("/posts?status=draft&q=only+once").json()["total"] == 1
    assert site.contradictions() == []


def test_of_fifty_who_change_the_version_they_read_one_does(site: Site, editor: Client) -> None:
    created = editor.post("/posts", {"title": "Hello", "published": True})
    post, version = created.json()["id"], {"If-Match": created.headers["etag"]}

    answers = at_once(*[put(editor, post, number, version) for number in range(AT_ONCE)])

    winner = next(number for number, answer in enumerate(answers) if answer.status == 200)
    assert statuses(answers) == {200: 1, 412: AT_ONCE - 1}
    assert numbers_in(site.visitor.get(f"/posts/{post}").json()) == {str(winner)}
    assert site.contradictions() == []


def test_without_a_version_the_last_writer_wins_whole(site: Site, editor: Client) -> None:
    post = editor.post("/posts", {"title": "Hello", "published": True}).json()["id"]

    answers = at_once(*[put(editor, post, number) for number in range(AT_ONCE)])

    working, public = editor.get(f"/posts/{post}").json(), site.visitor.get(f"/posts/{post}").json()
    assert statuses(answers) == {200: AT_ONCE}
    assert numbers_in(working) == numbers_in(public)
    assert len(numbers_in(public)) == 1
    assert site.contradictions() == []


def test_of_sixteen_who_exchange_one_token_at_once_one_wins_and_stays_logged_in(
    cluster: Cluster, shared_database: str, site: Site
) -> None:
    """All sixteen are in before the first is served: the family is held until they are."""
    pair = site.log_in()
    answers: list[Answer] = []
    exchange = [lambda: site.visitor.post("/auth/refresh", {"refresh_token": pair["refresh_token"]})] * 16
    racing = Thread(target=lambda: answers.extend(at_once(*exchange)))

    with cluster.connected(shared_database) as connection, connection.transaction():
        connection.execute("SELECT 1 FROM accounts_tokenfamily FOR UPDATE")
        racing.start()
        time.sleep(1.5)
    racing.join(30)

    won = [answer.json() for answer in answers if answer.status == 200]
    assert statuses(answers) == {200: 1, 401: 15}
    assert {answer.code for answer in answers if answer.status == 401} == {"already_rotated"}
    assert Client(site.port, token=won[0]["access_token"]).get("/auth/me").status == 200
    assert site.visitor.post("/auth/refresh", {"refresh_token": won[0]["refresh_token"]}).status == 200


def test_a_guesser_with_invented_addresses_gets_five_guesses_from_all_workers_together(
    cluster: Cluster, database: str, start_site: StartSite, tell: Tell
) -> None:
    site = start_site(cluster.url(database), workers=3, settings={"AUTH_RATE": "5/m"})

    answered = guesses_until_the_window_ends(site.port)

    tell(f"{answered} guesses answered in one window")
    assert answered == 5
