"""Slugs: the readable part of an address."""

import re
import unicodedata

from core import ids

PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"
MAX_LENGTH = 200
_VALID = re.compile(PATTERN)

# Letters that Unicode does not decompose into a base letter and a mark, as their languages write them in ASCII.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h", "ŋ": "ng"}
    | {"ä": "ae", "ö": "oe", "ü": "ue", "å": "a", "&": " and ", "@": " at ", "’": "", "'": "", "№": "no"}
    | dict(zip("абвгдезийклмнопрстуфхцыэ", "a b v g d e z i y k l m n o p r s t u f kh ts y e".split(), strict=True))
    | {"ё": "yo", "ж": "zh", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya"}
    | {
        "і": "i",
        "ї": "yi",
        "є": "ye",
        "ґ": "g",
        "ў": "u",
        "ђ": "dj",
        "ј": "j",
        "љ": "lj",
        "њ": "nj",
        "ћ": "c",
        "џ": "dz",
    }
    | dict(zip("αβγδεζηικλμνξοπρσςτυφχψω", "a v g d e z i i k l m n x o p r s s t y f ch ps o".split(), strict=True))
    | {"θ": "th"}
)


def is_valid(slug: str) -> bool:
    return len(slug) <= MAX_LENGTH and _VALID.match(slug) is not None


def is_like_an_id(slug: str) -> bool:
    """An address with such a slug would lead to the entry that has this id, if there is one."""
    return ids.parse(slug) is not None


def from_title(title: str, *, fallback: str) -> str:
    """A valid slug in ASCII. A title of which nothing can be written in ASCII (Chinese, emoji) gives ``fallback``."""
    composed = unicodedata.normalize("NFC", title).lower().translate(_LETTERS)
    ascii_only = unicodedata.normalize("NFKD", composed).translate(_LETTERS).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    slug = slug[:MAX_LENGTH].strip("-") or fallback
    return f"{fallback}-{slug}" if is_like_an_id(slug) else slug


def with_suffix(slug: str, suffix: str) -> str:
    """``hello`` and ``2`` make ``hello-2``, shortened in front where the whole would grow too long."""
    return f"{slug[: MAX_LENGTH - len(suffix) - 1].strip('-')}-{suffix}"
