"""Bulk content for trying out sizes: many posts that look alike, written in batches past the verbs.

The rows are the same that creating and publishing each post would leave: working copy, revision, publication, slug,
projection. A test holds the two against each other.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import User
from content.models import Action, BlogPost, Revision
from core import clock, html
from core.ids import uuid7
from delivery import changes, projection
from delivery.models import PLURAL, Kind, Publication, Slug, SlugState

BATCH = 1000
TAGS = ("news", "guide", "release", "notes", "events", "people", "tools", "travel", "data", "design")
WORDS = (
    "a quiet morning in the workshop begins with the list of things that can wait and the few that cannot every change "
    "we make is written down where the next person will look for it and most of them are smaller than they sound"
).split()


def make_posts(count: int, *, by: User, progress: Callable[[int], None]) -> None:
    """Adds ``count`` published posts, newest first by a minute each; calls ``progress`` with the number made so far."""
    newest = clock.now()
    start = BlogPost.objects.filter(slug__startswith="bulk-").count()
    dice = random.Random(start)  # noqa: S311 - sample content, no secret
    for first in range(0, count, BATCH):
        numbers = range(start + first, start + min(first + BATCH, count))
        with transaction.atomic():
            _write([_post(number, dice, by, newest - timedelta(minutes=number)) for number in numbers], by)
        progress(min(first + BATCH, count))


def _post(number: int, dice: random.Random, by: User, created_at: datetime) -> BlogPost:
    words = dice.choices(WORDS, k=60)
    paragraphs = "".join(f"<p>{' '.join(dice.sample(words, 40)).capitalize()}.</p>" for _ in range(8))
    return BlogPost(
        title=f"{' '.join(words[:5]).capitalize()}, number {number}",
        slug=f"bulk-{number}",
        excerpt=f"{' '.join(words[5:25]).capitalize()}.",
        body=html.CleanHTML(paragraphs),
        author=by.name,
        tags=dice.sample(TAGS, dice.randint(1, 4)),
        revision_id=uuid7(),
        version=1,
        created_at=created_at,
        updated_at=created_at,
        created_by=by,
        updated_by=by,
    )


def _write(posts: list[BlogPost], by: User) -> None:
    BlogPost.objects.bulk_create(posts)
    Slug.objects.bulk_create(
        Slug(kind=Kind.POST, slug=post.slug, state=SlugState.LIVE, entry_id=post.pk) for post in posts
    )
    Revision.objects.bulk_create(_revision(post, by) for post in posts)
    publications = Publication.objects.bulk_create(_publication(post, by) for post in posts)
    tallies = projection.write(publications)
    changes.append(Kind.POST, [PLURAL[Kind.POST]], tallies)


def _revision(post: BlogPost, by: User) -> Revision:
    return Revision(
        id=post.revision_id,
        kind=Kind.POST,
        entry_id=post.pk,
        version=1,
        action=Action.CREATED,
        values=post.values(),
        created_at=post.created_at,
        created_by=by,
    )


def _publication(post: BlogPost, by: User) -> Publication:
    return Publication(
        kind=Kind.POST,
        entry_id=post.pk,
        revision_id=post.revision_id,
        slug=post.slug,
        content=post.values(),
        entry_created_at=post.created_at,
        published_at=post.created_at,
        live_from=post.created_at,
        published_by=by.pk,
    )
