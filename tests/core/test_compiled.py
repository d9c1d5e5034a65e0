"""Queries that are compiled once answer what the same queries answer that are made anew each time."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Max, QuerySet

from content import finding
from content.models import BlogPost, Page
from core import clock
from core.compiled import Compiled
from tests.content.factory import make_page, make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def by_slug_and_author(slug: str, author: UUID) -> QuerySet[BlogPost]:
    return BlogPost.objects.with_publication().filter(slug=slug, created_by=author, state="draft")


def fields_of(thing: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(thing).items() if name != "_state"}


def test_each_call_answers_for_what_it_is_given() -> None:
    ann, bob = make_user("admin"), make_user("admin")
    one, other = make_post(slug="one", by=ann), make_post(slug="other", by=bob, published=False)
    find: Compiled[BlogPost] = Compiled(by_slug_and_author, str, UUID)

    found = [find.first(slug, user.pk) for slug in ("one", "other", "' OR 1=1 --") for user in (ann, bob)]

    assert [thing and thing.pk for thing in found] == [one.pk, None, None, other.pk, None, None]


@pytest.mark.parametrize("make", [make_post, make_page])
@pytest.mark.parametrize("published", [True, False])
def test_a_thing_is_the_one_that_the_query_gives(make: Any, published: bool) -> None:
    made = make(published=published, body="<p>x</p>")
    for _ in range(2):
        found = finding.again(made)

        expected = type(made).objects.with_publication().get(pk=made.pk)
        assert fields_of(found) == fields_of(expected)
        assert (found._state.db, found._state.adding) == ("default", False)
        assert found.created_by == expected.created_by


def test_the_moment_is_that_of_the_question() -> None:
    now = clock.now()
    ends: Compiled[Page] = Compiled(lambda key: Page.objects.filter(pk=key, created_at__lte=clock.Now()), UUID)
    page = make_page()
    Page.objects.filter(pk=page.pk).update(created_at=now + timedelta(hours=1))
    before = ends.first(page.pk)
    Page.objects.filter(pk=page.pk).update(created_at=now)

    assert (before, ends.first(page.pk)) == (None, page)


def test_values_come_as_a_tuple() -> None:
    page = make_page(title="Title")
    newest: Compiled[Page] = Compiled(
        lambda key: Page.objects.filter(pk=key).values("pk").annotate(at=Max("created_at")).values_list("at", "title"),
        UUID,
    )

    assert newest.row(page.pk) == (page.created_at, "Title")
    assert newest.row(uuid4()) is None


def test_it_is_one_query(django_assert_num_queries: Any) -> None:
    page = make_page()

    for _ in range(2):
        with django_assert_num_queries(1):
            finding.again(page)


def test_what_is_gone_is_said_so() -> None:
    page = make_page()
    Page.objects.all().delete()

    with pytest.raises(Page.DoesNotExist):
        finding.again(page)


@pytest.mark.postgres
def test_a_value_that_the_query_loses_is_a_mistake_of_who_wrote_it() -> None:
    assert connection.vendor == "postgresql"
    find: Compiled[Page] = Compiled(lambda key: Page.objects.all(), UUID)

    with pytest.raises(TypeError, match="Not every value"):
        find.first(uuid4())
