"""What is public, when, and under which slug. Rows refer upwards by plain ids: this layer knows no working copies."""

from typing import Any, Self

from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import LessThanOrEqual

from core import clock
from core.ids import uuid7
from core.slugs import MAX_LENGTH


class Kind(models.TextChoices):
    PAGE = "page"
    POST = "post"
    SETTINGS = "settings"


PLURAL = {Kind.PAGE: "pages", Kind.POST: "posts"}


class PublicationQuerySet(models.QuerySet["Publication"]):
    def of(self, kind: str, entry_id: object) -> Self:
        return self.filter(kind=kind, entry_id=entry_id)

    def not_over(self) -> Self:
        """Live now or still to come."""
        return self.filter(Q(live_until=None) | Q(live_until__gt=clock.Now()))

    def started(self) -> Self:
        return self.filter(live_from__lte=clock.Now())


class Publication(models.Model):
    """One stretch of time in which one revision is public: ``live_from <= now < live_until``.

    Append-only. The past never changes: a live one can only be closed, one that has not started can be taken back.
    ``content`` holds the entry's own public fields as they were.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    entry_id = models.UUIDField()
    revision_id = models.UUIDField()
    slug = models.CharField(max_length=MAX_LENGTH, blank=True)
    content = models.JSONField()
    entry_created_at = models.DateTimeField()
    published_at = models.DateTimeField()  # when the entry went live for the first time
    live_from = models.DateTimeField()
    live_until = models.DateTimeField(null=True, blank=True)
    published_by = models.UUIDField(null=True, blank=True)
    closed_by = models.UUIDField(null=True, blank=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "entry_id"], condition=Q(live_until=None), name="one_open_publication_per_entry"
            ),
            models.CheckConstraint(
                condition=Q(live_until=None) | Q(live_until__gte=F("live_from")),
                name="publication_ends_after_its_start",
            ),
        ]
        indexes = [models.Index(fields=["entry_id", "live_from"], name="publication_by_entry")]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug or self.entry_id} from {self.live_from:%Y-%m-%d %H:%M}"


class Unindexed(Func):
    """A column that SQLite does not look for an index for, which is what a unary plus means to it.

    Nearly every row has begun. SQLite, without statistics, would still start from the index of beginnings, and read all
    of a kind to find one slug.
    """

    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s")


class LiveEntryQuerySet(models.QuerySet["LiveEntry"]):
    def live(self) -> Self:
        """What a reader may see at this moment, by the database's clock."""
        now = clock.Now()
        has_begun = LessThanOrEqual(Unindexed("live_from"), now)
        return self.filter(has_begun).filter(Q(live_until=None) | Q(live_until__gt=now))

    def upcoming(self) -> Self:
        return self.filter(live_from__gt=clock.Now())


# Behind what orders a list: what it takes to skip rows without reading them. Not ``include``, which SQLite has not.
_PLACE = ("entry_id", "live_from", "live_until", "publication")


class LiveEntry(models.Model):
    """The current projection: one row per publication that is live or still to come, ready to be sent.

    Public reads touch this table alone. It is written in the publishing transaction and can be made anew from the
    publications (``manage.py rebuild_projection``).
    """

    publication = models.OneToOneField(Publication, models.CASCADE, primary_key=True, related_name="projection")
    kind = models.CharField(max_length=10, choices=Kind)
    entry_id = models.UUIDField()
    revision_id = models.UUIDField()
    slug = models.CharField(max_length=MAX_LENGTH, blank=True)
    title_key = models.BinaryField()  # sorts alike on every database, whatever its collation
    author = models.CharField(max_length=200, blank=True)
    search_text = models.TextField(blank=True)  # case-folded title and excerpt
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    published_at = models.DateTimeField()
    live_from = models.DateTimeField()
    live_until = models.DateTimeField(null=True, blank=True)
    summary = models.TextField()  # JSON, as it stands in lists
    detail = models.TextField()  # JSON, as a single read answers

    objects = LiveEntryQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["kind", "slug"], name="live_by_slug"),
            models.Index(fields=["entry_id"], name="live_by_entry"),
            models.Index(fields=["kind", "created_at", *_PLACE], name="live_by_creation"),
            models.Index(fields=["kind", "updated_at", *_PLACE], name="live_by_update"),
            models.Index(fields=["kind", "published_at", *_PLACE], name="live_by_publication"),
            models.Index(fields=["kind", "title_key", *_PLACE], name="live_by_title"),
            models.Index(fields=["kind", "author", "created_at", *_PLACE], name="live_by_author"),
            models.Index(fields=["kind", "live_from", "live_until"], name="live_by_start"),
            models.Index(fields=["kind", "live_until"], condition=Q(live_until__isnull=False), name="live_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"


class LiveTag(models.Model):
    """One tag of one row of the projection, with what it takes to order and to skip without reading that row.

    A row of its own, because a JSON index cannot answer newest-first cheaply.
    """

    entry = models.ForeignKey(LiveEntry, models.CASCADE, related_name="tag_rows")
    kind = models.CharField(max_length=10, choices=Kind)
    tag = models.CharField(max_length=50)
    post_id = models.UUIDField()  # the id of the entry itself
    created_at = models.DateTimeField()
    live_from = models.DateTimeField()
    live_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["kind", "tag", "created_at", "post_id", "live_from", "live_until", "entry"],
                name="live_tag_newest_first",
            )
        ]

    def __str__(self) -> str:
        return self.tag


class SlugState(models.TextChoices):
    WORKING = "working"
    LIVE = "live"
    OLD = "old"


class Slug(models.Model):
    """Who has a slug: the one table that answers it, for working copies and for what is public.

    ``entry_id`` holds it now (nobody, when it is old). ``redirect_to`` is the entry that was live here before: it goes
    on redirecting while a draft of somebody else has the slug, until that draft goes live, so that no draft shows.
    """

    kind = models.CharField(max_length=10, choices=Kind)
    slug = models.CharField(max_length=MAX_LENGTH)
    state = models.CharField(max_length=10, choices=SlugState)
    entry_id = models.UUIDField(null=True, blank=True)
    redirect_to = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "slug"], name="slug_unique_within_its_kind"),
            models.UniqueConstraint(fields=["kind", "entry_id", "state"], name="one_slug_per_entry_and_state"),
            models.CheckConstraint(
                condition=Q(state=SlugState.OLD, entry_id=None, redirect_to__isnull=False)
                | Q(state=SlugState.WORKING, entry_id__isnull=False)
                | Q(state=SlugState.LIVE, entry_id__isnull=False, redirect_to=None),
                name="slug_holder_fits_its_state",
            ),
        ]
        indexes = [models.Index(fields=["entry_id"], name="slug_by_entry")]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug} ({self.state})"


class Head(models.Model):
    """One row: the position of the last change. Whoever commits a change holds it, so that positions follow commits."""

    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.position)


class Change(models.Model):
    """A line of the change log: which surrogate keys a transaction touched, and by how much the tallies changed.

    On PostgreSQL a trigger gives the position when the transaction commits (migration 0003): nobody else ever sees a
    row without one.
    """

    position = models.BigIntegerField(null=True, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, blank=True)
    keys = models.TextField()  # separated by blanks; ``*`` is everything
    tallies = models.JSONField()  # {facet: how many rows more or, below zero, fewer}
    made_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.position}: {self.keys}"

    @property
    def key_list(self) -> list[str]:
        return self.keys.split()


class Tally(models.Model):
    """How many rows of the projection there are of a kind, and of each of its tags and authors.

    Live, still to come and over: what a reader may see is this number less the few that are not live at the moment.
    ``position``, where the facet is empty: of the last change of the kind, be it that it changed no number.
    """

    kind = models.CharField(max_length=10, choices=Kind)
    facet = models.CharField(max_length=210)  # "", "tag:…" or "author:…"
    rows = models.BigIntegerField()
    position = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "facet"], name="one_tally_per_facet")]

    def __str__(self) -> str:
        return f"{self.rows} × {self.kind} {self.facet}"


class Reader(models.Model):
    """A process that answers from memory until ``expires_at``, and the last change that it has heard of."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    applied = models.BigIntegerField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.id} at {self.applied}"


class PurgeCursor(models.Model):
    """How far one CDN, or one node of a cache of one's own, has been told of the change log (``delivery.purging``).

    ``position`` None: nothing is known of what it holds, so everything is purged first. Whoever has written its token
    into ``holder`` works alone until ``free_at``; after a failure ``free_at`` is the moment of the next try.
    """

    target = models.CharField(max_length=255, primary_key=True)
    position = models.BigIntegerField(null=True, blank=True)
    holder = models.UUIDField(null=True, blank=True)
    free_at = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0)  # tries in a row
    failing_since = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)  # of the last try; never a secret

    class Meta:
        db_table = "delivery_purge"

    def __str__(self) -> str:
        return f"{self.target} at {self.position}"
