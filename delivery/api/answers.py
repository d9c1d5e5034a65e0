"""Public answers to anonymous GETs: bytes from the projection, with what caches need to know about them.

What an answer is made of needs no request: the edge makes the same answers of the same parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core import errors
from core.api import pagination, parsing
from core.api.viewsets import json_response
from core.asgi import KEEP
from delivery import cursors, reads, shapes
from delivery.list_questions import Found
from delivery.listings import DEFAULT_ORDERING, ORDERINGS, Cursor, Listing
from delivery.models import PLURAL, Kind
from delivery.questions import Moved, Single

PER_PAGE = {Kind.PAGE: 100, Kind.POST: 10}
MAX_Q = 100
LIST_PARAMETERS = ("page", "per_page", "ordering", "q", "fields")
POST_PARAMETERS = (*LIST_PARAMETERS, "tag", "author")

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Public:
    """All in which one public answer differs from another. ``keys``: the surrogate keys, separated by blanks."""

    content: bytes
    keys: str
    changes_in: float | None  # seconds until time alone changes it
    link: str = ""
    location: str = ""  # a 301, where it is not empty

    @property
    def tags(self) -> str:
        """The same keys as Cloudflare and others want them."""
        return self.keys.replace(" ", ",")

    @property
    def status(self) -> int:
        return 301 if self.location else 200


def list_parameters(kind: str) -> tuple[str, ...]:
    """Of every list of the kind, that of working copies as well."""
    return POST_PARAMETERS if kind == Kind.POST else LIST_PARAMETERS


def public_parameters(kind: str) -> tuple[str, ...]:
    return (*list_parameters(kind), "cursor")


def read_one(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    params = parsing.query(request, ("fields",))
    fields = picked_fields(kind, params)
    found = reads.single(kind, key)
    if isinstance(found, Moved):
        return respond(request, moved(found, kind, key, request.path, params))
    if found is None:
        raise errors.NotFound()
    return respond(request, one(found, kind, fields))


def read_settings(request: HttpRequest) -> HttpResponse:
    fields = picked_fields(Kind.SETTINGS, parsing.query(request, ("fields",)))
    found = reads.settings()
    if found is None:
        raise errors.NotFound()
    return respond(request, one(found, Kind.SETTINGS, fields))


def read_list(request: HttpRequest, kind: str) -> HttpResponse:
    params = parsing.query(request, public_parameters(kind))
    listing = asked(kind, params)
    return respond(request, page(reads.listing(listing), listing, request.path, params))


def picked_fields(kind: str, params: Params) -> tuple[str, ...] | None:
    found = parsing.names(dict(params), "fields", among=shapes.FIELDS[kind])
    return None if found is None else tuple(found)


def asked(kind: str, params: Params) -> Listing:
    """What the parameters of a list ask for, whose names are known to be good. Raises Invalid."""
    fields = picked_fields(kind, params)
    ordering = parsing.choice(dict(params), "ordering", among=ORDERINGS, default=DEFAULT_ORDERING[Kind(kind)])
    check_filters(params)
    return Listing(
        kind=kind,
        page=pagination.Page.from_query(dict(params), default_per_page=PER_PAGE[Kind(kind)]),
        ordering=ordering,
        tag=params.get("tag", ""),
        author=params.get("author", ""),
        q=params.get("q", "").strip(),
        fields=fields,
        cursor=_cursor(params, ordering),
    )


def _cursor(params: Params, ordering: str) -> Cursor | None:
    if "cursor" not in params:
        return None
    if "page" in params:
        raise errors.Invalid.field("cursor", "invalid", "Either a cursor or a page.")
    try:
        return cursors.read(params["cursor"], ordering=ordering)
    except ValueError as error:
        raise errors.Invalid.field("cursor", "invalid", str(error)) from error


def check_filters(params: Params) -> None:
    """Texts that are looked for: not blank, and short enough to be looked for in bounded time."""
    for name, limit in (("q", MAX_Q), ("tag", 50), ("author", 200)):
        if len(params.get(name, "")) > limit:
            raise errors.Invalid.field(name, "max_length", f"At most {limit} characters.")
        if name in params and not params[name].strip():
            raise errors.Invalid.field(name, "blank", "Say what to look for, or leave it out.")


def one(found: Single, kind: str, fields: tuple[str, ...] | None) -> Public:
    keys = Kind.SETTINGS.value if kind == Kind.SETTINGS else f"{kind}:{found.entry_id}"
    return Public(_picked(found.detail, fields), keys, found.changes_in)


def moved(found: Moved, kind: str, key: str, path: str, params: Params) -> Public:
    target = f"{path.removesuffix('/').removesuffix(key)}{found.slug}"
    location = pagination.address(target, params)
    content = orjson.dumps({"location": location})
    return Public(content, PLURAL[Kind(kind)], found.changes_in, location=location)


def page(found: Found, asked: Listing, path: str, params: Params) -> Public:
    texts = ",".join(found.texts)
    if asked.fields is None:
        items = texts.encode()
    else:
        items = orjson.dumps([shapes.pick(one, asked.fields) for one in orjson.loads(f"[{texts}]")])[1:-1]
    if asked.cursor is None:
        counts: dict[str, Any] = pagination.counts(asked.page, found.total)
        link = pagination.links(path, params, asked.page, found.total)
    else:
        following = _following(found, asked)
        counts = {"total": found.total, "per_page": asked.page.per_page, "next_cursor": following}
        link = _links(path, params, following)
    content = b'{"items":[' + items + b"]," + orjson.dumps(counts)[1:]
    return Public(content, PLURAL[Kind(asked.kind)], found.changes_in, link)


def _following(found: Found, asked: Listing) -> str | None:
    if not found.has_more or found.last is None:
        return None
    return cursors.write(found.last, ordering=asked.ordering)


def _links(path: str, params: Params, following: str | None) -> str:
    targets = {"first": cursors.START} | ({"next": following} if following else {})
    return ", ".join(
        pagination.link(rel, pagination.address(path, {**params, "cursor": cursor})) for rel, cursor in targets.items()
    )


def _picked(detail: str, fields: tuple[str, ...] | None) -> bytes:
    if fields is None:
        return detail.encode()
    whole: dict[str, Any] = orjson.loads(detail)
    return orjson.dumps(shapes.pick(whole, fields))


def respond(request: HttpRequest, public: Public) -> HttpResponse:
    """The answer of a view. The edge, where it stands in front, is told what it may keep and until when."""
    response = json_response(public.content, status=public.status)
    response["Cache-Control"] = cache_control(public.changes_in)
    response["Surrogate-Key"], response["Cache-Tag"] = public.keys, public.tags
    for name, value in (("Link", public.link), ("Location", public.location)):
        if value:
            response[name] = value
    keep = getattr(request, "scope", {}).get(KEEP)
    if keep is not None:
        keep.mark(public.keys.split(), public.changes_in)
    return response


def cache_control(changes_in: float | None) -> str:
    """Shared caches keep an answer for a while, but never beyond the moment at which time alone changes it.

    ``changes_in`` is in seconds.
    """
    fresh, stale = settings.PUBLIC_MAX_AGE, settings.PUBLIC_STALE_WHILE_REVALIDATE
    if changes_in is not None:
        left = max(int(changes_in), 0)
        fresh = min(fresh, left)
        stale = min(stale, left - fresh)
    return f"public, max-age=0, s-maxage={fresh}, stale-while-revalidate={stale}"
