"""Pages and posts as the verbs make them."""

from typing import Any

from accounts.models import User
from content import saving
from content.models import BlogPost, Page, Revision
from core import clock
from delivery.models import LiveEntry, Publication, Slug
from tests.factories import make_user


def make_post(*, published: bool = True, by: User | None = None, **values: Any) -> BlogPost:
    writer = by or make_user("admin")
    return saving.save_new(BlogPost, {"title": "A post", **values}, published=published, by=writer, now=clock.now())


def make_page(*, published: bool = True, by: User | None = None, **values: Any) -> Page:
    writer = by or make_user("admin")
    return saving.save_new(Page, {"title": "A page", **values}, published=published, by=writer, now=clock.now())


def counts() -> tuple[int, ...]:
    """How many rows there are of everything that a write may leave behind."""
    return tuple(model.objects.count() for model in (BlogPost, Page, Revision, Publication, LiveEntry, Slug))
