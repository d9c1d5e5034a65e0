"""drf-spectacular's settings: the words at the top of the OpenAPI document."""

from typing import Any

from cms_project.version import VERSION

DESCRIPTION = """\
The headless CMS: pages, posts and site settings, read without a token and written with one.

**Reading** needs no token: `GET /api/v1/posts` lists what visitors see. Every read has an `ETag`; send it back as
`If-None-Match`. With a token that may see drafts, a single read answers the working copy instead.

**Writing** needs a token: `POST /api/v1/auth/login`, then `Authorization: Bearer <access_token>`. Scripts and
services send an API key instead, `Authorization: Api-Key <key>`, made with `POST /api/v1/api-keys`. `If-Match` keeps
you from overwriting what somebody else has changed, `Idempotency-Key` makes a `POST` safe to repeat.

**Lists** are `{"items": […], "total", "page", "per_page", "total_pages"}`, with `Link` headers to their neighbours.

**Errors** are `application/problem+json` (RFC 9457) with a stable `code`; `errors` says which field is wrong and why.
Where several apply, the first of 429, 405, 401, 403 or 404, 415, 400, 422, 412, 409 answers.

**Times** are ISO 8601 in UTC with microseconds (`2026-03-01T09:30:00.000000Z`). Ids are UUIDs and never change. Paths
have no trailing slash; with one the same operation answers. `HEAD` answers wherever `GET` does, `OPTIONS` everywhere.
"""

TAGS = [
    {"name": "posts", "description": "The blog, newest first."},
    {"name": "pages", "description": "Pages that stand for themselves, by title."},
    {"name": "settings", "description": "What the whole site shares: its name, logo, footer and profiles."},
    {
        "name": "auth",
        "description": "Tokens: log in, stay logged in, log out. Every `POST` below `/auth/` that presents or sets a "
        "credential counts against one limit per client address (5 a minute, unless the server is set otherwise).",
    },
    {"name": "account", "description": "One's own account: registering, password, e-mail, sessions, oneself."},
    {
        "name": "second-factors",
        "description": "What somebody logs in with beside the password: authenticator app, recovery codes, passkeys.",
    },
    {
        "name": "api-keys",
        "description": "Keys for machines, in the name of whoever made them: sent as `Authorization: Api-Key <key>`.",
    },
    {"name": "users", "description": "The people of this site, their roles, and what each role allows."},
    {"name": "audit", "description": "Who did what to which thing, when and from where."},
    {"name": "health", "description": "For load balancers and supervisors."},
]

SETTINGS: dict[str, Any] = {
    "TITLE": "Stitch API",
    "VERSION": VERSION,
    "DESCRIPTION": DESCRIPTION,
    "LICENSE": {"name": "MIT"},
    "TAGS": TAGS,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "POSTPROCESSING_HOOKS": ["core.api.schema.complete"],
}
