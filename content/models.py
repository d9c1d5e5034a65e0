"""The working copies: what the site will say. What it says now lives in ``delivery``."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When

from content import validation
from core.html import CleanHTMLField
from core.ids import uuid7
from core.slugs import MAX_LENGTH
from delivery.models import Kind, LiveEntry, Publication

URL: dict[str, Any] = {"max_length": 500, "blank": True, "validators": [validation.validate_url]}
LINE: dict[str, Any] = {"max_length": 200, "validators": [validation.single_line]}


class State(models.TextChoices):
    """The workflow of a working copy. Whether something is public or scheduled is for its publications to say."""

    DRAFT = "draft"
    PENDING = "pending"
    REJECTED = "rejected"
    ARCHIVED = "archived"


class Status(models.TextChoices):
    """What people see: the state, or that a publication is live or to come."""

    DRAFT = "draft"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    REJECTED = "rejected"
    ARCHIVED = "archived"


class VersionedQuerySet(models.QuerySet[Any]):
    def with_publication(self) -> Self:
        """Annotates what the publications say: ``live_revision_id`` and ``first_published_at`` (None: not, never)."""
        live = LiveEntry.objects.live().filter(entry_id=OuterRef("pk"))
        first = Publication.objects.started().filter(entry_id=OuterRef("pk")).order_by("live_from")
        return self.annotate(
            live_revision_id=Subquery(live.values("revision_id")[:1]),
            first_published_at=Subquery(first.values("published_at")[:1]),
        )


class Versioned(models.Model):
    """What working copies share. ``version`` moves with every change and is what an ETag names."""

    KIND: ClassVar[Kind]
    FIELDS: ClassVar[tuple[str, ...]]  # what people write, and a revision holds
    HTML_FIELDS: ClassVar[tuple[str, ...]] = ()

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    revision_id = models.UUIDField(editable=False)  # the newest revision: these very field values
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    # Annotated by with_publication():
    live_revision_id: UUID | None
    first_published_at: datetime | None
    computed_status: str

    class Meta:
        abstract = True

    @property
    def etag(self) -> str:
        return f'"{self.pk}-{self.version}"'

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.FIELDS}


class EntryQuerySet(VersionedQuerySet):
    def with_publication(self) -> Self:
        """Adds ``computed_status`` to what every working copy gets."""
        rows = LiveEntry.objects.filter(entry_id=OuterRef("pk"))
        published, scheduled = Exists(rows.live()), Exists(rows.upcoming())
        status = Case(
            When(published, then=Value(Status.PUBLISHED.value)),
            When(scheduled, then=Value(Status.SCHEDULED.value)),
            default=F("state"),
            output_field=models.CharField(),
        )
        return super().with_publication().annotate(computed_status=status)

    def present(self) -> Self:
        """Not in the bin."""
        return self.filter(deleted_at=None)

    def binned(self) -> Self:
        return self.exclude(deleted_at=None)


class Entry(Versioned):
    """A page or a post: it has a slug, goes through the workflow, and can lie in the bin."""

    title = models.CharField(**LINE)
    slug = models.CharField(max_length=MAX_LENGTH, validators=[validation.slug, validation.not_like_an_id])
    body = CleanHTMLField(blank=True, max_length=1_000_000, validators=[MaxLengthValidator(1_000_000)])
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    HTML_FIELDS = ("body",)

    objects = EntryQuerySet.as_manager()

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["-created_at", "id"], name="%(class)s_newest"),
            models.Index(fields=["slug"], name="%(class)s_slug"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["slug"], condition=Q(deleted_at=None), name="%(class)s_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.title


class Page(Entry):
    KIND = Kind.PAGE
    FIELDS = ("title", "slug", "body", "meta_title", "meta_description", "og_image_url")

    meta_title = models.CharField(**LINE, blank=True)
    meta_description = models.CharField(max_length=500, blank=True, validators=[validation.single_line])
    og_image_url = models.CharField("OG image URL", **URL)

    class Meta(Entry.Meta):
        permissions = [
            ("change_own_page", "Can change own pages"),
            ("delete_own_page", "Can delete own pages"),
            ("publish_page", "Can publish and unpublish pages"),
        ]


class BlogPost(Entry):
    KIND = Kind.POST
    FIELDS = ("title", "slug", "excerpt", "body", "author", "featured_image_url", "tags")

    excerpt = models.TextField(max_length=500, blank=True, validators=[MaxLengthValidator(500)])
    author = models.CharField(**LINE, blank=True, help_text="The byline. Empty: your display name.")
    featured_image_url = models.CharField("featured image URL", **URL)
    tags = models.JSONField(default=list, blank=True, validators=[validation.tags])

    class Meta(Entry.Meta):
        verbose_name = "post"
        permissions = [
            ("change_own_blogpost", "Can change own posts"),
            ("delete_own_blogpost", "Can delete own posts"),
            ("publish_blogpost", "Can publish and unpublish posts"),
        ]


class SiteSettings(Versioned):
    KIND = Kind.SETTINGS
    FIELDS = ("site_name", "tagline", "logo_url", "footer_text", "social_links")
    HTML_FIELDS = ("footer_text",)

    site_name = models.CharField(**LINE)
    tagline = models.CharField(**LINE, blank=True)
    logo_url = models.CharField("logo URL", **URL)
    footer_text = CleanHTMLField(blank=True, max_length=20_000, validators=[MaxLengthValidator(20_000)])
    social_links = models.JSONField(default=dict, blank=True, validators=[validation.social_links])
    only = models.BooleanField(default=True, editable=False, unique=True)

    objects = VersionedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "site settings"
        default_permissions = ("view", "change")
        permissions = [("publish_sitesettings", "Can publish the site settings")]
        constraints = [models.CheckConstraint(condition=Q(only=True), name="one_row_of_site_settings")]

    def __str__(self) -> str:
        return self.site_name


class Action(models.TextChoices):
    """Why a revision was made."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


class Revision(models.Model):
    """The full field values of a working copy after a save. Append-only: any state can be compared and brought back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    entry_id = models.UUIDField()
    version = models.PositiveIntegerField()
    action = models.CharField(max_length=10, choices=Action)
    values = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["entry_id", "version"], name="one_revision_per_version")]

    def __str__(self) -> str:
        return f"{self.kind} {self.entry_id} v{self.version}"
