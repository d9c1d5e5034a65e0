"""The audit trail and the API keys in the admin: looked at by those who may, changed by nobody."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts import audit, audit_search, keys
from accounts.models import ApiKey, AuditEntry, User
from tests.content.factory import make_post
from tests.factories import make_user

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_auditentry_changelist")
KEYS = reverse("admin:accounts_apikey_changelist")


def desk(user: User | None = None) -> Client:
    client = Client()
    client.force_login(user or make_user("admin"))
    return client


def record(action="group.updated", *, by=None, **options) -> AuditEntry:
    audit.record(action, by=by, **options)
    return AuditEntry.objects.latest("id")


def page_of(row: AuditEntry) -> str:
    return reverse("admin:accounts_auditentry_change", args=[row.pk])


def shown(client: Client, query: str = "") -> list[str]:
    response = client.get(LIST + query)
    assert response.status_code == 200
    return [row.action for row in response.context["cl"].result_list if row.action.startswith("group.")]


# --- The trail -----------------------------------------------------------------------------------------------------


def test_the_trail_is_for_those_who_may_read_it():
    row = record()
    reader = make_user("author")
    reader.user_permissions.add(Permission.objects.get(codename="view_auditentry"))

    statuses = {
        name: [desk(user).get(path).status_code for path in (LIST, page_of(row))]
        for name, user in (("author", make_user("author")), ("approver", make_user("approver")), ("reader", reader))
    }

    assert statuses == {"author": [403, 403], "approver": [403, 403], "reader": [200, 200]}


def test_the_sidebar_leads_there_whom_it_concerns():
    places = {role: desk(make_user(role)).get("/admin/").content.decode() for role in ("author", "admin")}

    assert [LIST in places["author"], KEYS in places["author"]] == [False, False]
    assert [LIST in places["admin"], KEYS in places["admin"]] == [True, True]


def test_nobody_changes_it_not_even_a_superuser():
    row = record()
    client = desk(make_user("member", is_superuser=True))
    stored = AuditEntry.objects.filter(pk=row.pk).values().get()
    add, delete = reverse("admin:accounts_auditentry_add"), reverse("admin:accounts_auditentry_delete", args=[row.pk])

    answers = [
        client.get(add),
        client.post(add, {"action": "x"}),
        client.post(page_of(row), {"action": "x"}),
        client.get(delete),
        client.post(delete, {"post": "yes"}),
        client.post(LIST, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}),
    ]

    assert [one.status_code for one in answers] == [403, 403, 403, 403, 403, 200]
    assert AuditEntry.objects.filter(pk=row.pk).values().get() == stored


def test_a_row_shows_what_changed_before_and_after_as_text():
    row = record(changes={"title": ("<b>old</b>", "<script>alert(1)</script>"), "tags": (["a"], [])}, facts={"n": 1})

    page = desk().get(page_of(row)).content.decode()

    assert f"<th scope=row>title</th><td>{escape('<b>old</b>')}</td>" in page
    assert "<td>[&quot;a&quot;]</td><td>[]</td>" in page
    assert "<script>alert(1)" not in page


def test_a_row_leads_to_who_and_to_the_thing_while_they_are_there():
    admin = make_user("admin")
    post = make_post(by=admin)
    row = AuditEntry.objects.get(action="post.created")
    client = desk(admin)
    links = [
        reverse("admin:content_blogpost_change", args=[post.pk]),
        reverse("admin:accounts_user_change", args=[admin.pk]),
    ]

    before = client.get(page_of(row)).content.decode()
    post.delete()
    after = client.get(page_of(row)).content.decode()

    assert [f'href="{link}"' in before for link in links] == [True, True]
    assert [f'href="{link}">A post' in after or f'href="{link}">post' in after for link in links] == [False, False]


@pytest.mark.parametrize("object_id", ["", "x", "7", "'"])
def test_a_thing_that_is_no_thing_is_no_fault(object_id):
    row = record(kind="user", object_id=object_id)

    assert desk().get(page_of(row)).status_code == 200


def test_the_key_is_named():
    user = make_user("author")
    key, _ = keys.make(user, name="x", scopes=["content.add_page"], expires_at=None, now=timezone.now())
    user.api_key = key
    row = record(by=user)
    client = desk()

    assert reverse("admin:accounts_apikey_change", args=[key.pk]) in client.get(page_of(row)).content.decode()
    assert f"{user.username} (API key)" in client.get(LIST).content.decode()


def test_filters_and_search_find_what_they_name():
    user = make_user("author")
    record("group.created", by=user)
    record("group.deleted", kind="post", object_id="7", name="Some post")
    record("post.created")
    client = desk()

    assert {
        query: shown(client, query)
        for query in (
            "?action=group.created",
            "?action=group.",
            "?action=group",
            f"?actor={user.username}",
            f"?actor={user.pk}",
            "?actor=nobody",
            "?kind=post",
            "?kind=page",
            "?kind=post&object_id=7",
            "?kind=post&object_id=8",
            "?address=192.0.2.1",
            "?address=nonsense",
            "?q=7",
            "?q=some",
            "?q=nothing",
            "?at_from_0=2020-01-01&at_from_1=00:00:00",
            "?at_to_0=2020-01-01&at_to_1=00:00:00",
            "?at_from_0=2020-01-01",
            "?at_to_0=2020-01-01",
            "?at_from_0=nonsense",
        )
    } == {
        "?action=group.created": ["group.created"],
        "?action=group.": ["group.deleted", "group.created"],
        "?action=group": [],
        f"?actor={user.username}": ["group.created"],
        f"?actor={user.pk}": ["group.created"],
        "?actor=nobody": [],
        "?kind=post": ["group.deleted"],
        "?kind=page": [],
        "?kind=post&object_id=7": ["group.deleted"],
        "?kind=post&object_id=8": [],
        "?address=192.0.2.1": [],
        "?address=nonsense": [],
        "?q=7": ["group.deleted"],
        "?q=some": ["group.deleted"],
        "?q=nothing": [],
        "?at_from_0=2020-01-01&at_from_1=00:00:00": ["group.deleted", "group.created"],
        "?at_to_0=2020-01-01&at_to_1=00:00:00": [],
        "?at_from_0=2020-01-01": ["group.deleted", "group.created"],
        "?at_to_0=2020-01-01": [],
        "?at_from_0=nonsense": ["group.deleted", "group.created"],
    }


def test_nobody_asks_by_what_the_list_does_not_offer():
    client = desk()
    record()

    answers = [client.get(f"{LIST}?{query}") for query in ("hash__startswith=0", "facts__x=1", "actor_name__regex=a")]

    assert [one.status_code for one in answers] == [400] * 3


def test_the_list_counts_no_further_than_it_reaches(monkeypatch):
    monkeypatch.setattr(audit_search, "REACH", 3)
    for _ in range(5):
        record()

    response = desk().get(LIST)

    assert response.context["cl"].result_count == 3


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_takes_as_many_queries_for_one_row_as_for_many(number, django_assert_num_queries):
    client = desk()
    for _ in range(number):
        record(by=make_user("author"), kind="user")
    client.get(LIST)

    with django_assert_num_queries(5):  # login session, user, rights, total, rows
        client.get(LIST)


@pytest.mark.parametrize("page", ["accounts_user", "accounts_apikey"])
def test_the_history_of_a_thing_is_what_the_trail_tells_of_it(page):
    user = make_user("author")
    thing = user if page == "accounts_user" else made(user)
    kind = audit.kind_of(thing)
    record("group.updated", kind=kind, object_id=thing.pk)
    record("group.deleted", kind=kind, object_id="another")
    client, history = desk(), reverse(f"admin:{page}_history", args=[thing.pk])

    button = f'href="{history}' in client.get(reverse(f"admin:{page}_change", args=[thing.pk])).content.decode()
    answer = client.get(history)

    assert (button, answer["Location"]) == (True, f"{LIST}?kind={kind}&object_id={thing.pk}")
    assert shown(client, answer["Location"].removeprefix(LIST)) == ["group.updated"]


def test_who_may_not_read_the_trail_is_offered_no_history():
    viewer, key = make_user("author"), made()
    viewer.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    history, page = (reverse(f"admin:accounts_apikey_{name}", args=[key.pk]) for name in ("history", "change"))
    client = desk(viewer)

    answers = client.get(page), client.get(history)

    assert [one.status_code for one in answers] == [200, 403]
    assert history not in answers[0].content.decode()


def test_what_the_trail_tells_has_no_history_of_its_own():
    row = record()
    history = reverse("admin:accounts_auditentry_history", args=[row.pk])
    client = desk()

    answers = client.get(page_of(row)), client.get(history)

    assert [one.status_code for one in answers] == [200, 404]
    assert history not in answers[0].content.decode()


# --- API keys ------------------------------------------------------------------------------------------------------


def made(user: User | None = None, **options) -> ApiKey:
    fields = {"name": "Newsletter", "scopes": ["content.add_page"], "expires_at": None, "now": timezone.now()}
    return keys.make(user or make_user("author"), **fields | options)[0]


def press_revoke(client: Client, *rows: ApiKey):
    return client.post(KEYS, {"action": "revoke", "_selected_action": [row.pk for row in rows]}, follow=True)


def test_keys_are_listed_without_their_hash():
    now = timezone.now()
    alive, ended, gone = made(), made(expires_at=now + timedelta(hours=1)), made()
    ApiKey.objects.filter(pk=ended.pk).update(expires_at=now)
    keys.revoke(gone, by=gone.user, now=now)
    client = desk()

    pages = [client.get(KEYS), client.get(reverse("admin:accounts_apikey_change", args=[alive.pk]))]

    text = "".join(page.content.decode() for page in pages)
    assert [word in text for word in ("active", "expired", "revoked", alive.prefix, "write pages")] == [True] * 5
    assert alive.hash not in text
    assert client.get(f"{KEYS}?hash__startswith={alive.hash[:2]}").status_code == 400


def test_an_administrator_revokes_a_key_and_the_trail_says_so():
    admin, key = make_user("admin"), made()

    said = press_revoke(desk(admin), key).content.decode()
    again = press_revoke(desk(admin), key).content.decode()

    key.refresh_from_db()
    assert (key.revoked_at is not None, "revoked." in said, "was revoked before" in again) == (True, True, True)
    assert AuditEntry.objects.get(action="api_key.revoked").actor_id == admin.pk


def test_who_may_only_see_keys_is_offered_no_way_to_revoke_them():
    viewer, key = make_user("author"), made()
    viewer.user_permissions.add(Permission.objects.get(codename="view_apikey"))

    page = desk(viewer).get(reverse("admin:accounts_apikey_change", args=[key.pk])).content.decode()
    press_revoke(desk(viewer), key)

    key.refresh_from_db()
    assert (key.revoked_at, "Revoke this key" in page) == (None, False)


def test_the_page_of_a_key_has_the_button_until_it_is_revoked():
    key, client = made(), desk()
    page = reverse("admin:accounts_apikey_change", args=[key.pk])

    before = client.get(page).content.decode()
    press_revoke(client, key)
    after = client.get(page).content.decode()

    assert ["Revoke this key" in text for text in (before, after)] == [True, False]
    assert f'name="_selected_action" value="{key.pk}"' in before


def test_nobody_makes_changes_or_deletes_a_key_in_the_admin():
    key = made()
    client = desk(make_user("member", is_superuser=True))
    page = reverse("admin:accounts_apikey_change", args=[key.pk])
    delete = reverse("admin:accounts_apikey_delete", args=[key.pk])

    answers = [
        client.get(reverse("admin:accounts_apikey_add")),
        client.post(page, {"scopes": '["accounts.add_user"]'}),
        client.post(delete, {"post": "yes"}),
    ]

    key.refresh_from_db()
    assert [one.status_code for one in answers] == [403] * 3
    assert key.scopes == ["content.add_page"]
