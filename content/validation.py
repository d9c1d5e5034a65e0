"""What a value of ours must be: validators that models, forms and the API share. None of them asks the database."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from core import slugs
from core.html import is_safe_url, validate_url

MAX_TAGS = 30
MAX_TAG_LENGTH = 50
MAX_LINKS = 30
SINGLE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"

single_line = RegexValidator(SINGLE_LINE, "One line of text, without control characters.", code="control_character")
slug = RegexValidator(
    slugs.PATTERN, "Lower-case letters a-z, digits and single hyphens between them.", code="invalid_slug"
)

__all__ = ["not_like_an_id", "single_line", "slug", "social_links", "tags", "validate_url"]


def not_like_an_id(value: str) -> None:
    if slugs.is_like_an_id(value):
        raise ValidationError("A slug must not look like the id of an entry.", code="invalid_slug")


def tags(value: Any) -> None:
    """A list of at most 30 distinct texts of 1 to 50 characters."""
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise ValidationError("A list of texts.", code="not_a_list")
    if len(value) > MAX_TAGS:
        raise ValidationError(f"At most {MAX_TAGS} tags.", code="max_length")
    for tag in value:
        single_line(tag)
        if not tag.strip() or tag != tag.strip() or len(tag) > MAX_TAG_LENGTH:
            raise ValidationError(
                f"Each tag has 1 to {MAX_TAG_LENGTH} characters and no blanks around it.", code="invalid_tag"
            )
    twice = next((tag for tag in value if value.count(tag) > 1), None)
    if twice is not None:
        raise ValidationError(f"The tag {twice!r} stands twice.", code="duplicate")


def social_links(value: Any) -> None:
    """An object of at most 30 names, each with the address of a profile."""
    if not isinstance(value, dict):
        raise ValidationError("An object of names and addresses.", code="not_an_object")
    if len(value) > MAX_LINKS:
        raise ValidationError(f"At most {MAX_LINKS} links.", code="max_length")
    for name, url in value.items():
        single_line(name)
        if not name.strip() or len(name) > MAX_TAG_LENGTH:
            raise ValidationError(f"Each name has 1 to {MAX_TAG_LENGTH} characters.", code="invalid_name")
        if not isinstance(url, str) or len(url) > 500 or not is_safe_url(url):
            raise ValidationError(f"{name}: an http or https address, or a path on this site.", code="url")
