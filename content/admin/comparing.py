"""What is different between two revisions, field by field, in pieces that a template can mark."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_PIECES = 1500  # comparing takes time that grows with the square
CONTEXT = 1
_BLOCK = re.compile(r"(?<=>)(?=<(?:p|h[1-6]|ul|ol|li|table|tr|blockquote|pre|figure|hr|div|section|details)\b)|\n")


@dataclass(frozen=True)
class Piece:
    """``mark`` is "-" for what went, "+" for what came, " " for what stands around it, "…" for what is left out."""

    mark: str
    text: str


@dataclass(frozen=True)
class Difference:
    field: str
    pieces: tuple[Piece, ...]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    names = dict.fromkeys([*after, *before])
    return [
        Difference(name, tuple(_pieces(_text(before.get(name)), _text(after.get(name)))))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, indent=1, ensure_ascii=False)


def _pieces(before: str, after: str) -> Iterator[Piece]:
    old, new = _split(before), _split(after)
    if max(len(old), len(new)) > MAX_PIECES:
        yield Piece("…", f"Too long to compare: {len(before)} characters became {len(after)}.")
        return
    for line in list(difflib.unified_diff(old, new, lineterm="", n=CONTEXT))[3:]:
        yield Piece("…", "") if line.startswith("@@") else Piece(line[0], line[1:])


def _split(text: str) -> list[str]:
    return [piece for piece in _BLOCK.split(text) if piece.strip()]
