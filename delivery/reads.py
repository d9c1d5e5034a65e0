"""Every public question, answered from the projection alone: there is no draft here that a filter could forget.

What must be asked, and asked again, is a *plan*: a generator that yields questions and is sent their rows. So the views
follow it with Django's connection (``follow``) and the edge with asynchronous ones of its own (``follow_async``).
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from core import ids, slugs
from core.compiled import Compiled
from delivery import anchors, list_questions, questions
from delivery.dialects import Question, Rows
from delivery.list_questions import Found
from delivery.listings import Listing
from delivery.models import LiveEntry
from delivery.questions import Moved, Single

T = TypeVar("T")
Plan = Generator[Question[Any], Rows, T]


def single(kind: str, key: str) -> Single | Moved | None:
    """The live entry with this slug or id, or where it has moved. One query when it is there."""
    return follow(plan_single(kind, key))


def settings() -> Single | None:
    return follow(plan_settings())


def listing(asked: Listing) -> Found:
    """One page of summaries, or of whole entries where their bodies are picked, and the exact total. One query."""
    return follow(plan_listing(asked))


def live_revision(kind: str, entry_id: UUID) -> UUID | None:
    """The revision of an entry that is public now."""
    found = _live_revision.row(str(kind), entry_id)
    return found[0] if found else None


_live_revision: Compiled[LiveEntry] = Compiled(
    lambda kind, entry_id: LiveEntry.objects.live().filter(kind=kind, entry_id=entry_id).values_list("revision_id"),
    str,
    UUID,
)


def plan_single(kind: str, key: str) -> Plan[Single | Moved | None]:
    if not slugs.is_valid(key) and ids.parse(key) is None:
        return None
    question = questions.single(kind, key)
    found = question.read((yield question))
    if found is not None or not slugs.is_valid(key):
        return found
    other = questions.moved(kind, key)
    moved = other.read((yield other))
    return moved if moved.slug is not None else None


def plan_settings() -> Plan[Single | None]:
    question = questions.settings()
    return question.read((yield question))


def plan_listing(asked: Listing) -> Plan[Found]:
    """What an anchor says is believed where nothing has changed since; else it is asked again, counting from the start.

    Two questions at most.
    """
    anchor = anchors.nearest(asked)
    question = list_questions.listing(asked, start=anchor)
    found = question.read((yield question))
    if anchor is not None and not anchors.holds(anchor, found):
        question = list_questions.listing(asked, start=None)
        found = question.read((yield question))
    anchors.remember(asked, found)
    return found


def follow(plan: Plan[T]) -> T:
    """Asks what a plan wants to know through Django's connection."""
    try:
        question = next(plan)
        while True:
            question = plan.send(_fetch(question))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # what a generator returns


async def follow_async(plan: Plan[T], fetch: Callable[[Question[Any]], Awaitable[Rows]]) -> T:
    """Asks what a plan wants to know in the way that ``fetch`` knows: all rows of one statement."""
    try:
        question = next(plan)
        while True:
            question = plan.send(await fetch(question))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # what a generator returns


def _fetch(question: Question[Any]) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(question.sql, question.params)
        rows: Rows = cursor.fetchall()
    return rows
