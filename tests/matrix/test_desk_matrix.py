"""Every address of the admin × kind of caller: who gets a page, who is refused, and who is led to the login."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts import audit
from accounts.models import ApiKey, AuditEntry, User
from content import drafts, saving
from content.models import Revision, SiteSettings
from core import clock
from tests.content.factory import make_page, make_post
from tests.factories import make_user, pair_for
from tests.matrix.callers import World
from tests.matrix.rows_desk import ROWS
from tests.matrix.test_matrix import ALL

pytestmark = pytest.mark.django_db

KINDS = ("nobody", "member", "author", "approver", "admin", "deactivated", "key")
DESK = sorted(route.removeprefix("admin/") for route in ALL if route.startswith("admin/"))


def test_every_address_has_a_row_and_every_row_an_address():
    assert sorted(ROWS) == DESK


def cases() -> Iterator[Any]:
    for route, results in ROWS.items():
        for kind, result in zip(KINDS, results.split(), strict=True):
            yield pytest.param(route, kind, result, id=f"{route} by {kind}")


@pytest.mark.parametrize(("route", "kind", "result"), list(cases()))
def test_each_caller_gets_what_the_row_says(route: str, kind: str, result: str):
    client, path = browser_of(kind), f"/admin/{filled(route)}"

    response = client.get(path)

    assert shown(response) == result


def browser_of(kind: str) -> Client:
    """The admin asks for a session; an API key in the header opens nothing there."""
    if kind == "key":
        return Client(headers=World("key").headers)
    client = Client()
    if kind != "nobody":
        user = make_user("admin" if kind == "deactivated" else kind)
        client.force_login(user)
        if kind == "deactivated":
            User.objects.filter(pk=user.pk).update(is_active=False)
    return client


def shown(response: Any) -> str:
    is_login = response.status_code == 302 and response["Location"].startswith("/admin/login/")
    return "login" if is_login else str(response.status_code)


def filled(route: str) -> str:
    """The path of something that is there, made by somebody else."""
    if route.startswith("^"):
        return "accounts/"
    kind = next((name for name in THINGS if route.startswith(name)), None)
    if kind is None:
        return re.sub(r"<.+?>|\(\?P.+", "1", route)
    thing = THINGS[kind]()
    if "restore" in route:
        drafts.delete(thing, by=make_user("admin"), now=clock.now())
    path = re.sub(r"<path:object_id>|<uuid:object_id>|<id>", str(thing.pk), route)
    if "revision_id" in path:
        path = path.replace("<uuid:revision_id>", str(Revision.objects.filter(entry_id=thing.pk).latest("version").pk))
    return path


def a_key() -> ApiKey:
    return World("key").made_key[0]


def an_audit_entry() -> AuditEntry:
    audit.record("post.published", by=None)
    return AuditEntry.objects.latest("id")


def a_session() -> Any:
    user = make_user()
    pair_for(user)
    return user.token_families.get()


def settings_row() -> SiteSettings:
    row = SiteSettings.objects.get()
    saving.save(row, {"site_name": "Changed"}, by=make_user("admin"), now=clock.now())
    return row


THINGS: dict[str, Any] = {
    "content/page/": make_page,
    "content/blogpost/": make_post,
    "content/sitesettings/": settings_row,
    "accounts/user/": make_user,
    "auth/group/": lambda: make_user("author").groups.get(),
    "accounts/tokenfamily/": a_session,
    "accounts/apikey/": a_key,
    "accounts/auditentry/": an_audit_entry,
}
