"""Real workers of a real server, while the CDN is away and the server itself is killed."""

from pathlib import Path

import pytest

from tests.delivery.cdn_server import FakeCdn
from tests.faults.processes import free_port, wait_until
from tests.faults.stitch import Site, manage, prepare

pytestmark = pytest.mark.server

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
TOKEN = "a-token-that-nobody-may-see"


def tags(cdn: FakeCdn) -> list[str]:
    """In the order in which they came."""
    return [tag for one in cdn.requests for tag in one.json().get("tags", [])]


def test_what_was_written_while_the_cdn_was_away_is_told_though_every_process_was_killed(tmp_path: Path) -> None:
    port = free_port()
    settings = {"CDN_PURGE_URL": f"cloudflare://{ZONE}?api=http://127.0.0.1:{port}", "CDN_PURGE_TOKEN": TOKEN}
    site = Site(tmp_path / "site.log", f"sqlite:///{tmp_path}/site.sqlite3", settings=settings)
    prepare(site.database_url)
    try:
        with FakeCdn(port=port).running() as before:
            site.start()
            wait_until(lambda: before.requests != [], seconds=10, what="a new CDN is emptied")
        first, second = (site.editor.post("/posts", post(slug)).json()["id"] for slug in ("first", "second"))
        wait_until(lambda: "Purging cloudflare" in site.log.read_text(), seconds=10, what="the failure is noticed")
        site.kill()
        site.start()
        third = site.editor.post("/posts", post("third")).json()["id"]
        stands = manage("purge_cdn", DATABASE_URL=site.database_url, **settings)

        with FakeCdn(port=port).running() as after:
            wait_until(lambda: f"post:{third}" in tags(after), seconds=30, what="the CDN is told what it missed")
    finally:
        site.stop()

    assert [one.json() for one in before.requests] == [{"purge_everything": True}]
    assert tags(after) == [f"post:{first}", "posts", f"post:{second}", f"post:{third}"]
    assert stands.startswith(f"cloudflare://{ZONE}: 3 change(s) behind, failing since ")
    log = site.log.read_text()
    assert (log.count("is tried until it succeeds"), log.count("works again")) == (1, 1)
    assert TOKEN not in log + stands
    assert site.unhandled() == []


def post(slug: str) -> dict[str, object]:
    return {"slug": slug, "title": slug, "body": "x", "published": True}
