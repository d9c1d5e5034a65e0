"""PostgreSQL: a public answer without Django's handler, where a page, a post, settings or a list is there or has moved.

The same plans and the same answers as in the views (``delivery.reads``, ``delivery.api.answers``), followed through
asynchronous connections on the event loop. The headers that Django's middleware adds are learned from an answer of
Django's own. Whatever is not plain (not found, refused, a database that is away) is left to Django.
"""

import math
import time
from typing import Any
from urllib.parse import parse_qsl

import psycopg

from core import errors
from core.api.conditional import etag_of
from core.postgresql.asynchronous import Away, Pool
from delivery import reads
from delivery.api import answers as public_answers
from delivery.api.answers import Public
from delivery.dialects import Question, Rows
from delivery.edge.answers import Answer, Header
from delivery.edge.asking import Asked
from delivery.models import PLURAL, Kind
from delivery.questions import Moved, Single

PATIENCE = 5.0  # seconds for one statement
PREFIX = "/api/v1/"

_KINDS = {plural: Kind(kind) for kind, plural in PLURAL.items()}
_MADE_HERE = frozenset(
    {b"content-length", b"etag", b"cache-control", b"surrogate-key", b"cache-tag", b"link", b"location"}
)


class Direct:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._learned: dict[tuple[str, bool], list[Header]] = {}

    def learn(self, asked: Asked, answer: Answer) -> None:
        if answer.status == 200:
            headers = [header for header in answer.headers if header[0].lower() not in _MADE_HERE]
            self._learned[asked.origin, asked.is_secure] = headers

    async def ask(self, asked: Asked) -> Answer | None:
        headers = self._learned.get((asked.origin, asked.is_secure))
        if headers is None:
            return None
        began = time.monotonic()
        try:
            public = await self._public(asked)
        except (errors.Refusal, psycopg.Error, Away):
            return None
        return _answer(public, headers, began) if public is not None else None

    async def _public(self, asked: Asked) -> Public | None:
        """None for what has another status than 200 or 301. Raises what the way there raises."""
        plural, _, key = asked.path.removeprefix(PREFIX).partition("/")
        params = dict(parse_qsl(asked.query, keep_blank_values=True))
        if plural == Kind.SETTINGS and not key:
            return await self._one(reads.plan_settings(), Kind.SETTINGS, key, asked.path, params)
        kind = _KINDS.get(plural)
        if kind is None or "/" in key or asked.path.endswith("/"):
            return None
        if key:
            return await self._one(reads.plan_single(kind, key), kind, key, asked.path, params)
        if not params.keys() <= set(public_answers.public_parameters(kind)):
            return None
        listing = public_answers.asked(kind, params)
        found = await reads.follow_async(reads.plan_listing(listing), self._fetch)
        return public_answers.page(found, listing, asked.path, params)

    async def _one(
        self, plan: reads.Plan[Any], kind: Kind, key: str, path: str, params: dict[str, str]
    ) -> Public | None:
        if params.keys() - {"fields"}:
            return None
        fields = public_answers.picked_fields(kind, params)
        found = await reads.follow_async(plan, self._fetch)
        if isinstance(found, Moved):
            return public_answers.moved(found, kind, key, path, params)
        return public_answers.one(found, kind, fields) if isinstance(found, Single) else None

    async def _fetch(self, question: Question[Any]) -> Rows:
        return await self._pool.ask(question.sql, question.params)


def _answer(public: Public, learned: list[Header], began: float) -> Answer:
    headers = [
        *learned,
        (b"Cache-Control", public_answers.cache_control(public.changes_in).encode()),
        (b"Surrogate-Key", public.keys.encode()),
        (b"Cache-Tag", public.tags.encode()),
        (b"Content-Length", b"%d" % len(public.content)),
    ]
    etag = "" if public.location else etag_of(public.content)
    for name, value in ((b"ETag", etag), (b"Link", public.link), (b"Location", public.location)):
        if value:
            headers.append((name, value.encode()))
    changes_at = math.inf if public.changes_in is None else began + public.changes_in
    return Answer(public.status, headers, public.content, public.keys.split(), changes_at)
