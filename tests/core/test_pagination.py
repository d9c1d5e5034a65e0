"""Addresses in one spelling, whatever the caller's was."""

import pytest

from core.api.pagination import Page, address, links


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, "page={}"),
        ({"page": "2"}, "page={}"),
        ({"tag": "a b", "page": "2", "author": "Zoë", "per_page": "5"}, "author=Zo%C3%AB&page={}&per_page=5&tag=a+b"),
        ({"q": "page=1&page", "fields": "title,slug"}, "fields=title%2Cslug&page={}&q=page%3D1%26page"),
    ],
)
def test_links_are_sorted_and_encoded_anew(params: dict[str, str], query: str) -> None:
    expected = {"first": 1, "last": 4, "prev": 1, "next": 3}

    for path in ("/api/v1/posts", "/api/v1/posts/"):
        assert links(path, params, Page(2, 5), 20) == ", ".join(
            f'</api/v1/posts?{query.format(number)}>; rel="{rel}"' for rel, number in expected.items()
        )


def test_an_address_without_parameters_is_its_path() -> None:
    assert (address("/posts/", {}), address("/posts", {"b": "1", "a": ""})) == ("/posts", "/posts?a=&b=1")
