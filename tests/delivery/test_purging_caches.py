"""The two configurations of docs/cdn.md, in a real Varnish and a real nginx, before a real Stitch."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.delivery.caches import CACHES, TOKEN, Cache
from tests.faults.client import Client
from tests.faults.processes import free_port, wait_until
from tests.faults.stitch import Site, prepare

pytestmark = pytest.mark.server

ORIGIN = "https://www.example.com"
BEHIND = "SELECT (SELECT position FROM delivery_head) - (SELECT position FROM delivery_purge)"
POSTS, PAGES, SETTINGS = "/posts", "/pages", "/settings"


def post(editor: Client, name: str) -> None:
    made = editor.post("/posts", {"slug": name, "title": f"{name} 1", "body": "x", "published": True})
    assert made.status == 201, made.content


def rename(editor: Client, name: str, title: str) -> None:
    changed = editor.patch(f"/posts/{name}", {"title": title, "published": True})
    assert changed.status == 200, changed.content


@pytest.fixture(scope="module", params=sorted(CACHES))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cache, Site]]:
    """A cache and the Stitch behind it, which lets copies live for an hour: whatever ends one is a purge."""
    folder = tmp_path_factory.mktemp(request.param)
    port = free_port()
    with CACHES[request.param](folder, port) as cache:
        settings = {
            "CDN_PURGE_URL": cache.purge_url,
            "CDN_PURGE_TOKEN": TOKEN,
            "PUBLIC_CDN_SECONDS": 3600,
            "ALLOWED_ORIGINS": ORIGIN,
            "ALLOWED_HOSTS": "127.0.0.1,cms.example.com",
        }
        site = Site(folder / "site.log", f"sqlite:///{folder}/db.sqlite3", settings=settings, port=port)
        prepare(site.database_url)
        site.start()
        try:
            yield cache, site
        finally:
            site.stop()
    assert site.unhandled() == []


@pytest.fixture
def cache(both: tuple[Cache, Site]) -> Cache:
    """No purge of an earlier test is still on its way."""
    cache, site = both
    wait_until_told(site)
    return cache


@pytest.fixture(scope="module")
def editor(both: tuple[Cache, Site]) -> Client:
    return both[1].editor


def until(is_so: Callable[[], bool], what: str) -> None:
    wait_until(is_so, seconds=10, what=what)


def wait_until_told(site: Site) -> None:
    """The cache has heard of every change."""
    with closing(sqlite3.connect(site.database_url.removeprefix("sqlite:///"))) as database:
        until(lambda: database.execute(BEHIND).fetchone()[0] == 0, "the cache has heard of every change")


def title(cache: Cache, path: str) -> str:
    return str(cache.get(path).json()["title"])


def warm(cache: Cache, *paths: str) -> None:
    """Each of them is answered from a copy."""
    for path in paths:
        until(lambda path=path: cache.is_hit(path), f"{path} is answered from a copy")  # type: ignore[misc]


def test_a_change_reaches_visitors_through_the_cache(cache: Cache, editor: Client) -> None:
    post(editor, "changing")
    warm(cache, "/posts/changing", POSTS)

    rename(editor, "changing", "changing 2")

    until(lambda: title(cache, "/posts/changing") == "changing 2", "the single read is new")
    until(lambda: cache.get(POSTS).json()["items"][0]["title"] == "changing 2", "the list is new")


def test_what_a_change_does_not_touch_stays_a_copy(both: tuple[Cache, Site], editor: Client) -> None:
    cache, site = both
    post(editor, "one")
    post(editor, "other")
    wait_until_told(site)
    warm(cache, "/posts/one", "/posts/other", PAGES, SETTINGS)

    rename(editor, "one", "one 2")
    until(lambda: title(cache, "/posts/one") == "one 2", "the single read is new")

    assert [cache.is_hit(path) for path in (PAGES, SETTINGS)] == [True, True]
    if cache.purge_url.startswith("varnish"):  # nginx ends all posts together
        assert cache.is_hit("/posts/other")


def test_a_post_that_is_withdrawn_is_gone(cache: Cache, editor: Client) -> None:
    post(editor, "leaving")
    warm(cache, "/posts/leaving")

    assert editor.ask("DELETE", "/posts/leaving").status == 204

    until(lambda: cache.get("/posts/leaving").status == 404, "visitors get a 404")


def test_a_post_that_was_missing_appears(cache: Cache, editor: Client) -> None:
    before = [cache.get("/posts/arriving").status for _ in range(3)]

    post(editor, "arriving")

    until(lambda: cache.get("/posts/arriving").status == 200, "visitors get it")
    assert before == [404] * 3


def test_everything_ends_all_copies(cache: Cache, editor: Client) -> None:
    warm(cache, POSTS, PAGES, SETTINGS)

    purged = cache.purge("*")

    assert purged.status == 200
    assert [cache.is_hit(path) for path in (POSTS, PAGES, SETTINGS)] == [False] * 3


def test_whoever_is_logged_in_is_neither_answered_from_a_copy_nor_leaves_one(cache: Cache, editor: Client) -> None:
    draft = editor.post("/posts", {"slug": "hidden", "title": "hidden", "body": "x"})
    assert draft.status == 201
    warm(cache, POSTS)
    logged_in = {"Authorization": f"Bearer {editor.token}"}

    seen = [cache.get("/posts/hidden", logged_in) for _ in range(2)]

    assert [(one.status, one.headers["cache-control"]) for one in seen] == [(200, "private, no-store")] * 2
    assert cache.get(POSTS, logged_in).headers["cache-control"] == "private, no-store"
    assert cache.get("/posts/hidden").status == 404


def test_an_answer_for_one_origin_is_given_to_no_other(cache: Cache, editor: Client) -> None:
    warm(cache, POSTS)
    mine, theirs = {"Origin": ORIGIN}, {"Origin": "https://elsewhere.example.net"}
    until(lambda: cache.is_hit(POSTS, mine), "there is a copy for the origin")

    allowed = [cache.get(POSTS, one).headers.get("access-control-allow-origin") for one in (mine, theirs, {})]

    assert allowed == [ORIGIN, None, None]
    assert cache.is_hit(POSTS, theirs)


def test_each_encoding_is_what_was_asked_for(cache: Cache, editor: Client) -> None:
    for accepted in ("gzip", "identity", "gzip", "identity"):
        answer = cache.get(POSTS, {"Accept-Encoding": accepted})

        assert answer.headers.get("content-encoding", "identity") in ("identity", accepted)


def test_the_query_is_part_of_what_a_copy_is_found_by(cache: Cache, editor: Client) -> None:
    warm(cache, f"{POSTS}?per_page=1", POSTS)

    assert [cache.get(f"{POSTS}{query}").json()["per_page"] for query in ("?per_page=1", "")] == [1, 10]


def test_other_paths_and_methods_go_through(cache: Cache, editor: Client) -> None:
    assert [cache.get("//healthz").headers.get("x-cache", "MISS") for _ in range(3)] == ["MISS"] * 3
    assert Client(cache.port).post(POSTS, {}).status == 401


def test_nobody_else_may_purge(cache: Cache, editor: Client) -> None:
    warm(cache, POSTS)

    refused = [cache.purge("posts", token="wrong").status, cache.purge("posts", token="").status]

    assert (refused, cache.is_hit(POSTS)) == ([403, 403], True)
    assert cache.purge("").status == 400


def test_a_purge_at_a_cache_that_is_not_set_up_for_it_is_a_failure(both: tuple[Cache, Site]) -> None:
    """Stitch itself stands there: whoever forwards the purge to it learns that nothing was purged."""
    _, site = both

    assert Client(site.port).ask("PURGE", "//", headers={"xkey-purge": "posts"}).status != 200


# --- The answer that is under way while the purge arrives ------------------------------------------------------------
class SlowOrigin:
    """Answers ``old`` once it is let go, and ``new`` from then on."""

    def __init__(self) -> None:
        self.is_asked, self.may_answer = Event(), Event()
        self.answers = iter(["old"])

    def serve(self) -> ThreadingHTTPServer:
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = next(origin.answers, "new").encode()
                if body == b"old":
                    origin.is_asked.set()
                    assert origin.may_answer.wait(10)
                self.send_response(200)
                for name, value in {
                    "Content-Length": str(len(body)),
                    "Cache-Control": "public, max-age=0, s-maxage=3600",
                    "Surrogate-Key": "posts",
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Not into the output of the tests."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


@pytest.mark.parametrize("kind", sorted(CACHES))
def test_an_answer_that_was_under_way_is_not_kept(kind: str, tmp_path: Path) -> None:
    origin = SlowOrigin()
    server = origin.serve()

    with CACHES[kind](tmp_path, server.server_port) as cache, ThreadPoolExecutor() as visitors:
        early = visitors.submit(cache.get, POSTS)
        assert origin.is_asked.wait(10)
        purged = cache.purge("posts").status
        origin.may_answer.set()

        assert (purged, early.result().content) == (200, b"old")
        until(lambda: cache.get(POSTS).content == b"new", "visitors get the new answer")
        warm(cache, POSTS)
        assert cache.get(POSTS).content == b"new"
    server.shutdown()
    server.server_close()
