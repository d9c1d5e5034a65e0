"""UUIDv7 (RFC 9562, section 5.7): ids that sort by the time of their making, so that indexes grow at one end."""

import secrets
import time
import uuid

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


def uuid7() -> uuid.UUID:
    """48 bits of milliseconds since 1970, then 74 random bits. Python 3.14 has its own; we support 3.12."""
    milliseconds = (time.time_ns() // 1_000_000) << 80
    random_a = secrets.randbits(12) << 64
    return uuid.UUID(int=milliseconds | _VERSION_7 | random_a | _VARIANT | secrets.randbits(62))


def parse(text: str) -> uuid.UUID | None:
    """The id written in its canonical form of 36 characters, in either case; None for everything else."""
    if len(text) != 36:
        return None
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None
