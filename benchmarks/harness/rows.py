"""The content, made by PostgreSQL itself: the same posts for all, in the shape of each one's tables.

Reproducible: the dice are seeded, ids and moments follow from the number of the post. One in twenty is no public post.
"""

from dataclasses import dataclass, replace

from psycopg import sql

PUBLISHED = "n % 20 <> 0"
TAG_COUNT = 50
AUTHOR = "Editorial office"
WORDS = (
    "a quiet morning begins with the list of things that can wait and few cannot every change we make is written down "
    "where somebody will look for it most are smaller than they sound harbour lantern orchard river stone window "
    "bridge garden letter market mountain paper season signal station summer thread timber valley winter workshop"
).split()

_SOURCE = """
SELECT setseed(0.42);
CREATE UNLOGGED TABLE posts AS
WITH words AS (SELECT '{{{words}}}'::text[] AS w)
SELECT
    n,
    (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(md5(n::text), 3)
        || '8' || left(md5(n || '-'), 15))::uuid AS id,
    md5('publication ' || n)::uuid AS publication_id,
    md5('revision ' || n)::uuid AS revision_id,
    'post-' || n AS slug,
    (SELECT string_agg(w[1 + floor(random() * {word_count}) + i * 0], ' ') FROM generate_series(1, 5 + n * 0) AS i)
        || ' number ' || n AS title,
    (SELECT string_agg(w[1 + floor(random() * {word_count}) + i * 0], ' ') FROM generate_series(1, 20 + n * 0) AS i)
        AS excerpt,
    (SELECT string_agg('<p>' || line || '</p>', '') FROM (
        SELECT string_agg(w[1 + floor(random() * {word_count}) + i * 0], ' ') AS line
        FROM generate_series(1, {body_words} + n * 0) AS i GROUP BY i % 8) AS lines) AS body,
    -- "i * 0" and "n * 0": for each word, and for each post, the dice are thrown anew.
    (SELECT array_agg('tag-' || lpad(((n * 7 + k * 11) % {tag_count})::text, 2, '0'))
        FROM generate_series(1, {tags}) AS k) AS tags,
    at,
    to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at_text
FROM words, generate_series(1, {count}) AS n,
    LATERAL (SELECT timestamptz '2024-01-01 00:00:00.000123Z' + n * interval '30 seconds' AS at) AS moment
"""


@dataclass(frozen=True)
class Table:
    """A table to fill: for each column the SQL that makes it from a row of ``origin``."""

    name: str
    columns: dict[str, str]
    origin: str

    def reading(self) -> sql.Composed:
        return sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            sql.SQL(", ").join(map(_ours, self.columns.values())), _ours(self.origin)
        )

    def writing(self) -> sql.Composed:
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(self.name), names)


def _ours(text: str) -> sql.SQL:
    """SQL that stands in this file."""
    return sql.SQL(text)


def source(count: int, *, words: int, tags: int) -> sql.SQL:
    listed = ",".join(WORDS)
    return _ours(
        _SOURCE.format(
            words=listed, word_count=len(WORDS), body_words=words, tag_count=TAG_COUNT, tags=tags, count=count
        )
    )


def tables(kind: str, *, is_whole: bool) -> list[Table]:
    """``is_whole``: everything that writing the posts would have left; otherwise what public reads touch."""
    if kind == "stitch":
        return [*PROJECTION, *WORKING_COPIES] if is_whole else [_without_content(PROJECTION[0]), *PROJECTION[1:]]
    if kind == "fastapi":
        return FASTAPI if is_whole else FASTAPI[:1]
    return DRF


def _without_content(publications: Table) -> Table:
    return replace(publications, columns={**publications.columns, "content": "'{}'"})


ALL = "posts"
PUBLIC = f"posts WHERE {PUBLISHED}"
EACH_TAG = f"posts, unnest(tags) AS tag WHERE {PUBLISHED}"

_TAGS = "to_jsonb(tags)::text"
_STAMPS = """'"published":true,"published_at":"' || at_text || '","created_at":"' || at_text || '","updated_at":"'
    || at_text || '"}'"""
_BEGINNING = """'{"id":"' || id || '","title":"' || title || '","slug":"' || slug || '","excerpt":"' || excerpt"""
_ENDING = (
    f"""'","author":"{AUTHOR}","featured_image_url":"","tags":' || replace({_TAGS}, ', ', ',') || ',' || {_STAMPS}"""
)
_VALUES = f"""json_build_object('title', title, 'slug', slug, 'excerpt', excerpt, 'body', body,
    'author', '{AUTHOR}', 'featured_image_url', '', 'tags', to_jsonb(tags))"""

PROJECTION = [
    Table(
        "delivery_publication",
        {
            "id": "publication_id",
            "kind": "'post'",
            "entry_id": "id",
            "revision_id": "revision_id",
            "slug": "slug",
            "content": _VALUES,
            "entry_created_at": "at",
            "published_at": "at",
            "live_from": "at",
        },
        PUBLIC,
    ),
    Table(
        "delivery_liveentry",
        {
            "publication_id": "publication_id",
            "kind": "'post'",
            "entry_id": "id",
            "revision_id": "revision_id",
            "slug": "slug",
            "title_key": "convert_to(lower(title), 'UTF8')",
            "author": f"'{AUTHOR}'",
            "search_text": "lower(title || E'\\n' || excerpt)",
            "created_at": "at",
            "updated_at": "at",
            "published_at": "at",
            "live_from": "at",
            "summary": f"{_BEGINNING} || {_ENDING}",
            "detail": f"""{_BEGINNING} || '","body":"' || body || {_ENDING}""",
        },
        PUBLIC,
    ),
    Table(
        "delivery_livetag",
        {
            "entry_id": "publication_id",
            "kind": "'post'",
            "tag": "tag",
            "post_id": "id",
            "created_at": "at",
            "live_from": "at",
        },
        EACH_TAG,
    ),
]
WORKING_COPIES = [
    Table(
        "content_blogpost",
        {
            "id": "id",
            "version": "2",
            "revision_id": "revision_id",
            "created_at": "at",
            "updated_at": "at",
            "title": "title",
            "slug": "slug",
            "body": "body",
            "state": "'draft'",
            "excerpt": "excerpt",
            "author": f"'{AUTHOR}'",
            "featured_image_url": "''",
            "tags": "to_jsonb(tags)",
        },
        ALL,
    ),
    Table(
        "content_revision",
        {
            "id": "revision_id",
            "kind": "'post'",
            "entry_id": "id",
            "version": "1",
            "action": "'created'",
            "values": _VALUES,
            "created_at": "at",
        },
        ALL,
    ),
    Table(
        "delivery_slug",
        {
            "kind": "'post'",
            "slug": "slug",
            "state": f"CASE WHEN {PUBLISHED} THEN 'live' ELSE 'working' END",
            "entry_id": "id",
        },
        ALL,
    ),
]
_POST = {
    "id": "id",
    "title": "title",
    "slug": "slug",
    "excerpt": "excerpt",
    "body": "body",
    "author": f"'{AUTHOR}'",
    "featured_image_url": "''",
    "tags": "tags",
    "published": PUBLISHED,
    "published_at": "at",
    "created_at": "at",
    "updated_at": "at",
}
DRF = [Table("posts", _POST, ALL)]
FASTAPI = [
    Table("posts", {**_POST, "version": "1"}, ALL),
    Table(
        "revisions",
        {
            "id": "revision_id",
            "post_id": "id",
            "version": "1",
            "action": "'created'",
            "values": _VALUES,
            "created_at": "at",
        },
        ALL,
    ),
]
# From the product's database, so that both answer the same.
SITE_SETTINGS = Table(
    "settings",
    {
        **{name: f"detail::json->>'{name}'" for name in ("id", "site_name", "tagline", "logo_url", "footer_text")},
        "social_links": "detail::json->'social_links'",
        "created_at": "detail::json->>'created_at'",
        "updated_at": "detail::json->>'updated_at'",
    },
    "delivery_liveentry WHERE kind = 'settings'",
)
