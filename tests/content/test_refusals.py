"""Content that is wrong: refused by field, with a code that stays, and nothing is stored."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.content.factory import counts
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "title", "required"),
        ({"title": ""}, "title", "blank"),
        ({"title": "  "}, "title", "blank"),
        ({"title": "x" * 201}, "title", "max_length"),
        ({"title": "x" + " " * 200}, "title", "max_length"),
        ({"title": "a\nb"}, "title", "control_character"),
        ({"title": 5}, "title", "invalid"),
        ({"title": True}, "title", "invalid"),
        ({"title": None}, "title", "null"),
        ({"title": ["x"]}, "title", "invalid"),
        ({"title": "x", "slug": "Über"}, "slug", "invalid_slug"),
        ({"title": "x", "slug": "a--b"}, "slug", "invalid_slug"),
        ({"title": "x", "slug": "-a"}, "slug", "invalid_slug"),
        ({"title": "x", "slug": "a\n"}, "slug", "invalid_slug"),
        ({"title": "x", "slug": ""}, "slug", "blank"),
        ({"title": "x", "slug": "a" * 201}, "slug", "max_length"),
        ({"title": "x", "excerpt": "x" * 501}, "excerpt", "max_length"),
        ({"title": "x", "tags": "a"}, "tags", "not_a_list"),
        ({"title": "x", "tags": ["a"] * 31}, "tags", "max_length"),
        ({"title": "x", "tags": ["a", "a"]}, "tags", "duplicate"),
        ({"title": "x", "tags": ["a", " a "]}, "tags", "duplicate"),
        ({"title": "x", "tags": ["ok", "x" * 51]}, "tags.1", "max_length"),
        ({"title": "x", "tags": [""]}, "tags.0", "blank"),
        ({"title": "x", "tags": [1]}, "tags.0", "invalid"),
        ({"title": "x", "tags": None}, "tags", "null"),
        ({"title": "x", "featured_image_url": "javascript:alert(1)"}, "featured_image_url", "url"),
        ({"title": "x", "featured_image_url": "//evil.example/x.png"}, "featured_image_url", "url"),
        ({"title": "x", "published": "yes"}, "published", "invalid"),
        ({"title": "x", "published": 1}, "published", "invalid"),
        ({"title": "x", "titel": "y"}, "titel", "unknown_field"),
        ({"title": "x", "state": "pending"}, "state", "unknown_field"),
        ({"title": "x", "is_superuser": True}, "is_superuser", "unknown_field"),
        ({"title": "x", "body": "<b>" * 2000}, "body", "too_deep"),
        ([], "", "invalid"),
        ("text", "", "invalid"),
        (None, "", "null"),
    ],
)
def test_content_that_is_wrong_is_refused_by_field(api: Api, admin: str, body: Any, field: str, code: str) -> None:
    before = counts()

    raw = b"null" if body is None else None
    response = api.request("POST", "/posts", body, raw=raw, token=admin)

    assert response.status_code == 422, response.content
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [(field, code)]
    assert counts() == before


@pytest.mark.parametrize(
    ("links", "code"),
    [
        (["x"], "not_a_dict"),
        ({"x": "javascript:alert(1)"}, "url"),
        ({"x": "ftp://example.com"}, "url"),
        ({"": "https://example.com"}, "invalid_name"),
        ({str(n): "/x" for n in range(31)}, "max_length"),
    ],
)
def test_social_links_are_names_and_safe_addresses(api: Api, admin: str, links: Any, code: str) -> None:
    response = api.patch("/settings", {"social_links": links}, token=admin)

    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, code)
    assert response.json()["errors"][0]["field"].startswith("social_links")


@pytest.mark.parametrize(
    ("path", "body", "at_most"),
    [
        ("/posts", {"title": "x", "tags": [1] * 100_000}, 1),
        ("/posts", {f"k{number}": 1 for number in range(50_000)}, 20),
        ("/settings", {"social_links": {f"k{number}": 1 for number in range(50_000)}}, 1),
    ],
)
def test_a_body_with_thousands_of_mistakes_gets_a_short_answer(api: Api, path: str, body: Any, at_most: int) -> None:
    token = token_for(make_user("admin"))

    response = api.request("POST" if path == "/posts" else "PATCH", path, body, token=token)

    assert response.status_code == 422
    assert len(response.json()["errors"]) == at_most
