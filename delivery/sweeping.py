"""Removes rows of the projection that are over: nobody may see them, yet every total counts and subtracts them.

They come from schedules: what was public until another revision began. The entry's next publication removes them too,
which may be in years. No answer changes by their going, so the line in the log names no key; it moves the tallies.
Publications stay as they are.
"""

from datetime import timedelta

from django.db import transaction

from core import clock
from delivery import changes, projection
from delivery.models import Kind, LiveEntry

LOOP = "projection-sweep"
BATCH = 200
MARGIN = timedelta(hours=1)  # a reader's moment is a little older than what it sees, and clocks are set back


def sweep() -> bool:
    """One batch of each kind, each in a transaction of its own. True asks to be called again at once: there is more."""
    return BATCH in [_sweep(kind) for kind in Kind]


@transaction.atomic
def _sweep(kind: Kind) -> int:
    """Waits for nobody: rows that a publisher or another sweep is at are theirs to count."""
    now = clock.now()
    over = LiveEntry.objects.filter(kind=kind, live_until__lte=now - MARGIN).order_by("live_until", "pk")
    free = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    if free:
        removed = projection.remove_rows(free)
        changes.append(kind, [], {facet: -rows for facet, rows in removed.items()}, now=now)
    return len(free)
