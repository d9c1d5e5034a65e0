"""Nobody can put into memory what others should not get, nor get what is not theirs."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from delivery.edge.memory import MIB, Memory
from tests.content.factory import make_post
from tests.delivery.edge.harness import Stitch, ask, edge_over, edge_without_memory
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db

ALLOWED, OTHER = "http://localhost:5173", "https://www.example.com"
TARGETS = ("/posts/hello", "/posts?per_page=5", "/settings", "/posts/before")
EVIL = "evil.example.com"
UNKEYED = {
    "x-forwarded-host": EVIL,
    "x-forwarded-server": EVIL,
    "x-forwarded-prefix": "/evil",
    "x-forwarded-path": "/admin",
    "x-forwarded-port": "4711",
    "x-forwarded-scheme": "nothttps",
    "x-forwarded-ssl": "on",
    "x-forwarded-for": "203.0.113.66",
    "x-real-ip": "203.0.113.66",
    "forwarded": f"host={EVIL};proto=https",
    "x-host": EVIL,
    "x-original-url": "/api/v1/posts/other",
    "x-rewrite-url": "/api/v1/posts/other",
    "x-original-host": EVIL,
    "x-http-method-override": "DELETE",
    "x-http-method": "PUT",
    "x-method-override": "HEAD",
    "x-script-name": "/evil",
    "script-name": "/evil",
    "script_name": "/evil",
    "http_host": EVIL,
    "x_request_id": "evil",
    "accept": "text/html, application/evil;q=0.9",
    "accept-language": "de",
    "accept-charset": "utf-7",
    "range": "bytes=0-3",
    "if-range": '"x"',
    "if-match": '"never"',
    "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT",
    "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT",
    "user-agent": "<script>alert(1)</script>",
    "referer": f"http://{EVIL}/",
    "via": EVIL,
    "idempotency-key": "evil",
    "access-control-request-method": "DELETE",
    "access-control-request-headers": "authorization",
    "access-control-request-private-network": "true",
    "x-csrftoken": "x",
    "cache-control": "no-store",
    "pragma": "no-cache",
    "vary": "*",
    "upgrade": "h2c",
    "upgrade-insecure-requests": "1",
    "te": "trailers",
    "x-api-key": "evil",
    "x-access-token": "evil",
    "remote-user": "admin",
    "x-remote-user": "admin",
}


@pytest.fixture(autouse=True)
def _content() -> None:
    make_post(title="Hello", slug="hello", tags=["red"])
    make_post(title="Other", slug="other")


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async_to_sync(scenario)()


@pytest.mark.parametrize("name", UNKEYED)
def test_a_header_that_is_not_part_of_the_name_changes_nothing_for_others(name: str) -> None:
    async def scenario() -> None:
        product = Stitch()
        clean = {target: await ask(edge_without_memory(product), target) for target in TARGETS}
        edge = edge_over(product)

        for target in TARGETS:
            await ask(edge, target, headers={name: UNKEYED[name]})
        after = {target: await ask(edge, target) for target in TARGETS}

        assert {target: one.comparable for target, one in after.items()} == {
            target: one.comparable for target, one in clean.items()
        }
        assert not [one for one in after.values() if EVIL in str(one.headers)]

    run(scenario)


def test_all_of_them_together_change_nothing_either() -> None:
    async def scenario() -> None:
        product = Stitch()
        clean = {target: await ask(edge_without_memory(product), target) for target in TARGETS}
        edge = edge_over(product)

        for target in TARGETS:
            await ask(edge, target, headers=UNKEYED)

        for target in TARGETS:
            assert (await ask(edge, target)).comparable == clean[target].comparable

    run(scenario)


@pytest.mark.parametrize("trusts_a_proxy", [True, False])
def test_the_scheme_of_one_is_not_the_answer_of_another(settings: Any, trusts_a_proxy: bool) -> None:
    """Over HTTPS answers say Strict-Transport-Security."""
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if trusts_a_proxy else None

    async def scenario() -> None:
        edge = edge_over(Stitch())
        said = [
            (await ask(edge, "/posts/hello", headers={"x-forwarded-proto": proto}))["Strict-Transport-Security"]
            for proto in ("https", "http", "https", "http")
        ]
        assert [one is not None for one in said] == [trusts_a_proxy, False] * 2

    run(scenario)


def test_an_origin_never_gets_the_answer_of_another(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ALLOWED, OTHER]
    asked = [ALLOWED, OTHER, None, f"http://{EVIL}", "null", ALLOWED, f"{ALLOWED}.{EVIL}", OTHER.upper(), OTHER, ""] * 2

    async def scenario() -> None:
        edge = edge_over(Stitch())
        for origin in asked:
            for target in TARGETS:
                got = await ask(edge, target, headers={} if origin is None else {"origin": origin})
                allowed = got["Access-Control-Allow-Origin"]
                assert allowed == (origin if origin in (ALLOWED, OTHER) else None), (origin, target)
                assert "origin" in (got["Vary"] or "").lower()

    run(scenario)


def test_foreign_origins_share_one_answer() -> None:
    async def scenario() -> None:
        memory = Memory(MIB)
        edge = edge_over(Stitch(), memory=memory)

        for number in range(20):
            await ask(edge, "/posts/hello", headers={"origin": f"http://{number}.{EVIL}"})

        assert len(memory) == 1

    run(scenario)


@pytest.mark.parametrize("query", ["utm_source=x", "callback=evil", "_method=DELETE", "cb=1", "format=html", "lang=de"])
def test_parameters_that_are_not_known_fill_nothing(query: str) -> None:
    async def scenario() -> None:
        memory = Memory(MIB)
        edge = edge_over(Stitch(), memory=memory)

        got = [await ask(edge, f"{target}?{query}") for target in ("/posts", "/posts/hello", "/settings")]

        assert ([one.status for one in got], len(memory)) == ([422] * 3, 0)

    run(scenario)


@pytest.mark.parametrize("header", ["authorization", "cookie"])
def test_what_is_seen_with_credentials_is_seen_by_nobody_else(header: str) -> None:
    admin = make_user("admin")
    make_post(title="Secret draft", slug="secret", published=False, by=admin)
    value = f"Bearer {token_for(admin)}" if header == "authorization" else "sessionid=x"

    async def scenario() -> None:
        memory = Memory(MIB)
        edge = edge_over(Stitch(), memory=memory)

        with_credentials = {
            target: await ask(edge, target, headers={header: value})
            for target in ("/posts/hello", "/posts/secret", "/posts?status=draft", "/posts", "/settings")
        }
        assert len(memory) == 0
        anonymous = {target: await ask(edge, target) for target in with_credentials}

        assert {target: one.status for target, one in anonymous.items()} == {
            "/posts/hello": 200, "/posts/secret": 404, "/posts?status=draft": 401, "/posts": 200, "/settings": 200,
        }  # fmt: skip
        assert "Secret" not in str([one.body for one in anonymous.values()])
        assert (with_credentials["/posts/secret"].status == 200) is (header == "authorization")

    run(scenario)


def test_with_credentials_the_working_copy_comes_even_where_the_public_one_is_in_memory() -> None:
    admin = make_user("admin")
    bearer = f"Bearer {token_for(admin)}"

    async def scenario() -> None:
        edge = edge_over(Stitch())
        for _ in range(2):
            await ask(edge, "/posts/hello")

        mine = await ask(edge, "/posts/hello", headers={"authorization": bearer})

        assert (mine["Cache-Control"], "status" in json.loads(mine.body)) == ("private, no-store", True)

    run(scenario)


@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/posts/hello/../../../admin",
        "//api/v1//posts/hello",
        "//api/v1/posts//hello",
        "//api/v1/posts/hello%2f",
    ],
)
def test_odd_paths_get_what_django_says_of_them(path: str) -> None:
    async def scenario() -> None:
        product = Stitch()
        edge = edge_over(product)

        got = [(await ask(edge, path)).comparable for _ in range(2)]

        assert got == [(await ask(edge_without_memory(product), path)).comparable] * 2

    run(scenario)
