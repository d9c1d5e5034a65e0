"""What schemathesis cannot know of this API: which refusals depend on what is stored, who may log in, what is there."""

import json
import os
import re
import urllib.request
from collections import defaultdict, deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

API = "/api/v1"

# Refusals of well-formed requests that no schema can foresee: field and code, as in the body of a problem.
BEYOND_THE_SCHEMA = {
    ("slug", "unique"),
    ("email", "unique"),
    ("username", "unique"),
    ("Idempotency-Key", "reused"),
    ("published", "conflicts_with_draft"),  # on whether the entry is public now
    ("tags", "duplicate"),  # two tags that differ in the blanks around them are one, which `uniqueItems` cannot say
    ("cursor", "invalid"),  # one that no answer has given, or a page beside it
    ("cursor", "unknown_parameter"),  # beside `status`, which asks for working copies
    ("email", "unchanged"),
    ("email", "invalid"),  # the server has its own idea of what an address is
    ("expires_at", "in_the_past"),  # on the clock
    ("user", "conflicts_with_all"),  # beside `all`
    ("current_password", "wrong"),
    ("current_password", "one_of"),  # beside a code
    ("new_password", "unchanged"),
    ("token", "invalid"),  # a link that was not mailed
    ("challenge", "invalid"),  # one that was not given out
    ("credential", "invalid"),  # one for another challenge
    ("code", "one_of"),  # beside a credential
    ("code", "wrong"),  # of an app
    ("refresh_token", "required"),  # in the body, unless there is a cookie
}

# Where what a path names is found: the list that shows it, and what it is called there.
KEYS = {
    "/pages/{key}": ("/pages", "slug"),
    "/posts/{key}": ("/posts", "slug"),
    "/api-keys/{id}": ("/api-keys", "id"),
    "/auth/sessions/{id}": ("/auth/sessions", "id"),
    "/users/{id}": ("/users", "id"),
    "/users/{id}/invitation": ("/users", "id"),
    "/users/{id}/second-factors": ("/users", "id"),
}
LISTS = dict(KEYS.values())
SPARED = 5  # so many of a kind are left for others

# Operations that take the token of a mailed link, and the path that the link leads to.
LINKS = {
    "/auth/verify-email": "verify-email",
    "/auth/password-reset/confirm": "password-reset",
    "/auth/invitation/accept": "invitation",
    "/auth/email-change/confirm": "email-change",
}
ENDS_SESSIONS = (
    "/auth/logout-all",
    "/auth/sessions/{id}",
    "/auth/password-change",
    "/auth/email-change/confirm",
)
NOBODY = "00000000-0000-7000-8000-000000000000"

_turns: "defaultdict[tuple[str, str], cycle[bool]]" = defaultdict(partial(cycle, (True, False)))
_numbers = count(1)
_known: defaultdict[str, deque[str]] = defaultdict(partial(deque, maxlen=20))
_links: defaultdict[str, deque[str]] = defaultdict(deque)
_addressees: dict[str, str] = {}
_opened: set[Path] = set()  # mails


# --- Who we are ----------------------------------------------------------------------------------------------------
class Administrator:
    """Logs in, and again after each request that may have ended the session that it was made in."""

    email = os.environ.get("ADMIN_EMAIL", "")
    password = os.environ.get("ADMIN_PASSWORD", "")
    id = ""
    token = ""

    def get(self, case: Any, context: Any) -> str:
        if not self.token:
            Administrator.token = _log_in()["access_token"]
            Administrator.id = _ask("/auth/me", token=self.token)["id"]
        return self.token

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


if Administrator.password:
    schemathesis.auth(refresh_interval=None)(Administrator)


def _log_in() -> dict[str, str]:
    pair: dict[str, str] = _ask("/auth/login", {"email": Administrator.email, "password": Administrator.password})
    return pair


def _ask(path: str, body: object = None, *, token: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{os.environ['PORT']}{API}{path}", content, headers)
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the server on this machine
        return json.load(answer)


# --- What is judged ------------------------------------------------------------------------------------------------
@schemathesis.check
def accepted_unless_taken(ctx: Any, response: Any, case: Any) -> bool | None:
    """``positive_data_acceptance``, but for refusals that no schema can foresee."""
    wrong = response.json().get("errors", ()) if response.status_code == 422 else ()
    if wrong and all(map(_is_beyond_the_schema, wrong)):
        return None
    if response.status_code == 400 and isinstance(case.body, dict) and "credential" in case.body:
        return None  # a free object, what browsers say about passkeys: no schema keeps NUL or 1e999 out of it
    return positive_data_acceptance(ctx, response, case)


def _is_beyond_the_schema(error: dict[str, str]) -> bool:
    """Which groups there are, and whether a password is too common or too much like the username, is so as well."""
    anywhere = error["code"] == "unknown_group" or error["code"].startswith("password_")
    return anywhere or (error["field"], error["code"]) in BEYOND_THE_SCHEMA


@schemathesis.hook
def after_load_schema(context: Any, schema: Any) -> None:
    """Whoever renames a path has it renamed here as well, or we would silently do less."""
    unknown = {API + path for path in (*KEYS, *LINKS, *ENDS_SESSIONS)} - set(schema.raw_schema["paths"])
    if unknown:
        raise SystemExit(f"scripts/schemathesis_checks.py names paths that are not there: {sorted(unknown)}")


# --- What is sent --------------------------------------------------------------------------------------------------
@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Every other request of a kind is sent what it needs to succeed, so that the answer to it is checked as well."""
    path = case.path.removeprefix(API)
    if case.meta is not None and not case.meta.generation.mode.is_negative and next(_turns[case.method, path]):
        if "If-Match" in (case.headers or ()):
            case.headers["If-Match"] = "*"
        if isinstance(case.body, dict) and Administrator.password:
            _give_credentials(case, path)
        if "cursor" in (case.query or ()):
            case.query = {name: value for name, value in case.query.items() if name not in ("page", "status")}
            case.query["cursor"] = "*"
        _name_what_is_there(case, path)
    _spare_ourselves(case, path)


def _give_credentials(case: Any, path: str) -> None:
    number = next(_numbers)
    if "current_password" in case.body:
        case.body = case.body | {"current_password": Administrator.password}
    if path in LINKS:
        case.body = case.body | _mailed(LINKS[path])
    elif path in ("/auth/login", "/auth/token"):
        who = "email" if path == "/auth/login" else "username"
        case.body = case.body | {who: Administrator.email, "password": Administrator.password}
    elif path in ("/auth/refresh", "/auth/logout"):
        case.body = {"refresh_token": _log_in()["refresh_token"]}
    elif path == "/auth/register" or (path == "/users" and case.method == "POST"):
        case.body = case.body | {"email": f"person{number}@example.com", "username": f"person{number}"}


def _mailed(purpose: str) -> dict[str, str]:
    """The token of a mail whose link nobody has followed."""
    for mail in sorted(set(Path(os.environ["MAIL_FOLDER"]).glob("*.eml")) - _opened):
        _opened.add(mail)
        _open(message_from_bytes(mail.read_bytes(), policy=policy.default))
    return {"token": _links[purpose].popleft()} if _links[purpose] else {}


def _open(mail: EmailMessage) -> None:
    """But for the administrator's: whoever followed such a link had another password than we know."""
    text, to = mail.get_body(("plain",)), str(mail["To"])
    found = re.search(r"/([a-z-]+)\?token=(\S+)", text.get_content() if text else "")
    if found and to != Administrator.email:
        _links[found[1]].append(found[2])
        _addressees[found[2]] = to


def _name_what_is_there(case: Any, path: str) -> None:
    known = _known[KEYS[path][0]] if path in KEYS else ()
    if known and (case.method != "DELETE" or len(known) > SPARED):
        known.rotate()
        _name(case, known.popleft() if case.method == "DELETE" else known[0])


def _spare_ourselves(case: Any, path: str) -> None:
    """Whoever demotes, deactivates or deletes themselves tests nothing after that."""
    named = (case.path_parameters or {}).values()
    if path == "/users/{id}" and case.method != "GET" and Administrator.id in map(str.lower, map(str, named)):
        _name(case, NOBODY)


def _name(case: Any, key: str) -> None:
    case.path_parameters = dict.fromkeys(case.path_parameters, key)


# --- What is remembered --------------------------------------------------------------------------------------------
@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """What later requests need."""
    path = case.path.removeprefix(API)
    if response.status_code == 204 and case.method in ("POST", "DELETE"):
        _follow_ourselves(path, response.request.body)
    if response.status_code in (200, 201) and path in LISTS:
        answer = response.json()
        found = [item.get(LISTS[path]) for item in answer.get("items", [answer])]
        _known[path].extend(key for key in found if key and key not in _known[path])


def _follow_ourselves(path: str, body: bytes) -> None:
    """We know our password and our address also when a request has changed them."""
    if path in ENDS_SESSIONS:
        Administrator.token = ""
    if path == "/auth/password-change":
        Administrator.password = json.loads(body)["new_password"]
    elif path == "/auth/email-change/confirm":
        Administrator.email = _addressees[json.loads(body)["token"]]
