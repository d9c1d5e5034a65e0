"""What the OpenAPI document says about pages, posts and settings. The shapes stand in ``schema_shapes``."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view

from content import listing, rights
from content.api import schema_examples as examples
from content.api import schema_inputs  # noqa: F401 - registers the words of the inputs
from content.api import schema_shapes as shapes
from content.api.serializers import INPUT
from content.models import Status
from core import errors
from core.api import schema_parameters as parameters
from core.api.schema import ref, refusing
from delivery import shapes as public
from delivery.api import answers
from delivery.listings import DEFAULT_ORDERING, ORDERINGS
from delivery.models import Kind

NOUN = {Kind.PAGE: "page", Kind.POST: "post", Kind.SETTINGS: "site settings"}
TAG = {Kind.PAGE: "pages", Kind.POST: "posts", Kind.SETTINGS: "settings"}

# Anybody may read; who sends a token may see more.
ANYBODY: Any = [{}, {"bearerAuth": []}, {"passwordAuth": []}, {"apiKeyAuth": []}]

Decorator = Callable[[Any], Any]

DRAFT = parameters.query(
    "draft",
    "`true`: change the working copy only; what visitors see stays as it is. Not together with a changed `published`.",
    {"type": "boolean", "default": False},
)

CURSOR = parameters.query(
    "cursor",
    "Walks through the public list instead of turning its pages: `*` starts, then the `next_cursor` of the answer "
    "before, with the same `ordering`, until it is null. Whatever does not change meanwhile comes exactly once. "
    "Neither with `page` nor with `status`.",
    {"type": "string", "minLength": 1},
)

WHAT_A_SAVE_DOES = (
    "A change to something public, by somebody who may publish, is public at once, unless it says `?draft=true`; by "
    "somebody who may not, it changes the working copy only. A changed `published` publishes or unpublishes; for "
    "somebody who may not it is 403 `may_not_publish`. What was overwritten stays in the history. HTML is made "
    "harmless before it is stored; `sanitised` in the answer says what was taken out. The read-only fields of what was "
    "read may be sent back; they are ignored. Any other unknown field is 422."
)
WHAT_A_READ_FINDS = (
    "Without a token: what visitors see now. With a token that may see drafts: the working copy, with `status`, "
    "`has_unpublished_changes`, `created_by` and `updated_by`; its `ETag` is the one for `If-Match`."
)


def documented(kind: Kind) -> Decorator:
    """For the viewset of a kind."""
    if kind == Kind.SETTINGS:
        return extend_schema_view(
            retrieve=_get(kind), update=_save(kind, "replace"), partial_update=_save(kind, "update")
        )
    return extend_schema_view(
        list=_list(kind),
        create=_create(kind),
        retrieve=_get(kind),
        update=_save(kind, "replace"),
        partial_update=_save(kind, "update"),
        destroy=_delete(kind),
    )


def _list(kind: Kind) -> Decorator:
    return extend_schema(
        operation_id=f"list{shapes.NAMES[kind]}s",
        tags=[TAG[kind]],
        auth=ANYBODY,
        summary=f"List {TAG[kind]}",
        description="What visitors see now, without `body`, for everybody, with or without a token. `?status=` lists "
        "working copies instead, for those who may see drafts. `?fields=` picks exact fields, `body` included. "
        "An unknown parameter is 422, so that a typo never silently returns everything.",
        parameters=[*_list_parameters(kind), CURSOR, _fields(kind, where=" together with `status`")],
        responses={200: OpenApiResponse(shapes.listed(kind), "One page, and how many there are.")},
        extensions=refusing(errors.Forbidden),
        examples=[
            _answer("What visitors see", examples.page_of(kind), "200"),
            _answer("From the start, by cursor", examples.walk_of(kind), "200"),
        ],
    )


def _list_parameters(kind: Kind) -> list[Any]:
    only_posts = [
        parameters.search("tag", "Only posts with exactly this tag.", limit=50),
        parameters.search("author", "Only posts with exactly this byline.", limit=200),
    ]
    where = "title or excerpt" if kind == Kind.POST else "titles"
    return [
        parameters.page(),
        parameters.per_page(answers.PER_PAGE[kind]),
        parameters.ordering(ORDERINGS, default=DEFAULT_ORDERING[kind]),
        parameters.search("q", f"Only {TAG[kind]} with this text in {where}, in any case.", limit=answers.MAX_Q),
        *(only_posts if kind == Kind.POST else []),
        parameters.query(
            "status",
            "Lists working copies in this status (`all`: in any), newest first, for those who may see drafts: 401 "
            "without a token, 403 without the right.",
            {"type": "string", "enum": [*Status.values, listing.ALL]},
        ),
    ]


def _fields(kind: Kind, *, where: str = "") -> Any:
    extra = [name for name in shapes.working_fields(kind) if name not in public.FIELDS[kind]]
    also = ", ".join(f"`{name}`" for name in extra)
    return parameters.fields(
        public.FIELDS[kind],
        "Exactly these fields and no others, separated by commas. With a token that may see drafts also "
        f"{also}{where}.",
    )


def _get(kind: Kind) -> Decorator:
    has_key = kind != Kind.SETTINGS
    moved = OpenApiResponse(ref("Moved"), "The entry has this slug no longer; `Location` has the new one.")
    return extend_schema(
        operation_id=f"get{shapes.NAMES[kind]}",
        tags=[TAG[kind]],
        auth=ANYBODY,
        summary=f"Read a {NOUN[kind]}" if has_key else "Read the site settings",
        description=WHAT_A_READ_FINDS,
        parameters=[*([parameters.key(NOUN[kind])] if has_key else []), _fields(kind)],
        responses={
            200: OpenApiResponse(shapes.read(kind), f"The {NOUN[kind]}."),
            **({301: moved} if has_key else {}),
        },
        examples=[
            _answer("What visitors see", examples.public(kind), "200"),
            _answer("The working copy", examples.working(kind), "200"),
            *([_answer("Moved", {"location": examples.path_of(kind)}, "301")] if has_key else []),
        ],
    )


def _create(kind: Kind) -> Decorator:
    return extend_schema(
        operation_id=f"create{shapes.NAMES[kind]}",
        tags=[TAG[kind]],
        summary=f"Create a {NOUN[kind]}",
        description="A draft, unless the body says `published: true`. Without `slug` one is made from the title and is "
        "made unique; a slug that is given and taken is 422 `unique`. " + WHAT_A_SAVE_DOES.split(". ", 3)[3],
        parameters=[parameters.IDEMPOTENCY_KEY, parameters.REQUEST_ID],
        request=INPUT[kind],
        responses={201: OpenApiResponse(shapes.written(kind), f"The new {NOUN[kind]}; `Location` has its path.")},
        extensions=refusing(rights.MayNotPublish),
        examples=[
            OpenApiExample("The least", {"title": examples.public(kind)["title"]}, request_only=True),
            OpenApiExample("Published at once", examples.sent(kind) | {"published": True}, request_only=True),
            _answer("Created", examples.written(kind), "201"),
        ],
    )


def _save(kind: Kind, verb: str) -> Decorator:
    has_key = kind != Kind.SETTINGS
    whole = "Replaces every field that can be written: what is left out becomes empty, except `slug` and `published`, "
    return extend_schema(
        operation_id=f"{verb}{shapes.NAMES[kind]}",
        tags=[TAG[kind]],
        summary=f"{'Replace' if verb == 'replace' else 'Change some fields of'} "
        f"{'the site settings' if not has_key else f'a {NOUN[kind]}'}",
        description=(f"{whole}which stay as they are. " if verb == "replace" else "") + WHAT_A_SAVE_DOES,
        parameters=[
            *([parameters.key(NOUN[kind])] if has_key else []),
            DRAFT,
            parameters.IF_MATCH,
            parameters.REQUEST_ID,
        ],
        request=INPUT[kind],
        responses={200: OpenApiResponse(shapes.written(kind), f"The {NOUN[kind]} as it is stored now.")},
        extensions=refusing(*((rights.NotYours, rights.MayNotPublish) if has_key else ())),
        examples=[
            OpenApiExample(
                "Sent", examples.sent(kind) if verb == "replace" else examples.change(kind), request_only=True
            ),
            _answer("Stored", examples.written(kind), "200"),
        ],
    )


def _delete(kind: Kind) -> Decorator:
    return extend_schema(
        operation_id=f"delete{shapes.NAMES[kind]}",
        tags=[TAG[kind]],
        summary=f"Move a {NOUN[kind]} to the bin",
        description="Unpublishes it, which needs the right to publish where it is public, and frees its slug at once. "
        "It can be restored in the admin; its history stays.",
        parameters=[parameters.key(NOUN[kind]), parameters.IF_MATCH, parameters.REQUEST_ID],
        responses={204: OpenApiResponse(description="It is in the bin.")},
        extensions=refusing(rights.NotYours, rights.MayNotPublish),
    )


def _answer(name: str, value: Any, status: str) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=[status])
