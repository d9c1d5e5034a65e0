"""The shapes that come in. Their limits are the model's; the verbs validate again, for every caller there is."""

from typing import Any

from django.db.models import CharField
from rest_framework import serializers

from content import validation
from content.models import BlogPost, Page, SiteSettings, Versioned
from core.api.serializers import BoundedList, StrictBoolean, StrictInput, StrictText
from core.slugs import MAX_LENGTH
from delivery.models import Kind
from delivery.shapes import FIELDS

EDITOR_FIELDS = ("status", "has_unpublished_changes", "created_by", "updated_by")
ABOUT_THE_WRITE = ("sanitised", "warnings")
SINGLE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


def _line(model: type[Versioned], name: str, **extra: Any) -> StrictText:
    field = model._meta.get_field(name)
    assert isinstance(field, CharField)
    if field.blank:
        extra = {"allow_blank": True, "default": "", **extra}
    return StrictText(max_length=field.max_length, validators=[validation.single_line], **extra)


def _url(**extra: Any) -> StrictText:
    return StrictText(max_length=500, allow_blank=True, default="", validators=[validation.validate_url], **extra)


def _html(limit: int) -> StrictText:
    return StrictText(max_length=limit, allow_blank=True, default="", trim_whitespace=False)


class EntryInput(StrictInput):
    """What pages and posts have in common. Without ``slug`` one is made from the title."""

    title = _line(Page, "title")
    slug = StrictText(
        max_length=MAX_LENGTH,
        required=False,
        validators=[validation.slug, validation.not_like_an_id],
        trim_whitespace=False,
    )
    body = _html(1_000_000)
    published = StrictBoolean(required=False)


class PageInput(EntryInput):
    meta_title = _line(Page, "meta_title")
    meta_description = _line(Page, "meta_description")
    og_image_url = _url()

    read_only_names = (*FIELDS[Kind.PAGE], *EDITOR_FIELDS, *ABOUT_THE_WRITE)


class Tag(StrictText):
    """One tag; blanks around it are taken off."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=validation.MAX_TAG_LENGTH, validators=[validation.single_line], **kwargs)


class PostInput(EntryInput):
    excerpt = StrictText(max_length=500, allow_blank=True, default="")
    author = _line(BlogPost, "author")
    featured_image_url = _url()
    tags = BoundedList(child=Tag(), max_length=validation.MAX_TAGS, default=list)

    read_only_names = (*FIELDS[Kind.POST], *EDITOR_FIELDS, *ABOUT_THE_WRITE)


class SocialLinks(serializers.DictField):
    """Names and addresses; the verb looks at the addresses."""

    child = StrictText(max_length=500)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if isinstance(data, dict) and len(data) > validation.MAX_LINKS:
            raise serializers.ValidationError(f"At most {validation.MAX_LINKS} links.", code="max_length")
        found: dict[str, str] = super().to_internal_value(data)
        return found


class SettingsInput(StrictInput):
    site_name = _line(SiteSettings, "site_name")
    tagline = _line(SiteSettings, "tagline")
    logo_url = _url()
    footer_text = _html(20_000)
    social_links = SocialLinks(default=dict)

    read_only_names = (*FIELDS[Kind.SETTINGS], *EDITOR_FIELDS[1:], *ABOUT_THE_WRITE)


INPUT: dict[str, type[StrictInput]] = {Kind.PAGE: PageInput, Kind.POST: PostInput, Kind.SETTINGS: SettingsInput}
