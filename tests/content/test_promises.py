"""What must hold whoever calls: verbs validate by themselves, and a verb that fails half-way leaves nothing."""

from typing import Any

import pytest
from django.db import connection

from content import drafts, publishing, saving
from content.models import BlogPost, Page, Revision, SiteSettings
from core import clock, errors
from delivery import projection
from delivery.models import LiveEntry, Publication, Slug
from tests.conftest import Api
from tests.content.factory import make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db

TABLES = (BlogPost, Page, SiteSettings, Revision, Publication, LiveEntry, Slug)


def everything() -> list[list[dict[str, Any]]]:
    return [list(model._default_manager.order_by("pk").values()) for model in TABLES]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x", "slug": "Not A Slug"}, "slug"),
        ({"title": "x", "tags": ["a", "a"]}, "tags"),
        ({"title": "x", "tags": ["\x00"]}, "tags"),
        ({"title": "x", "tags": "a"}, "tags"),
        ({"title": "x", "excerpt": "x" * 501}, "excerpt"),
        ({"title": "x", "body": "x" * 1_000_001}, "body"),
        ({"title": "x", "featured_image_url": "javascript:alert(1)"}, "featured_image_url"),
        ({"title": "x", "state": "pending"}, "state"),
        ({"title": "x", "created_by": None}, "created_by"),
    ],
)
def test_a_verb_refuses_what_is_wrong_whoever_calls(values: dict[str, Any], field: str) -> None:
    admin = make_user("admin")
    post = make_post(by=admin)
    before = everything()

    with pytest.raises(errors.Invalid) as created:
        drafts.create(BlogPost, values, by=admin, now=clock.now())
    with pytest.raises(errors.Invalid) as changed:
        drafts.change(post, values, by=admin, now=clock.now())

    assert {one.field for one in (*created.value.errors, *changed.value.errors)} == {field}
    assert everything() == before


def test_a_verb_cleans_html_whoever_calls() -> None:
    admin = make_user("admin")

    post = drafts.create(
        BlogPost, {"title": "x", "body": "<p onclick=x>a<script>b</script></p>"}, by=admin, now=clock.now()
    )

    assert BlogPost.objects.get(pk=post.pk).body == "<p>a</p>"
    assert Revision.objects.get(entry_id=post.pk).values["body"] == "<p>a</p>"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("breaks", ["revision", "projection"])
def test_a_write_that_fails_half_way_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, method: str, breaks: str
) -> None:
    admin = make_user("admin")
    token = token_for(admin)
    make_post(title="Hello", by=admin)
    before = everything()

    def explode(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the disk is gone")

    if breaks == "revision":
        monkeypatch.setattr(drafts, "_tell", explode)
    else:
        monkeypatch.setattr(projection, "remove" if method == "DELETE" else "write", explode)
    path = "/posts" if method == "POST" else "/posts/hello"
    body = None if method == "DELETE" else {"title": "New", "slug": "new", "published": True}
    response = api.request(method, path, body, token=token)

    assert response.status_code == 500
    assert everything() == before


def test_a_failed_verb_leaves_the_transaction_of_its_caller_usable() -> None:
    admin = make_user("admin")
    make_post(title="Taken", by=admin)

    with pytest.raises(errors.Invalid):
        saving.save_new(BlogPost, {"title": "x", "slug": "taken"}, published=True, by=admin, now=clock.now())

    assert not connection.needs_rollback
    assert publishing.publish(make_post(published=False, by=admin), by=admin, now=clock.now()).live_until is None
