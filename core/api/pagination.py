"""Pages of a list: the envelope and the Link headers (RFC 8288)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from core.api import parsing

MAX_PAGE = 1_000_000_000
MAX_PER_PAGE = 100


@dataclass(frozen=True)
class Page:
    number: int
    per_page: int

    @classmethod
    def from_query(cls, params: dict[str, str], *, default_per_page: int) -> "Page":
        return cls(
            number=parsing.whole_number(params, "page", default=1, low=1, high=MAX_PAGE),
            per_page=parsing.whole_number(params, "per_page", default=default_per_page, low=1, high=MAX_PER_PAGE),
        )

    @property
    def start(self) -> int:
        return (self.number - 1) * self.per_page

    @property
    def stop(self) -> int:
        return self.start + self.per_page

    def total_pages(self, total: int) -> int:
        return -(-total // self.per_page)


def envelope(items: list[Any], page: Page, total: int) -> dict[str, Any]:
    return {"items": items, **counts(page, total)}


def counts(page: Page, total: int) -> dict[str, int]:
    return {
        "total": total,
        "page": page.number,
        "per_page": page.per_page,
        "total_pages": page.total_pages(total),
    }


def link_header(request: HttpRequest, page: Page, total: int) -> str:
    return links(request.path, request.GET.dict(), page, total)


def links(path: str, params: Mapping[str, str], page: Page, total: int) -> str:
    """``first``, ``prev``, ``next`` and ``last`` as they apply; relative to the host, which a proxy may rename."""
    last = max(page.total_pages(total), 1)
    targets = {"first": 1, "last": last}
    if page.number > 1:
        targets["prev"] = min(page.number - 1, last)
    if page.number < last:
        targets["next"] = page.number + 1
    front = address(path, {name: value for name, value in params.items() if name < "page"})
    back = urlencode(sorted((name, value) for name, value in params.items() if name > "page"))
    front, back = f"{front}{'&' if '?' in front else '?'}page=", back and f"&{back}"
    return ", ".join(link(rel, f"{front}{number}{back}") for rel, number in targets.items())


def link(rel: str, target: str) -> str:
    return f'<{target}>; rel="{rel}"'


def address(path: str, params: Mapping[str, str]) -> str:
    """In one spelling, whatever the caller's was: so the answers to both are the same."""
    canonical = path.removesuffix("/")
    return f"{canonical}?{urlencode(sorted(params.items()))}" if params else canonical
