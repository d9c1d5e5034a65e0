"""The fields of bodies in the OpenAPI document: their words, and the limits that their validators hold in code.

Lengths come from the serializers. A pattern never refuses what the server takes in practice and lets nothing through
that it refuses, so that generated clients, forms and tests may rely on it.
"""

from typing import Any

from content import validation
from content.api.schema_shapes import FIELDS
from content.api.serializers import PageInput, PostInput, SettingsInput
from core.api.schema import describe
from core.api.schema_parameters import BLANKS, LINE, LINE_WITH_TEXT, NAME, SLUG, TEXT

Schema = dict[str, Any]

# Printable ASCII less quotes, angle brackets, backslash and backtick; a host whose last label is a name.
_CHARACTER = r"[!#-;=?-\[\]^_a-~]"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"({_LABEL}\.)*[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?(:[0-9]{{1,4}})?"
_ADDRESS = rf"/([!#-.0-;=?-\[\]^_a-~]{_CHARACTER}*)?|https?://{_HOST}([/?#]{_CHARACTER}*)?"
ADDRESS = f"^{BLANKS}({_ADDRESS}){BLANKS}$"
ADDRESS_OR_NOTHING = f"^{BLANKS}({_ADDRESS})?{BLANKS}$"

_HTML: Schema = {"pattern": TEXT, "description": "HTML. What is not on the list of allowed tags is taken out."}
_URL: Schema = {
    "pattern": ADDRESS_OR_NOTHING,
    "description": "An `http` or `https` address without credentials, or a path on the site; empty: none. Write other "
    "characters than ASCII percent-encoded, and the names of hosts in their `xn--` form.",
}


def _with_words(name: str, more: Schema) -> Schema:
    return {"description": FIELDS[name]["description"]} | more


_ENTRY = {
    "title": _with_words("title", {"pattern": LINE_WITH_TEXT}),
    "slug": {
        "pattern": SLUG,
        "description": "The readable part of the address. Left out: made from the title on creation, kept on change.",
    },
    "body": _HTML,
    "published": {"description": "Changed, it publishes or unpublishes. Left out: as it is; on creation, a draft."},
}

describe(
    PageInput,
    _ENTRY
    | {
        "meta_title": _with_words("meta_title", {"pattern": LINE}),
        "meta_description": _with_words("meta_description", {"pattern": LINE}),
        "og_image_url": _URL,
    },
    about="A page to create or to change.",
)
describe(
    PostInput,
    _ENTRY
    | {
        "excerpt": _with_words("excerpt", {"pattern": TEXT}),
        "author": {"pattern": LINE, "description": "The byline. Empty: the display name of who created the post."},
        "featured_image_url": _URL,
        "tags": {
            "description": "Blanks around a tag are taken off; none may stand twice.",
            "items": {
                "type": "string",
                "minLength": 1,
                "maxLength": validation.MAX_TAG_LENGTH,
                "pattern": LINE_WITH_TEXT,
            },
            "uniqueItems": True,
        },
    },
    about="A post to create or to change.",
)
describe(
    SettingsInput,
    {
        "site_name": _with_words("site_name", {"pattern": LINE_WITH_TEXT}),
        "tagline": _with_words("tagline", {"pattern": LINE}),
        "logo_url": _URL,
        "footer_text": _HTML,
        "social_links": {
            "description": "Names of at most 50 characters, and the addresses of profiles.",
            "maxProperties": validation.MAX_LINKS,
            "propertyNames": {"minLength": 1, "maxLength": validation.MAX_TAG_LENGTH, "pattern": NAME},
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 500, "pattern": ADDRESS},
        },
    },
    about="The site settings to change.",
)
