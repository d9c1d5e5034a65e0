"""Posts: lists of summaries with an exact total, single reads by slug, and creating."""

import re
import unicodedata
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlencode

import nh3
from fastapi import APIRouter, HTTPException, Query, Request, Response
from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from benchmarks.peers.fastapi import answers, schemas
from benchmarks.peers.fastapi.answers import IfNoneMatch
from benchmarks.peers.fastapi.auth import CurrentUser
from benchmarks.peers.fastapi.database import Reading, Writing
from benchmarks.peers.fastapi.models import AuditEntry, Post, Revision, User, now, uuid7

router = APIRouter(prefix="/posts")

# Columns, not entities: a list reads no body, and nothing is tracked that will not change.
SUMMARY = [getattr(Post, name) for name in schemas.PostSummary.model_fields]
WHOLE = [getattr(Post, name) for name in schemas.Post.model_fields]
WRITTEN = ("title", "slug", "excerpt", "body", "author", "featured_image_url", "tags")
TRIES = 5
_WILDCARD, _ESCAPED = re.compile(r"([%_\\])"), r"\\\1"


# Statements are built once: building them costs more than running them.
SINGLE = select(*WHOLE).where(Post.slug == bindparam("slug"), Post.published)


@cache
def statements(has_tag: bool, has_author: bool, has_q: bool) -> tuple[Select[Any], Select[Any]]:
    """The count and the page for one combination of filters."""
    where: list[ColumnElement[bool] | InstrumentedAttribute[bool]] = [Post.published]
    if has_tag:
        where.append(Post.tags.contains(bindparam("tags", type_=ARRAY(Text()))))
    if has_author:
        where.append(Post.author == bindparam("author"))
    if has_q:
        where.append(or_(*(one.ilike(bindparam("pattern")) for one in (Post.title, Post.excerpt))))
    page = select(*SUMMARY).where(*where).order_by(Post.created_at.desc(), Post.id)
    limited = page.limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))
    return select(func.count()).select_from(Post).where(*where), limited


@router.get("", response_model=schemas.PostPage)
async def list_posts(
    request: Request,
    session: Reading,
    asked: Annotated[schemas.ListQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    count, listed = statements(bool(asked.tag), bool(asked.author), bool(asked.q))
    filters = _filters(asked)
    total = (await session.execute(count, filters)).scalar_one()
    part = {"limit": asked.per_page, "offset": (asked.page - 1) * asked.per_page}
    rows = (await session.execute(listed, filters | part)).all()
    pages = -(-total // asked.per_page)
    page = schemas.PostPage(
        items=[schemas.PostSummary.model_validate(row) for row in rows],
        total=total,
        page=asked.page,
        per_page=asked.per_page,
        total_pages=pages,
    )
    return answers.public(page, if_none_match, keys="posts", link=_link(request, asked.page, max(pages, 1)))


@router.get("/{slug}", response_model=schemas.Post)
async def read_post(slug: str, session: Reading, if_none_match: IfNoneMatch = None) -> Response:
    row = (await session.execute(SINGLE, {"slug": slug})).one_or_none()
    if row is None:
        raise HTTPException(404, "Nothing is found here")
    post = schemas.Post.model_validate(row)
    return answers.public(post, if_none_match, keys=f"post:{post.id}")


@router.post("", status_code=201)
async def create_post(
    given: schemas.PostInput, by: CurrentUser, session: Writing, response: Response
) -> schemas.WrittenPost:
    moment = now()
    values: dict[str, Any] = given.model_dump(exclude={"slug"})
    values |= {"id": uuid7(), "body": nh3.clean(given.body), "author": given.author or by.display_name}
    values |= {"created_at": moment, "updated_at": moment, "created_by": by.id, "updated_by": by.id, "version": 1}
    values["published_at"] = moment if given.published else None
    values["slug"] = await _insert(session, values, given.slug)
    _remember(session, values, by)
    await session.commit()
    response.headers["Location"] = f"/api/v1/posts/{values['slug']}"
    response.headers["ETag"] = f'"{values["id"]}-{values["version"]}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = answers.VARY
    return schemas.WrittenPost(
        **{name: value for name, value in values.items() if name != "version"},
        status="published" if given.published else "draft",
        has_unpublished_changes=False,
    )


async def _insert(session: AsyncSession, values: dict[str, Any], explicit: str | None) -> str:
    """One statement an attempt: the unique index decides who has a slug, and a taken one is no error."""
    wanted = explicit or _slug_of(values["title"])
    for number in range(1, 2 if explicit else TRIES + 1):
        slug = wanted if number == 1 else f"{wanted[:195]}-{number}"
        statement = insert(Post).values(**values, slug=slug).on_conflict_do_nothing(index_elements=[Post.slug])
        if (await session.execute(statement.returning(Post.id))).scalar_one_or_none() is not None:
            return slug
    raise HTTPException(422, "The slug is taken.")


def _remember(session: AsyncSession, values: dict[str, Any], by: User) -> None:
    post_id, version = values["id"], values["version"]
    kept = {name: values[name] for name in WRITTEN}
    session.add(Revision(post_id=post_id, version=version, action="created", values=kept, created_by=by.id))
    verbs = ("post.created", "post.published") if values["published"] else ("post.created",)
    session.add_all(
        AuditEntry(
            action=verb,
            actor_id=by.id,
            actor_name=by.display_name,
            object_id=str(post_id),
            object_name=values["title"],
            facts={"version": version},
        )
        for verb in verbs
    )


def _filters(asked: schemas.ListQuery) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if asked.tag:
        given["tags"] = [asked.tag]
    if asked.author:
        given["author"] = asked.author
    if asked.q:
        given["pattern"] = f"%{re.sub(_WILDCARD, _ESCAPED, asked.q)}%"
    return given


def _link(request: Request, page: int, last: int) -> str:
    targets = {"first": 1, "last": last}
    if page > 1:
        targets["prev"] = min(page - 1, last)
    if page < last:
        targets["next"] = page + 1
    kept = {name: value for name, value in request.query_params.items() if name != "page"}
    path = request.url.path
    return ", ".join(f'<{path}?{urlencode(kept | {"page": number})}>; rel="{rel}"' for rel, number in targets.items())


def _slug_of(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:200].strip("-") or "post"
