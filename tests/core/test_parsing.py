"""What the parser refuses, and with which words; asked through a real endpoint."""

import pytest

from content.models import BlogPost
from core.api.parsing import MAX_DEPTH
from tests.conftest import Api
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b" ", "Not JSON"),
        (b"{", "Not JSON"),
        (b"{'a': 1}", "Not JSON"),
        (b'{"title": "x",}', "Not JSON"),
        (b'\xef\xbb\xbf{"title": "x"}', "Not JSON"),
        (b'{"title": "\xff"}', "UTF-8"),
        (b'{"title": "\xed\xa0\x80"}', "UTF-8"),
        (b'{"title": "x\\u0000"}', "NUL"),
        (b'{"x\\u0000": 1}', "NUL"),
        (b'{"title": "\\ud800"}', "surrogate"),
        (b'{"title": "x", "title": "y"}', "twice"),
        (b'{"title": "x", "a": {"b": 1, "b": 2}}', "twice"),
        (b'{"title": NaN}', "NaN"),
        (b'{"title": Infinity}', "Infinity"),
        (b'{"title": 1e999}', "range"),
        (b'{"title": ' + b"9" * 30 + b"}", "range"),
        (b'{"title": ' + b"9" * 5000 + b"}", "range"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper"),
    ],
)
def test_a_body_that_cannot_be_read_is_400_and_says_why(api: Api, raw: bytes, word: str) -> None:
    response = api.request("POST", "/posts", raw=raw, token=token_for(make_user("author")))

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "malformed_request")
    assert word in problem["detail"]
    assert BlogPost.objects.count() == 0


def test_the_greatest_depth_is_read(api: Api) -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH

    assert api.request("POST", "/posts", raw=raw, token=token_for(make_user("author"))).status_code == 422


def test_a_pair_of_surrogates_is_a_letter(api: Api) -> None:
    raw = b'{"title": "\\ud83c\\udf89 party"}'

    response = api.request("POST", "/posts", raw=raw, token=token_for(make_user("author")))

    assert response.json()["title"] == "🎉 party"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin-1",
    ],
)
def test_other_media_types_are_415(api: Api, content_type: str) -> None:
    token = token_for(make_user("author"))

    response = api.request("POST", "/posts", {"title": "x"}, token=token, content_type=content_type)

    assert (response.status_code, BlogPost.objects.count()) == (415, 0)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/posts?q=%00", 400),
        ("/posts?q=%ff", 400),
        ("/posts?%00=1", 400),
        ("/posts?" + "&".join(f"a{n}=1" for n in range(60)), 400),
    ],
)
def test_a_query_that_cannot_be_read_is_400(api: Api, path: str, status: int) -> None:
    assert api.get(path).status_code == status
