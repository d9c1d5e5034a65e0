"""Public answers to anonymous GETs: bytes from the projection, with what caches need to know about them."""

from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from core import errors
from core.api import pagination, parsing
from core.api.viewsets import json_response
from delivery import reads, shapes
from delivery.models import Kind, LiveEntry

PER_PAGE = {Kind.PAGE: 100, Kind.POST: 10}
MAX_Q = 100
PLURAL = {Kind.PAGE: "pages", Kind.POST: "posts"}
LIST_PARAMETERS = ("page", "per_page", "ordering", "q", "fields")
POST_PARAMETERS = (*LIST_PARAMETERS, "tag", "author")


def list_parameters(kind: str) -> tuple[str, ...]:
    return POST_PARAMETERS if kind == Kind.POST else LIST_PARAMETERS


def read_one(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    fields = parsing.names(parsing.query(request, ("fields",)), "fields", among=shapes.FIELDS[kind])
    found = reads.single(kind, key)
    if isinstance(found, reads.Moved):
        return _moved(request, kind, key, found)
    if found is None:
        raise errors.NotFound()
    keys = f"{kind}:{found.entry_id}"
    return _answer(_picked(found.detail, fields), keys=keys, changes_at=found.live_until)


def read_settings(request: HttpRequest) -> HttpResponse:
    fields = parsing.names(parsing.query(request, ("fields",)), "fields", among=shapes.FIELDS[Kind.SETTINGS])
    found = reads.settings()
    if found is None:
        raise errors.NotFound()
    return _answer(_picked(found.detail, fields), keys="settings", changes_at=found.live_until)


def read_list(request: HttpRequest, kind: str) -> HttpResponse:
    params = parsing.query(request, list_parameters(kind))
    fields = parsing.names(params, "fields", among=shapes.FIELDS[kind])
    asked = _asked(params, kind)
    found = reads.listing(asked, whole=fields is not None)
    items = b",".join(_item(row, fields) for row in found.rows)
    tail = orjson.dumps(pagination.counts(asked.page, found.total))[1:]
    content = b'{"items":[' + items + b"]," + tail
    response = _answer(content, keys=PLURAL[Kind(kind)], changes_at=found.changes_at)
    response["Link"] = pagination.link_header(request, asked.page, found.total)
    return response


def _asked(params: dict[str, str], kind: str) -> reads.Listing:
    ordering = parsing.choice(params, "ordering", among=reads.ORDERINGS, default=reads.DEFAULT_ORDERING[Kind(kind)])
    check_filters(params)
    return reads.Listing(
        kind=kind,
        page=pagination.Page.from_query(params, default_per_page=PER_PAGE[Kind(kind)]),
        ordering=ordering,
        tag=params.get("tag", ""),
        author=params.get("author", ""),
        q=params.get("q", "").strip(),
    )


def check_filters(params: dict[str, str]) -> None:
    """Texts that are looked for: not blank, and short enough to be looked for in bounded time."""
    for name, limit in (("q", MAX_Q), ("tag", 50), ("author", 200)):
        if len(params.get(name, "")) > limit:
            raise errors.Invalid.field(name, "max_length", f"At most {limit} characters.")
        if name in params and not params[name].strip():
            raise errors.Invalid.field(name, "blank", "Say what to look for, or leave it out.")


def _item(row: LiveEntry, fields: list[str] | None) -> bytes:
    return _picked(row.detail, fields) if fields is not None else row.summary.encode()


def _picked(detail: str, fields: list[str] | None) -> bytes:
    if fields is None:
        return detail.encode()
    whole: dict[str, Any] = orjson.loads(detail)
    return orjson.dumps(shapes.pick(whole, fields))


def _answer(content: bytes, *, keys: str, changes_at: datetime | None) -> HttpResponse:
    response = json_response(content)
    response["Cache-Control"] = cache_control(changes_at)
    response["Surrogate-Key"] = response["Cache-Tag"] = keys
    return response


def cache_control(changes_at: datetime | None) -> str:
    """Shared caches keep an answer for a while, but never beyond the moment at which time alone changes it."""
    fresh, stale = settings.PUBLIC_MAX_AGE, settings.PUBLIC_STALE_WHILE_REVALIDATE
    if changes_at is not None:
        left = max(int((changes_at - timezone.now()).total_seconds()), 0)
        fresh = min(fresh, left)
        stale = min(stale, left - fresh)
    return f"public, max-age=0, s-maxage={fresh}, stale-while-revalidate={stale}"


def _moved(request: HttpRequest, kind: str, key: str, moved: reads.Moved) -> HttpResponse:
    target = request.path.removesuffix("/").removesuffix(key) + moved.slug
    query = request.META.get("QUERY_STRING", "")
    location = f"{target}?{query}" if query else target
    response = json_response({"location": location}, status=301, headers={"Location": location})
    response["Cache-Control"] = cache_control(None)
    response["Surrogate-Key"] = response["Cache-Tag"] = PLURAL[Kind(kind)]
    return response
