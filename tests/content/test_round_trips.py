"""How many messages a write sends to the database (docs/decisions/0018-fewer-round-trips.md)."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from content.models import BlogPost
from tests.conftest import Api
from tests.content.factory import make_post
from tests.factories import make_user, token_for

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]

POST = {"title": "Hello", "body": "<p>Hi</p>", "tags": ["a", "b"], "published": True}


def messages(api: Api, *request: Any, **options: Any) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        response = api.request(*request, **options)
    assert response.status_code in (200, 201), response.content
    return [one["sql"].split()[0] for one in queries]


@pytest.mark.parametrize("tags", [[], ["a"], ["a", "b", "c", "d", "e"]])
def test_a_new_post_that_is_public_at_once(api: Api, tags: list[str]) -> None:
    token = token_for(make_user("approver"))

    sent = messages(api, "POST", "/posts", {**POST, "tags": tags}, token=token)

    # Who, with rights and moment; slug; all that is written. The savepoint is the transaction within the test's.
    assert sent == ["SELECT", "SAVEPOINT", "INSERT", "INSERT", "RELEASE"]


def test_a_change_of_a_public_post(api: Api) -> None:
    post, token = make_post(tags=["a", "b"]), token_for(make_user("approver"))

    sent = messages(api, "PATCH", f"/posts/{post.pk}", {"title": "New", "tags": ["b", "c"]}, token=token)

    assert sent == [
        *("SELECT", "SAVEPOINT"),  # who, with rights
        *("SELECT", "SELECT", "SELECT"),  # the post, locked; moment; whether it is public
        "UPDATE",  # post, revision and trail, and what was public before
        "DELETE",  # tags and row of the projection
        *("DELETE", "RELEASE"),  # all the rest, and the answer
    ]
    assert BlogPost.objects.get().title == "New"
