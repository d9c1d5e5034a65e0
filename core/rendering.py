"""JSON out: one encoder for every answer, so that times and ids look the same everywhere."""

from datetime import datetime
from typing import Any

import orjson

from core import clock


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
