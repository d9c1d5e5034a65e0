"""Random lives of a few entries against a small model of what must be true after every step.

The model knows nothing of the tables: an entry has a working slug and title, perhaps a public slug and title, and may
lie in the bin; an old address leads on while its target is public, until somebody else is public there.
"""

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Count

from accounts.models import User
from content import drafts, finding, publishing, saving
from content.models import BlogPost
from core import clock, errors
from delivery import projection
from delivery.models import Kind, LiveEntry, LiveTag, Publication, Slug, SlugState
from tests.conftest import Api
from tests.factories import make_user

pytestmark = pytest.mark.django_db

SLUGS = ("a", "b", "c", "d")
STEPS = 60


@dataclass
class Life:
    """What the model knows of one entry."""

    slug: str
    title: str
    public: tuple[str, str] | None = None  # slug and title, as visitors see them
    is_binned: bool = False


@dataclass
class World:
    by: User
    random: random.Random
    lives: dict[UUID, Life] = field(default_factory=dict)
    moved: dict[str, UUID] = field(default_factory=dict)  # old public slug -> whose it was
    count: int = 0

    def step(self) -> None:
        name = self.random.choice(("create", "draft", "save", "save", "publish", "unpublish", "delete", "restore"))
        getattr(self, name)()

    def taken(self, slug: str, but: UUID | None = None) -> bool:
        held = (one for pk, one in self.lives.items() if pk != but and not one.is_binned)
        return any(slug in (one.slug, one.public and one.public[0]) for one in held)

    def pick(self, *, is_binned: bool = False) -> tuple[BlogPost, Life] | None:
        chosen = [pk for pk, life in self.lives.items() if life.is_binned is is_binned]
        if not chosen:
            return None
        pk = self.random.choice(chosen)
        return BlogPost.objects.select_for_update().get(pk=pk), self.lives[pk]

    def title(self) -> str:
        self.count += 1
        return f"Title {self.count}"

    # --- the verbs, each beside what it means ---

    def create(self) -> None:
        slug, title, published = self.random.choice(SLUGS), self.title(), self.random.random() < 0.5
        values = {"title": title, "slug": slug, "tags": [slug]}
        if self.taken(slug):
            with pytest.raises(errors.Invalid):
                saving.save_new(BlogPost, values, published=published, by=self.by, now=clock.now())
            return
        post = saving.save_new(BlogPost, values, published=published, by=self.by, now=clock.now())
        self.lives[post.pk] = Life(slug, title)
        if published:
            self.now_public(post.pk)

    def draft(self) -> None:
        self._save(as_draft=True)

    def save(self) -> None:
        self._save(as_draft=False)

    def _save(self, *, as_draft: bool) -> None:
        picked = self.pick()
        if picked is None:
            return
        post, life = picked
        slug, title = self.random.choice((*SLUGS, life.slug)), self.title()
        values: dict[str, Any] = {"title": title, "slug": slug, "tags": [slug]}
        if self.taken(slug, but=post.pk):
            with pytest.raises(errors.Invalid):
                saving.save(post, values, as_draft=as_draft, by=self.by, now=clock.now())
            return
        saving.save(post, values, as_draft=as_draft, by=self.by, now=clock.now())
        life.slug, life.title = slug, title
        if life.public and not as_draft:
            self.now_public(post.pk)

    def publish(self) -> None:
        picked = self.pick()
        if picked is not None:
            publishing.publish(picked[0], by=self.by, now=clock.now())
            self.now_public(picked[0].pk)

    def unpublish(self) -> None:
        picked = self.pick()
        if picked is None:
            return
        post, life = picked
        if life.public is None:
            with pytest.raises(publishing.NotPublished):
                publishing.unpublish(post, by=self.by, now=clock.now())
            return
        publishing.unpublish(post, by=self.by, now=clock.now())
        self.not_public(post.pk)

    def delete(self) -> None:
        picked = self.pick()
        if picked is None:
            return
        post, life = picked
        drafts.delete(post, by=self.by, now=clock.now())
        self.not_public(post.pk)
        life.is_binned = True

    def restore(self) -> None:
        picked = self.pick(is_binned=True)
        if picked is None:
            return
        post, life = picked
        wanted = life.slug
        drafts.restore(post, by=self.by, now=clock.now())
        life.slug, life.is_binned = post.slug, False
        is_free = not self.taken(wanted, but=post.pk) and wanted not in self.moved
        assert (life.slug == wanted) is is_free

    # --- what the verbs mean for visitors ---

    def now_public(self, pk: UUID) -> None:
        life = self.lives[pk]
        if life.public and life.public[0] != life.slug:
            self.moved[life.public[0]] = pk
        self.moved.pop(life.slug, None)
        life.public = (life.slug, life.title)

    def not_public(self, pk: UUID) -> None:
        life = self.lives[pk]
        if life.public and life.public[0] != life.slug:
            self.moved[life.public[0]] = pk
        life.public = None


@pytest.mark.parametrize("seed", range(12))
def test_after_any_steps_tables_and_answers_say_what_the_model_says(api: Api, seed: int) -> None:
    world = World(make_user("admin"), random.Random(seed))
    for number in range(STEPS):
        world.step()
        _tables_agree(world)
        if number % 5 == 0:
            _answers_agree(api, world)
    before = sorted(LiveEntry.objects.values_list("pk", "slug", "detail"))
    projection.rebuild()
    assert sorted(LiveEntry.objects.values_list("pk", "slug", "detail")) == before


def _tables_agree(world: World) -> None:
    public = {pk: life.public[0] for pk, life in world.lives.items() if life.public}
    present = {pk: life.slug for pk, life in world.lives.items() if not life.is_binned}
    open_ones = (
        Publication.objects.filter(kind=Kind.POST, live_until=None).values("entry_id").annotate(how_many=Count("pk"))
    )
    assert {one["entry_id"]: one["how_many"] for one in open_ones} == dict.fromkeys(public, 1)
    assert dict(LiveEntry.objects.filter(kind=Kind.POST).values_list("entry_id", "slug")) == public
    live = Slug.objects.filter(state=SlugState.LIVE)
    assert dict(live.values_list("entry_id", "slug")) == public
    held = {(one.entry_id, one.slug) for one in Slug.objects.exclude(state=SlugState.OLD)}
    assert held == {*public.items(), *present.items()}
    moved = Slug.objects.exclude(redirect_to=None)
    assert dict(moved.values_list("slug", "redirect_to")) == world.moved
    assert {tag.entry.entry_id for tag in LiveTag.objects.select_related("entry")} == set(public)


def _answers_agree(api: Api, world: World) -> None:
    public = {life.public[0]: life.public[1] for life in world.lives.values() if life.public}
    listed = api.get("/posts?per_page=100").json()
    assert {one["slug"]: one["title"] for one in listed["items"]} == public
    assert listed["total"] == len(public)
    for slug in {*SLUGS, *(life.slug for life in world.lives.values())}:
        answer = api.get(f"/posts/{slug}")
        target = world.lives[world.moved[slug]].public if slug in world.moved else None
        if slug in public:
            assert (answer.status_code, answer.json()["title"]) == (200, public[slug])
        elif target:
            assert (answer.status_code, answer["Location"]) == (301, f"/api/v1/posts/{target[0]}")
        else:
            assert answer.status_code == 404
    for pk, life in world.lives.items():
        found = finding.entry(BlogPost, str(pk))
        assert (found.computed_status if found else None) == (
            None if life.is_binned else "published" if life.public else "draft"
        )
