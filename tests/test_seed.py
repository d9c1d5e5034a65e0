"""Demo content and bulk content."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.forms.models import model_to_dict

from accounts.models import User
from cms_project import bulk, demo_files
from content import saving
from content.models import BlogPost, Page, Revision
from core import clock, html
from delivery.models import LiveEntry, LiveTag, Publication, Slug
from tests.conftest import Api
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def seed(*arguments: str) -> str:
    out = StringIO()
    call_command("seed", *arguments, stdout=out)
    return out.getvalue()


def test_seeding_fills_an_empty_site(api: Api) -> None:
    told = seed()

    assert (Page.objects.count() >= 6, BlogPost.objects.count() >= 30) == (True, True)
    assert {user.role() for user in User.objects.all()} == {"admin", "approver", "author", "member"}
    assert api.get("/settings").json()["site_name"] == demo_files.site_settings()["site_name"]
    assert api.get("/pages/home").status_code == 200
    published = [demo for demo in demo_files.posts() if demo.is_published]
    assert api.get("/posts").json()["total"] == len(published) < BlogPost.objects.count()
    assert told.count("shown once") == 4


def test_seeding_again_changes_nothing_and_shows_no_password() -> None:
    seed()
    before = list(Revision.objects.values_list("pk")), list(User.objects.values_list("password"))

    told = seed()

    assert (list(Revision.objects.values_list("pk")), list(User.objects.values_list("password"))) == before
    assert "password" not in told


def test_the_administrator_comes_from_the_environment(settings: Any) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "Boss@Example.com", "a password of my own"

    told = seed()

    admin = User.objects.get(email="boss@example.com")
    assert (admin.role(), admin.check_password("a password of my own")) == ("admin", True)
    assert "a password of my own" not in told


def test_in_development_the_made_up_password_is_kept_for_the_next_start(settings: Any, tmp_path: Path) -> None:
    settings.DEBUG, settings.DEVELOPMENT_PASSWORD_FILE = True, tmp_path / "password"

    told = seed()

    made = (tmp_path / "password").read_text()
    assert made in told and User.objects.get(email="admin@example.com").check_password(made)


def test_demo_content_is_clean_as_it_is_written() -> None:
    dirty = {
        demo.values["title"]: html.clean(demo.values["body"]).removed
        for demo in (*demo_files.pages(), *demo_files.posts())
        if html.clean(demo.values["body"]).removed
    }

    assert dirty == {}


def test_bulk_posts_leave_the_rows_that_the_verbs_leave(api: Api, settings: Any) -> None:
    user = make_user("admin")
    bulk.make_posts(3, by=user, progress=lambda done: None)
    made = BlogPost.objects.latest("created_at")
    twin = saving.save_new(BlogPost, made.values() | {"slug": "twin"}, published=True, by=user, now=clock.now())

    assert _rows(made) == _rows(twin)
    assert api.get("/posts").json()["total"] == 4


def test_bulk_posts_can_be_added_to() -> None:
    seed("--posts", "2")
    told = seed("--posts", "3")

    assert BlogPost.objects.filter(slug__startswith="bulk-").count() == 5
    assert "3/3 posts" in told


def _rows(post: BlogPost) -> list[dict[str, Any]]:
    """Everything that belongs to a post, less what must differ: ids, moments and the slug."""
    different = {"id", "pk", "slug", "summary", "detail", "values", "content", "publication", "entry"}
    rows: list[Any] = [
        BlogPost.objects.get(pk=post.pk),
        Revision.objects.get(entry_id=post.pk),
        Publication.objects.get(entry_id=post.pk),
        LiveEntry.objects.get(entry_id=post.pk),
        Slug.objects.get(entry_id=post.pk),
        *LiveTag.objects.filter(entry__entry_id=post.pk),
    ]
    plain = [{field.name: getattr(row, field.attname) for field in row._meta.fields} for row in rows]
    return [
        {n: v for n, v in row.items() if n not in different and not n.endswith(("_at", "_id", "_from"))}
        for row in plain
    ] + [{"title": model_to_dict(rows[0])["title"]}]
