"""HTML that people wrote: made harmless before it is stored, with a list of what was taken out. See docs/html.md."""

from core.html.cleaning import MAX_PIECES, Cleaned, CleanHTML, TooManyPieces, clean
from core.html.field import CleanHTMLField
from core.html.urls import is_safe_url, validate_url
from core.html.writing import MAX_DEPTH, TooDeep

__all__ = [
    "MAX_DEPTH",
    "MAX_PIECES",
    "CleanHTML",
    "CleanHTMLField",
    "Cleaned",
    "TooDeep",
    "TooManyPieces",
    "clean",
    "is_safe_url",
    "validate_url",
]
