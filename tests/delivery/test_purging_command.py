"""``manage.py purge_cdn``: by hand, and how it stands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core import clock
from delivery.models import Head, PurgeCursor
from tests.delivery.cdn_server import FakeCdn, Said

pytestmark = pytest.mark.django_db

TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture
def nodes(settings: Any) -> Iterator[list[FakeCdn]]:
    """Two Varnish nodes, each of which is a target."""
    with FakeCdn().running() as first, FakeCdn().running() as second:
        settings.CDN_PURGE = [
            {
                "PROVIDER": "delivery.providers.varnish.Varnish",
                "OPTIONS": {"address": f"127.0.0.1:{one.port}", "token": TOKEN},
            }
            for one in (first, second)
        ]
        yield [first, second]


def purge_cdn(*arguments: str) -> str:
    out = StringIO()
    call_command("purge_cdn", *arguments, stdout=out)
    return out.getvalue()


def keys_of(node: FakeCdn) -> list[str]:
    return [one.headers["xkey-purge"] for one in node.requests]


def test_keys_are_purged_at_every_target(nodes: list[FakeCdn]) -> None:
    said = purge_cdn("posts", "post:0198c4ef-0b69-7df2-9571-2f5c3a1d9e44", "posts")

    purged = "purged posts, post:0198c4ef-0b69-7df2-9571-2f5c3a1d9e44"
    assert [keys_of(node) for node in nodes] == [["posts post:0198c4ef-0b69-7df2-9571-2f5c3a1d9e44"]] * 2
    assert said == "".join(f"varnish://127.0.0.1:{node.port}: {purged}\n" for node in nodes)


def test_all_is_everything(nodes: list[FakeCdn]) -> None:
    said = purge_cdn("--all")

    assert [keys_of(node) for node in nodes] == [["*"]] * 2
    assert said.count("purged everything") == 2


def test_a_failure_is_told_and_ends_with_an_error_after_the_others_had_their_turn(nodes: list[FakeCdn]) -> None:
    nodes[0].answers = [Said(403, f"{TOKEN} is wrong".encode())]
    out = StringIO()

    with pytest.raises(CommandError, match=r"1 of 2 failed\."):
        call_command("purge_cdn", "pages", stdout=out)

    assert "answered 403 … is wrong" in out.getvalue()
    assert TOKEN not in out.getvalue()
    assert keys_of(nodes[1]) == ["pages"]


@pytest.mark.parametrize("key", ["*", "posts pages", "post:1\r\nX-Other: 1", "Posts", "", "x" * 101])
def test_what_is_no_key_is_refused(nodes: list[FakeCdn], key: str) -> None:
    with pytest.raises(CommandError, match="is no key"):
        purge_cdn("posts", key)

    assert [node.requests for node in nodes] == [[], []]


def test_keys_and_all_do_not_go_together(nodes: list[FakeCdn]) -> None:
    with pytest.raises(CommandError, match="Name keys, or say --all"):
        purge_cdn("posts", "--all")


def test_without_a_cdn_it_says_so(settings: Any) -> None:
    settings.CDN_PURGE = []

    with pytest.raises(CommandError, match="CDN_PURGE_URL is not set"):
        purge_cdn()


def test_how_it_stands(nodes: list[FakeCdn]) -> None:
    Head.objects.update_or_create(id=1, defaults={"position": 7})
    PurgeCursor.objects.create(
        target=f"varnish://127.0.0.1:{nodes[0].port}",
        position=5,
        free_at=clock.now(),
        failures=3,
        failing_since=datetime(2027, 3, 1, 12, tzinfo=UTC),
        error="answered 503",
    )

    assert purge_cdn() == (
        f"varnish://127.0.0.1:{nodes[0].port}: 2 change(s) behind, "
        "failing since 2027-03-01T12:00:00.000000Z: answered 503\n"
        f"varnish://127.0.0.1:{nodes[1].port}: was never told anything\n"
    )
    assert [node.requests for node in nodes] == [[], []]
