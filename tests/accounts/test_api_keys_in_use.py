"""API keys in use: whose they are, what they may, which doors they open, and how their use is seen."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import get_resolver
from django.utils import timezone

from accounts import activation, keys
from accounts.api.authentication import BearerOrKeyAuthentication
from accounts.models import ApiKey, AuditEntry
from content.models import BlogPost, SiteSettings
from tests.accounts.at_once import at_once
from tests.accounts.machines import WRITE, make_key, with_key
from tests.accounts.shapes import problem
from tests.content.factory import make_post
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


# --- Being who made it -----------------------------------------------------------------------------------------------


def test_a_key_speaks_in_its_makers_name_with_narrowed_rights(api):
    user = make_user("approver", display_name="Somebody")
    key, raw = make_key(user)

    body = api.get("/auth/me", **with_key(raw)).json()

    assert (body["id"], body["role"], body["permissions"]) == (str(user.pk), "approver", WRITE)
    assert body["api_key"] == {
        "id": str(key.pk),
        "name": "a machine",
        "prefix": key.prefix,
        "scopes": WRITE,
        "expires_at": None,
    }


def test_a_token_says_nothing_of_keys(api):
    assert "api_key" not in api.get("/auth/me", token=token_for(make_user())).json()


def test_who_it_is_takes_one_query_once_the_key_is_in_use(django_assert_num_queries):
    _, raw = make_key()
    now = timezone.now()
    keys.identify(raw, address="192.0.2.1", now=now)

    with django_assert_num_queries(1):
        keys.identify(raw, address="192.0.2.1", now=now)


def bad_keys() -> dict[str, str]:
    now = timezone.now()
    revoked, raw_revoked = make_key()
    keys.revoke(revoked, by=revoked.user, now=now)
    _, raw_expired = make_key(expires_at=now + timedelta(hours=1))
    ApiKey.objects.filter(prefix=raw_expired[:16]).update(expires_at=now)
    inactive, raw_inactive = make_key()
    activation.deactivate(inactive.user, by=make_user("admin"), now=now)
    deleted, raw_deleted = make_key()
    deleted.user.delete()
    key, raw = make_key()
    other = keys._random(43)
    body = f"{key.prefix}_{other}"
    return {
        "revoked": raw_revoked,
        "expired": raw_expired,
        "maker deactivated": raw_inactive,
        "maker deleted": raw_deleted,
        "unknown": keys._new_text(),
        "another secret behind the prefix": body + keys._checksum(body),
        "mistyped": raw[:-1] + ("a" if raw[-1] != "a" else "b"),
        "cut": raw[:-1],
        "longer": raw + "a",
        "the hash": key.hash,
        "the prefix": key.prefix,
        "nothing": "",
        "two": f"{raw} {raw}",
        "a token": token_for(key.user),
        "not ascii": raw[:-1] + "ä",
        "other digits": raw[:-1] + "²",
    }


def test_whatever_is_wrong_with_a_key_is_one_answer(api):
    answers = {
        name: [api.get(path, **with_key(raw)) for path in ("/auth/me", "/posts", "/api-keys")]
        for name, raw in bad_keys().items()
    }

    found = {name: {problem(one) for one in three} for name, three in answers.items()}
    assert found == {name: {(401, "api_key_invalid")} for name in answers}
    assert {one["WWW-Authenticate"] for three in answers.values() for one in three} == {"Bearer, Api-Key"}


@pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "API-KEY"])
def test_the_scheme_is_read_in_any_case(api, scheme):
    _, raw = make_key()

    assert api.get("/auth/me", headers={"Authorization": f"{scheme} {raw}"}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "ApiKey", "Basic", ""])
def test_a_key_under_another_scheme_is_no_token(api, scheme):
    _, raw = make_key()

    response = api.get("/auth/me", headers={"Authorization": f"{scheme} {raw}"})

    assert problem(response) == (401, "token_invalid")


def test_a_key_in_the_query_or_a_cookie_is_no_key(api):
    _, raw = make_key()

    answers = [
        api.get(f"/auth/me?api_key={raw}"),
        api.get("/auth/me", headers={"Cookie": f"api_key={raw}", "X-Api-Key": raw}),
    ]

    assert [one.status_code for one in answers] == [401, 401]


def test_a_key_ends_by_itself():
    now = timezone.now()
    _, raw = make_key(expires_at=now + timedelta(seconds=10))

    keys.identify(raw, address="", now=now + timedelta(seconds=9))

    with pytest.raises(keys.ApiKeyInvalid):
        keys.identify(raw, address="", now=now + timedelta(seconds=10))


def test_an_activated_maker_has_the_keys_again(api):
    key, raw = make_key()
    admin = make_user("admin")
    activation.deactivate(key.user, by=admin, now=timezone.now())

    activation.activate(key.user, by=admin)

    assert api.get("/auth/me", **with_key(raw)).status_code == 200


# --- What it may -----------------------------------------------------------------------------------------------------


def test_a_key_does_what_it_names(api):
    user = make_user("author")
    key, raw = make_key(user)

    response = api.post("/posts", {"title": "By a machine"}, **with_key(raw))

    row = AuditEntry.objects.get(action="post.created")
    assert (response.status_code, response.json()["created_by"]) == (201, str(user.pk))
    assert (row.actor_id, row.api_key_id) == (user.pk, key.pk)


def test_a_key_does_nothing_that_it_does_not_name_though_its_maker_may(api):
    admin = make_user("admin")
    post = make_post(by=admin, published=True)
    _, raw = make_key(admin, ["content.view_blogpost"])
    before = BlogPost.objects.values().get()

    answers = [
        api.post("/posts", {"title": "x"}, **with_key(raw)),
        api.patch(f"/posts/{post.slug}", {"title": "x"}, **with_key(raw)),
        api.delete(f"/posts/{post.slug}", **with_key(raw)),
        api.patch(f"/posts/{post.slug}", {"published": False}, **with_key(raw)),
        api.patch("/settings", {"site_name": "x"}, **with_key(raw)),
        api.get("/pages?status=all", **with_key(raw)),
        api.get("/audit", **with_key(raw)),
    ]

    assert [one.status_code for one in answers] == [403] * 7
    assert (BlogPost.objects.values().get(), SiteSettings.objects.get().site_name != "x") == (before, True)


def test_that_something_is_ones_own_opens_nothing_that_the_key_does_not_name(api):
    user = make_user("author")
    post = make_post(by=user, published=False)
    _, raw = make_key(user)

    response = api.patch(f"/posts/{post.slug}", {"title": "x"}, **with_key(raw))

    assert (response.status_code, BlogPost.objects.get().title == "x") == (403, False)


def test_a_key_of_a_superuser_may_what_it_names_and_nothing_else():
    user = make_user("member", is_superuser=True)
    _, raw = make_key(user, ["content.view_page"])

    speaker, _ = keys.identify(raw, address="", now=timezone.now())

    assert (speaker.has_perm("content.view_page"), speaker.has_perm("content.add_page")) == (True, False)
    assert (speaker.has_perms(["content.view_page", "content.add_page"]), speaker.is_staff) == (False, False)
    assert speaker.get_all_permissions() == {"content.view_page"}
    assert (speaker.has_module_perms("content"), speaker.has_module_perms("accounts")) == (True, False)


def test_the_asynchronous_ways_to_ask_are_narrowed_too():
    from asgiref.sync import async_to_sync

    user = make_user("member", is_superuser=True)
    user.api_key = ApiKey(scopes=["content.view_page"])

    asked = [async_to_sync(user.ahas_perm)(name) for name in ("content.view_page", "content.add_page")]
    apps = [async_to_sync(user.ahas_module_perms)(name) for name in ("content", "accounts")]

    assert (asked, apps) == ([True, False], [True, False])
    assert async_to_sync(user.aget_all_permissions)() == {"content.view_page"}


def test_a_right_that_its_maker_loses_is_lost_at_once(api):
    user = make_user("approver")
    _, raw = make_key(user, ["content.add_page", "content.view_page", "content.publish_page"])
    body = {"title": "x", "published": True}
    before = api.post("/pages", body, **with_key(raw)).status_code

    user.groups.set([Group.objects.get(name="author")])
    after = api.post("/pages", body, **with_key(raw))

    assert (before, problem(after)) == (201, (403, "may_not_publish"))


def test_a_right_taken_from_the_group_is_lost_at_once(api):
    _, raw = make_key(make_user("author"))

    Group.objects.get(name="author").permissions.remove(Permission.objects.get(codename="add_blogpost"))

    assert problem(api.post("/posts", {"title": "x"}, **with_key(raw))) == (403, "permission_denied")
    assert api.get("/auth/me", **with_key(raw)).json()["permissions"] == ["content.view_blogpost"]


def test_a_right_that_its_maker_gains_does_not_widen_a_key(api):
    user = make_user("author")
    _, raw = make_key(user)

    user.groups.set([Group.objects.get(name="admin")])

    assert api.get("/auth/me", **with_key(raw)).json()["permissions"] == WRITE


def test_what_its_maker_was_answered_is_not_for_the_key(api):
    user = make_user("author")
    _, raw = make_key(user, ["content.view_page"])
    retry = {"Idempotency-Key": "once"}
    first = api.post("/posts", {"title": "x"}, token=token_for(user), headers=retry)

    second = api.post("/posts", {"title": "x"}, **with_key(raw, **retry))

    assert (first.status_code, problem(second)) == (201, (403, "permission_denied"))


def test_a_key_has_idempotency_keys_of_its_own(api):
    _, raw = make_key()

    answers = [api.post("/posts", {"title": "x"}, **with_key(raw, **{"Idempotency-Key": "once"})) for _ in range(2)]

    assert answers[0].content == answers[1].content
    assert BlogPost.objects.count() == 1


def test_what_is_answered_to_a_key_is_private(api):
    _, raw = make_key()

    assert api.get("/posts", **with_key(raw))["Cache-Control"] == "private, no-store"


# --- Which doors it opens --------------------------------------------------------------------------------------------


def routes():
    def walk(patterns, prefix):
        for one in patterns:
            route = f"{prefix}{one.pattern}"
            yield from walk(one.url_patterns, route) if hasattr(one, "url_patterns") else [(route, one.callback)]

    for route, view in walk(get_resolver().url_patterns, ""):
        if route.startswith("api/v1/"):
            for method, action in view.actions.items():
                if method != "head":
                    yield method, route.removeprefix("api/v1/"), view.cls, action


def authenticators(view, action):
    instance = view()
    instance.action = action
    return instance.get_authenticators()


def takes_keys(view, action) -> bool:
    return any(isinstance(one, BearerOrKeyAuthentication) for one in authenticators(view, action))


def test_below_auth_a_key_may_ask_who_it_is_and_nothing_else():
    opened = [(method, route) for method, route, view, action in routes() if takes_keys(view, action)]

    assert [one for one in opened if one[1].startswith("auth/")] == [("get", "auth/me")]


def test_elsewhere_a_key_may_try_everything():
    """A view that is not for keys belongs below /auth/, or refuses them in its verb.

    Others say ``authentication_classes = (BearerOrKeyAuthentication,)``.
    """
    shut = [(method, route) for method, route, view, action in routes() if not takes_keys(view, action)]

    assert [one for one in shut if not one[1].startswith("auth/")] == []


def test_a_door_below_auth_refuses_a_key_and_says_whether_it_is_good(api):
    _, raw = make_key(make_user("admin"), sorted(keys.permissions.RIGHTS))
    wrong = raw[:-1] + ("a" if raw[-1] != "a" else "b")
    asked = [
        (method.upper(), f"/{re.sub(r'<[^>]*>', '01938c7e-6f10-7b52-8f0e-2d9c41a7e6b3', route)}")
        for method, route, view, action in routes()
        if route.startswith("auth/") and authenticators(view, action) and not takes_keys(view, action)
    ]

    good = {one: api.request(*one, {}, **with_key(raw)) for one in asked}
    bad = {one: api.request(*one, {}, **with_key(wrong)) for one in asked}

    assert {one: problem(answer) for one, answer in good.items()} == dict.fromkeys(asked, (403, "api_key_not_allowed"))
    assert {one: problem(answer) for one, answer in bad.items()} == dict.fromkeys(asked, (401, "api_key_invalid"))


def test_a_door_that_takes_credentials_does_not_look_at_the_header(api):
    _, raw = make_key()

    response = api.post("/auth/login", {"email": "nobody@example.com", "password": "x"}, **with_key(raw))

    assert problem(response) == (401, "invalid_credentials")


# --- Its use is seen -------------------------------------------------------------------------------------------------


def test_the_last_use_moves_once_a_minute():
    key, raw = make_key()
    start = timezone.now()
    seen = []
    for seconds in (0, 59, 60, 100, 121):
        keys.identify(raw, address="192.0.2.1", now=start + timedelta(seconds=seconds))
        key.refresh_from_db()
        seen.append((key.last_used_at - start).total_seconds())

    assert seen == [0, 0, 60, 60, 121]


def test_a_clock_that_runs_behind_does_not_move_the_last_use_back():
    key, raw = make_key()
    start = timezone.now()

    for seconds in (90, 0):
        keys.identify(raw, address="192.0.2.1", now=start + timedelta(seconds=seconds))

    key.refresh_from_db()
    assert key.last_used_at == start + timedelta(seconds=90)


def test_the_trail_is_told_of_a_use_once_an_hour_and_network(monkeypatch):
    key, raw = make_key()
    start = timezone.now()
    addresses = ["192.0.2.1", "192.0.2.1", "198.51.100.7", "2001:db8::1", "2001:db8::2", "192.0.2.1"]

    for number, address in enumerate(addresses):
        keys.identify(raw, address=address, now=start + timedelta(seconds=number))
        keys._told.clear()  # as another process, or this one after a restart, would come to it

    rows = AuditEntry.objects.filter(action="api_key.used").order_by("id")
    assert [row.facts for row in rows] == [
        {"network": network} for network in ("192.0.2.1", "198.51.100.7", "2001:db8::/64")
    ]
    assert {(row.actor_id, row.api_key_id, row.kind, row.object_id) for row in rows} == {
        (key.user_id, key.pk, "api_key", str(key.pk))
    }


def test_an_hour_later_the_trail_is_told_again():
    _, raw = make_key()
    now = timezone.now()

    for minutes in (0, 30, 61):
        keys.identify(raw, address="192.0.2.1", now=now + timedelta(minutes=minutes))

    assert actions().count("api_key.used") == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_burst_of_first_uses_is_told_once(committed):
    _, raw = make_key()
    keys._told.clear()

    at_once(8, lambda: keys.identify(raw, address="192.0.2.1", now=timezone.now()))

    assert actions().count("api_key.used") == 1
