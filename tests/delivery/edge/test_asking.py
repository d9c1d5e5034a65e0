"""Which requests are plain, and when two of them ask for the same."""

from random import Random
from typing import Any

import pytest
from django.http import QueryDict

from delivery.edge import asking
from delivery.edge.asking import Asked, Headers, asked_by, normalised

HOST: Headers = {b"host": b"testserver"}
PROXY = ("HTTP_X_FORWARDED_PROTO", "https")
ALLOWED = b"http://localhost:5173"  # tests.settings


def scope(path: str = "/api/v1/posts", query: bytes = b"", **more: Any) -> dict[str, Any]:
    return {"path": path, "query_string": query, "scheme": "http", **more}


@pytest.fixture(autouse=True)
def settings_are_read_anew() -> None:
    for remembered in (asking.normalised, asking.allowed_origin, asking._is_ours):
        remembered.cache_clear()


# --- The query ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [b"page=2&tag=a+b", b"tag=a+b&page=2", b"tag=a%20b&page=2", b"%74ag=a%20b&p%61ge=%32", b"&tag=a+b&&page=2&"],
)
def test_one_query_has_one_spelling(same: bytes) -> None:
    assert normalised(same) == "page=2&tag=a+b"


@pytest.mark.parametrize("other", [b"tag=A", b"tag=", b"tag", b"", b"tag=a%2B", b"tag=a+", b"Tag=a", b"tag=a;page=2"])
def test_other_queries_have_other_spellings(other: bytes) -> None:
    assert normalised(other) != normalised(b"tag=a")


def test_a_value_that_is_empty_is_not_a_value_that_is_missing() -> None:
    assert [normalised(query) for query in (b"", b"tag=", b"tag")] == ["", "tag=", "tag="]


@pytest.mark.parametrize(
    "odd",
    [
        b"tag=a&tag=b",
        b"tag=a&tag=a",
        b"tag=a&%74ag=b",
        b"tag=%ff",
        b"tag=%C3",
        "tag=ä".encode(),
        b"tag=" + b"a" * 997,
        b"&".join(b"p%d=1" % number for number in range(21)),
    ],
)
def test_what_is_doubled_too_long_or_no_text_is_for_django(odd: bytes) -> None:
    assert normalised(odd) is None


def test_as_long_and_as_many_as_may_be() -> None:
    longest = b"tag=" + b"a" * 996
    most = b"&".join(b"p%02d=1" % number for number in range(20))

    assert [normalised(longest), normalised(most)] == [longest.decode(), most.decode()]


def test_a_nul_stays_one_for_django_to_refuse() -> None:
    assert normalised(b"tag=a%00b") == "tag=a%00b"


def texts(chance: Random) -> dict[str, str]:
    letters = "aZ09 +%&=;/?#\x00\n\"'<äß漢😀\u2028"
    names = {"".join(chance.choices(letters, k=chance.randint(1, 4))) for _ in range(chance.randrange(6))}
    return {name: "".join(chance.choices(letters, k=chance.randrange(9))) for name in sorted(names)}


def test_normalising_changes_nothing_that_django_reads() -> None:
    for params in map(texts, map(Random, range(300))):
        query = QueryDict(mutable=True)
        query.update(params)

        once = normalised(query.urlencode().encode())

        assert once is not None
        assert (QueryDict(once).dict(), normalised(once.encode())) == (params, once)


def test_whatever_comes_is_normalised_or_left_and_never_fails() -> None:
    chance = Random(1)
    for _ in range(1_000):
        raw = bytes(chance.choices([*b"ab=&%+;20fFcC3a", 0, 10, 255, 195], k=chance.randrange(40)))

        once = normalised(raw)

        assert once is None or (normalised(once.encode()) == once and QueryDict(once) == QueryDict(raw))


# --- The origin --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "origin"),
    [
        (None, ""),
        (b"", ""),
        (b"null", ""),
        (ALLOWED, ALLOWED.decode()),
        (b"https://localhost:5173", ""),
        (b"http://localhost:5174", ""),
        (b"http://localhost", ""),
        (b"http://localhost:5173.example.com", ""),
        (b"http://evil.example.com", ""),
        (b"http://localhost:5173@evil.example.com", ""),
    ],
)
def test_an_origin_is_an_allowed_one_or_none(sent: bytes | None, origin: str) -> None:
    headers = HOST if sent is None else {**HOST, b"origin": sent}

    assert asked_by(scope(), headers) == Asked("/api/v1/posts", "", origin, False)


@pytest.mark.parametrize(
    "alike", [b"HTTP://localhost:5173", b"http://localhost:5173/", b"http://localhost:5173/x?y", b"http://[", b"\xff"]
)
def test_an_origin_that_resembles_an_allowed_one_is_for_django(alike: bytes) -> None:
    assert asked_by(scope(), {**HOST, b"origin": alike}) is None


# --- Hosts and schemes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [b"testserver", b"TESTSERVER", b"testserver:8000", b"localhost", b"127.0.0.1:80"])
def test_our_hosts_ask_for_the_same(host: bytes) -> None:
    assert asked_by(scope(), {b"host": host}) == Asked("/api/v1/posts", "", "", False)


@pytest.mark.parametrize(
    "host", [b"", b"evil.example.com", b"testserver.evil.example.com", b"testserver@evil", b"testserver\xff", b"a b"]
)
def test_another_host_is_for_django(host: bytes) -> None:
    assert asked_by(scope(), {b"host": host}) is None


def test_no_host_is_for_django() -> None:
    assert asked_by(scope(), {}) is None


@pytest.mark.parametrize(
    ("debug", "host", "is_plain"),
    [(True, b"blog.localhost", True), (True, b"example.com", False), (False, b"localhost", False)],
)
def test_without_allowed_hosts_those_that_django_takes_while_debugging(
    settings: Any, debug: bool, host: bytes, is_plain: bool
) -> None:
    settings.ALLOWED_HOSTS, settings.DEBUG = [], debug

    assert (asked_by(scope(), {b"host": host}) is not None) is is_plain


@pytest.mark.parametrize(
    ("trusted", "scheme", "forwarded", "is_secure"),
    [
        (None, "http", None, False),
        (None, "https", None, True),
        (None, "http", b"https", False),
        (None, "https", b"http", True),
        (PROXY, "http", None, False),
        (PROXY, "https", None, True),
        (PROXY, "http", b"https", True),
        (PROXY, "https", b"http", False),
        (PROXY, "http", b"http", False),
    ],
)
def test_a_proxy_is_believed_where_it_is_trusted(
    settings: Any, trusted: Any, scheme: str, forwarded: bytes | None, is_secure: bool
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = trusted
    headers = HOST if forwarded is None else {**HOST, b"x-forwarded-proto": forwarded}

    assert asked_by(scope(scheme=scheme), headers) == Asked("/api/v1/posts", "", "", is_secure)


@pytest.mark.parametrize("said", [b"https,http", b"https, https", b"HTTPS", b"", b"wss", b" https"])
def test_what_a_proxy_does_not_usually_say_is_for_django(settings: Any, said: bytes) -> None:
    settings.SECURE_PROXY_SSL_HEADER = PROXY

    assert asked_by(scope(), {**HOST, b"x-forwarded-proto": said}) is None


def test_where_https_is_wanted_only_https_is_plain(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert asked_by(scope(scheme="http"), HOST) is None
    assert asked_by(scope(scheme="https"), HOST) == Asked("/api/v1/posts", "", "", True)


def test_below_a_prefix_of_a_server_nothing_is_plain() -> None:
    assert asked_by(scope(root_path="/blog"), HOST) is None
