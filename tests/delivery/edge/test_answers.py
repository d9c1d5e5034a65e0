"""Encodings, tags and lifetimes of kept answers."""

import gzip
import math
from random import Random

import brotli
import pytest

from delivery.edge import answers
from delivery.edge.answers import (
    BROTLI,
    COMPRESSED_TO,
    GZIP,
    IDENTITY,
    Answer,
    encoding_for,
    is_unchanged,
    variant,
    without_body,
)

LONG = b'{"text": "' + b"again and " * 200 + b'"}'


def answer(body: bytes = LONG, *, etag: bytes = b'"abc"') -> Answer:
    headers = [
        (b"Content-Type", b"application/json"),
        (b"ETag", etag),
        (b"Content-Length", b"%d" % len(body)),
        (b"Vary", b"Origin, Accept-Encoding"),
        (b"Cache-Control", b"public, max-age=0, s-maxage=60, stale-while-revalidate=300"),
    ]
    return Answer(200, headers, body, ["posts"])


# --- Which encoding ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (None, IDENTITY),
        (b"", IDENTITY),
        (b"identity", IDENTITY),
        (b"br", BROTLI),
        (b"gzip", GZIP),
        (b"x-gzip", GZIP),
        (b"GZIP", GZIP),
        (b"deflate", IDENTITY),
        (b"zstd, compress", IDENTITY),
        (b"gzip, deflate, br, zstd", BROTLI),
        (b"gzip,br", BROTLI),
        (b"*", BROTLI),
        (b"*;q=0.5", BROTLI),
        (b"*;q=0", IDENTITY),
        (b"br;q=0, *", GZIP),
        (b"br;q=0, gzip;q=0, *", IDENTITY),
        (b"gzip;q=1.0, br;q=0.5", GZIP),
        (b"gzip;q=0.5, br;q=1.0", BROTLI),
        (b"gzip;q=0.5,br;q=0.5", BROTLI),
        (b"gzip;q=0", IDENTITY),
        (b"gzip;q=0.000", IDENTITY),
        (b"gzip; q=0.1 , br ; q=0.01", GZIP),
        (b"identity;q=0.5, gzip;q=0.4", IDENTITY),
        (b"identity;q=0.4, gzip;q=0.5", GZIP),
        (b"identity, gzip", GZIP),
        (b"gzip;q=nonsense", IDENTITY),
        (b"gzip;q=nan", IDENTITY),
        (b"gzip;q=inf", GZIP),
        (b"gzip;q=-1", IDENTITY),
        (b"gzip;level=9", GZIP),
        (b"\xff\xfe", IDENTITY),
        (b",,;;,gzip", GZIP),
    ],
)
def test_the_reader_gets_what_it_likes_best(accepted: bytes | None, encoding: str) -> None:
    assert encoding_for(accepted) == encoding


# --- Variants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("encoding", "decode"), [(GZIP, gzip.decompress), (BROTLI, brotli.decompress)])
def test_a_variant_is_the_same_text_in_fewer_bytes(encoding: str, decode: object) -> None:
    made = variant(answer(), encoding)

    headers, body = dict(made.headers), made.body["body"]
    assert callable(decode) and decode(body) == LONG
    assert len(body) < len(LONG)
    assert (headers[b"Content-Encoding"], headers[b"Content-Length"]) == (encoding.encode(), b"%d" % len(body))
    assert headers[b"Vary"] == b"Origin, Accept-Encoding"


def test_each_representation_has_its_own_strong_tag() -> None:
    tags = [variant(answer(), encoding).etag for encoding in (IDENTITY, GZIP, BROTLI)]

    assert tags == [b'"abc"', b'"abc-gzip"', b'"abc-br"']


@pytest.mark.parametrize("encoding", [IDENTITY, GZIP, BROTLI])
def test_the_same_answer_becomes_the_same_bytes_every_time(encoding: str) -> None:
    first, second = variant(answer(), encoding), variant(answer(), encoding)

    assert (first.headers, first.body) == (second.headers, second.body)


def test_what_is_compressed_does_not_say_when() -> None:
    """Or each process would have other bytes under the same tag."""
    assert variant(answer(), GZIP).body["body"][4:8] == bytes(4)


@pytest.mark.parametrize(
    ("length", "is_compressed"), [(999, False), (1_000, True), (COMPRESSED_TO, True), (COMPRESSED_TO + 1, False)]
)
def test_what_is_small_is_not_worth_it_and_what_is_large_would_make_others_wait(
    length: int, is_compressed: bool
) -> None:
    made = dict(variant(answer(b"a" * length), BROTLI).headers)

    assert (made.get(b"Content-Encoding") == b"br") is is_compressed
    assert (made[b"Content-Length"] == b"%d" % length) is not is_compressed


@pytest.mark.parametrize("encoding", [GZIP, BROTLI])
def test_what_does_not_get_smaller_stays_as_it_is(encoding: str) -> None:
    noise = Random(1).randbytes(2_000)

    made = variant(answer(noise), encoding)

    assert (made.body["body"], made.etag) == (noise, b'"abc"')
    assert b"Content-Encoding" not in dict(made.headers)


def test_an_answer_that_is_not_compressed_shares_its_bytes_with_it() -> None:
    whole = answer()

    assert variant(whole, IDENTITY).body["body"] is whole.body


# --- Tags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked", [b'"abc"', b'W/"abc"', b"*", b" * ", b'"x", "abc"', b'"x",W/"abc" , "y"', b'"x"  ,  "abc"']
)
def test_a_tag_that_is_named_is_unchanged(asked: bytes) -> None:
    assert is_unchanged(b'"abc"', asked)


@pytest.mark.parametrize(
    "asked", [b"", b'"ab"', b'"abc-gzip"', b"abc", b'"x", "y"', b'W/"ABC"', b'"abc', b"\xff", b'"x*"']
)
def test_a_tag_that_is_not_named_is_changed(asked: bytes) -> None:
    assert not is_unchanged(b'"abc"', asked)


def test_a_304_has_the_headers_that_a_cache_needs_and_none_of_a_body() -> None:
    headers = without_body(variant(answer(), GZIP).headers)

    assert headers == [
        (b"ETag", b'"abc-gzip"'),
        (b"Vary", b"Origin, Accept-Encoding"),
        (b"Cache-Control", b"public, max-age=0, s-maxage=60, stale-while-revalidate=300"),
    ]


# --- Lifetimes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (1_000.0, "public, max-age=0, s-maxage=60, stale-while-revalidate=300"),
        (360.0, "public, max-age=0, s-maxage=60, stale-while-revalidate=300"),
        (359.9, "public, max-age=0, s-maxage=60, stale-while-revalidate=299"),
        (60.0, "public, max-age=0, s-maxage=60, stale-while-revalidate=0"),
        (7.9, "public, max-age=0, s-maxage=7, stale-while-revalidate=0"),
        (0.5, "public, max-age=0, s-maxage=0, stale-while-revalidate=0"),
        (-1.0, "public, max-age=0, s-maxage=0, stale-while-revalidate=0"),
    ],
)
def test_what_is_about_to_change_tells_shared_caches(seconds: float, says: str) -> None:
    before = answer().headers

    after = answers.with_lifetime(before, seconds)

    assert after == [*before[:-1], (b"Cache-Control", says.encode())]


def test_an_answer_that_time_does_not_change_lives_for_ever() -> None:
    assert answer().changes_at == math.inf
