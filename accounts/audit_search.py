"""Looking into the audit trail: newest first, by who, what, which thing, when and from where.

A list shows the newest ``REACH`` rows that match, and counts no further: the trail grows for years, and neither a count
nor a page in its depths may cost more the older it is. Whoever wants to see further back sends ``until``.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import AuditEntry

REACH = 10_000


@dataclass(frozen=True)
class Asked:
    """None, or empty: whatever it is."""

    actor_id: UUID | None = None
    actor_name: str = ""
    action: str = ""  # or how it begins: ``auth.``
    kind: str = ""
    object_id: str = ""
    address: str = ""
    request_id: str = ""
    api_key_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None  # not included


_LOOKUPS = {"since": "at__gte", "until": "at__lt"}


def rows(asked: Asked, *, start: int, stop: int) -> tuple[list[AuditEntry], int]:
    """A part of what matches, and how many rows can be reached in this way. Two queries."""
    found = _matching(asked)
    total = found.order_by()[:REACH].count()
    return list(found[start : min(stop, total)]) if start < total else [], total


def _matching(asked: Asked) -> QuerySet[AuditEntry]:
    wanted: dict[str, Any] = {_LOOKUPS.get(name, name): value for name, value in vars(asked).items() if value}
    if asked.action.endswith("."):
        wanted["action__startswith"] = wanted.pop("action")
    return AuditEntry.objects.filter(**wanted).order_by("-id")
