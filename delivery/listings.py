"""What may be asked of a public list: its orderings, its filters, and the places in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from core.api.pagination import MAX_PER_PAGE, Page
from delivery.models import Kind

NEAR = 200  # rows from the start of a list: to skip so few costs nothing worth remembering
MOST = MAX_PER_PAGE + 1  # rows of a page, and one to see whether there are more


class Ordering(NamedTuple):
    """Equals are ordered by id, in the same direction: one index serves both directions."""

    column: str
    is_descending: bool


ORDERINGS = {
    "created_at": Ordering("created_at", False),
    "-created_at": Ordering("created_at", True),
    "updated_at": Ordering("updated_at", False),
    "-updated_at": Ordering("updated_at", True),
    "published_at": Ordering("published_at", False),
    "-published_at": Ordering("published_at", True),
    "title": Ordering("title_key", False),
    "-title": Ordering("title_key", True),
}
DEFAULT_ORDERING = {Kind.PAGE: "title", Kind.POST: "-created_at"}


class Place(NamedTuple):
    """Where an entry stands in an ordering: by this value, and among equals by its id."""

    value: datetime | bytes
    entry_id: UUID


class Unchanged(NamedTuple):
    """A stretch of time in which a list stays the same: nothing is published, and no scheduled moment comes.

    Moments are microseconds since 1970, by the database's clock. ``version`` is another after every change of the kind.
    """

    version: int
    since: int
    until: int | None

    def has(self, version: int, now: int) -> bool:
        return version == self.version and self.since <= now and (self.until is None or now < self.until)


class Anchor(NamedTuple):
    """A row of a list whose number is known (so many rows stand before it), as long as the list stays the same."""

    offset: int
    place: Place
    unchanged: Unchanged


class Cursor(NamedTuple):
    """How far somebody has walked; None: not at all yet."""

    after: Place | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a caller asks of a public list; empty text means: no such filter."""

    kind: str
    page: Page
    ordering: str
    tag: str = ""
    author: str = ""
    q: str = ""
    fields: tuple[str, ...] | None = None  # None: summaries
    cursor: Cursor | None = None  # instead of the page's number

    @property
    def is_near(self) -> bool:
        """Whether the page is found at once: near the start, or after a cursor."""
        return self.cursor is not None or self.page.stop <= NEAR

    @property
    def order(self) -> Ordering:
        return ORDERINGS[self.ordering]
