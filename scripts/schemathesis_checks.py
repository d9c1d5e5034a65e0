"""What schemathesis cannot know of this API: which refusals depend on what is stored, who may log in, what is there."""

import os
from collections import defaultdict, deque
from functools import partial
from itertools import cycle
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# Refusals of well-formed requests that no schema can foresee: field and code, as in the body of a problem.
BEYOND_THE_SCHEMA = {
    ("slug", "unique"),
    ("Idempotency-Key", "reused"),
    ("published", "conflicts_with_draft"),  # on whether the entry is public now
    ("tags", "duplicate"),  # two tags that differ in the blanks around them are one, which `uniqueItems` cannot say
}
LISTS = {"/api/v1/pages/{key}": "/api/v1/pages", "/api/v1/posts/{key}": "/api/v1/posts"}

_turns = cycle((True, False))
_refresh_tokens: deque[str] = deque(maxlen=20)
_slugs: defaultdict[str, deque[str]] = defaultdict(partial(deque, maxlen=20))


@schemathesis.check
def accepted_unless_taken(ctx: Any, response: Any, case: Any) -> bool | None:
    """``positive_data_acceptance``, but for refusals that no schema can foresee."""
    if response.status_code == 422:
        wrong = {(error["field"], error["code"]) for error in response.json().get("errors", ())}
        if wrong and wrong <= BEYOND_THE_SCHEMA:
            return None
    return positive_data_acceptance(ctx, response, case)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Every other request is sent what it needs to succeed, so that the answer to it is checked as well."""
    if case.meta is None or case.meta.generation.mode.is_negative or next(_turns):
        return
    if "If-Match" in (case.headers or ()):
        case.headers["If-Match"] = "*"
    _give_credentials(case, case.path.removeprefix("/api/v1/auth/"))
    known = _slugs[LISTS.get(case.path, "")]
    if case.method == "GET" and known:
        known.rotate()
        case.path_parameters["key"] = known[0]


def _give_credentials(case: Any, door: str) -> None:
    """A logout takes a token only where some are left for exchanges."""
    if door in ("login", "token") and "ADMIN_PASSWORD" in os.environ:
        who = "email" if door == "login" else "username"
        case.body = case.body | {who: os.environ.get("ADMIN_EMAIL"), "password": os.environ["ADMIN_PASSWORD"]}
    elif (door == "refresh" and _refresh_tokens) or (door == "logout" and len(_refresh_tokens) > 5):
        case.body = {"refresh_token": _refresh_tokens.popleft()}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remembers what later requests need."""
    if response.status_code != 200 or "json" not in response.headers.get("content-type", [""])[0]:
        return
    answer = response.json()
    if "refresh_token" in answer:
        _refresh_tokens.append(answer["refresh_token"])
    if case.path in LISTS.values():
        _slugs[case.path].extend(item["slug"] for item in answer["items"] if "slug" in item)
