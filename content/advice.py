"""What is stored as it is and yet worth a word to the writer."""

from content.models import Page, Versioned
from core.errors import FieldError

META_TITLE_SHOWN = 70  # search engines cut longer titles


def warnings(thing: Versioned) -> list[FieldError]:
    """No refusal: the save has happened."""
    if isinstance(thing, Page) and len(thing.meta_title) > META_TITLE_SHOWN:
        detail = f"Search engines show about {META_TITLE_SHOWN} characters; this has {len(thing.meta_title)}."
        return [FieldError("meta_title", "long_meta_title", detail)]
    return []
