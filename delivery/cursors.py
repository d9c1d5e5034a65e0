"""How far somebody has walked through a list, as text that means nothing to them: the ordering, the value, the id."""

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from core import clock
from delivery.listings import ORDERINGS, Cursor, Place

START = "*"


def read(text: str, *, ordering: str) -> Cursor:
    """Raises ValueError, with a sentence for the caller, for what was made elsewhere or for another ordering."""
    if text == START:
        return Cursor(None)
    made_for, place = _parsed(text)
    if made_for != ordering:
        raise ValueError("This cursor belongs to another ordering.")
    return Cursor(place)


def write(place: Place, *, ordering: str) -> str:
    value = place.value.hex() if isinstance(place.value, bytes) else clock.iso(place.value)
    plain = f"{ordering} {value} {place.entry_id.hex}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _parsed(text: str) -> tuple[str, Place]:
    """One spelling is taken for each place: the one that ``write`` gives it."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        ordering, value, entry_id = plain.split(" ")
        place = Place(_value(value, ordering), UUID(hex=entry_id))
    except (ValueError, KeyError, OverflowError, binascii.Error) as error:
        raise ValueError("Not a cursor that this list has given.") from error
    if write(place, ordering=ordering) != text:
        raise ValueError("Not a cursor that this list has given.")
    return ordering, place


def _value(text: str, ordering: str) -> datetime | bytes:
    if ORDERINGS[ordering].column == "title_key":
        return bytes.fromhex(text)
    return datetime.fromisoformat(text).astimezone(UTC)
