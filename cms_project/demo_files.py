"""Reads the demo content that ships with the product; ``cms_project/demo/README.md`` states the format."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "demo"
_ABOUT_THE_FILE = ("created", "published")


@dataclass(frozen=True)
class DemoEntry:
    values: dict[str, Any]
    created_at: datetime
    is_published: bool


def site_settings() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((FOLDER / "settings.json").read_text(encoding="utf-8"))
    return values


def pages() -> Iterator[DemoEntry]:
    return _entries("pages")


def posts() -> Iterator[DemoEntry]:
    return _entries("posts")


def _entries(folder: str) -> Iterator[DemoEntry]:
    for path in sorted((FOLDER / folder).glob("*.html")):
        yield parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> DemoEntry:
    """``key: value`` lines, a line ``---``, then the body."""
    head, body = text.split("\n---\n", 1)
    front = dict(line.split(":", 1) for line in head.splitlines() if line.strip())
    front = {name.strip(): value.strip() for name, value in front.items()}
    values: dict[str, Any] = {name: value for name, value in front.items() if name not in _ABOUT_THE_FILE}
    if "tags" in values:
        values["tags"] = [tag.strip() for tag in values["tags"].split(",") if tag.strip()]
    return DemoEntry(
        values=values | {"body": body.strip()},
        created_at=datetime.fromisoformat(front["created"]),
        is_published=front.get("published", "true") == "true",
    )
