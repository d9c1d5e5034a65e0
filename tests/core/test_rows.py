"""Rows that are written without the ORM are those that it would have written."""

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Model

from accounts.models import AuditEntry
from content.models import BlogPost, Revision
from core import batch, rows
from core.ids import uuid7
from core.models import Counter
from delivery.models import Change, Slug, SlugState
from tests.factories import make_user

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=UTC)
BODY = "<p onclick=x>Ä ' \" \\ % %s {} ; --</p><script>no</script>"


def post(slug: str, **fields: Any) -> BlogPost:
    given = {"title": "T", "slug": slug, "body": BODY, "tags": ["a", "ü"], "revision_id": uuid7(), **fields}
    return BlogPost(created_at=NOON, updated_at=NOON, created_by=None, **given)


def stored(thing: Model) -> list[Any]:
    """What stands in the row, as the driver gives it, less the keys that differ."""
    meta = thing._meta
    names = [field.column for field in meta.local_concrete_fields if field.column not in ("id", "slug", "revision_id")]
    columns = ", ".join(connection.ops.quote_name(name) for name in names)
    key = meta.pk.get_db_prep_value(thing.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {meta.db_table} WHERE id = %s", [key])
        return list(cursor.fetchone())


def test_a_row_is_the_one_that_save_writes() -> None:
    writer = make_user("author")
    ours, theirs = post("ours", updated_by=writer), post("theirs", updated_by=writer)

    rows.insert(ours)
    theirs.save(force_insert=True)

    assert stored(ours) == stored(theirs)
    assert (ours.body, ours._state.adding, ours._state.db) == (theirs.body, False, "default")
    assert "onclick" not in BlogPost.objects.get(pk=ours.pk).body


def test_none_is_null_and_what_json_holds_comes_back() -> None:
    values = {"text": "ä'\"\\", "none": None, "list": [1, 2.5, {"a": []}]}

    rows.insert(
        Revision(id=uuid7(), kind="post", entry_id=uuid7(), version=1, action="created", values=values, created_at=NOON)
    )

    kept = Revision.objects.get(kind="post")
    assert (kept.values, kept.created_by, kept.created_at) == (values, None, NOON)


@pytest.mark.parametrize("number", [0, 1, 2, rows.MOST, rows.MOST + 1])
def test_any_number_of_rows_is_written(number: int) -> None:
    rows.insert(*(Counter(key=f"{n:04}", value=n, expires_at=NOON) for n in range(number)))

    assert list(Counter.objects.order_by("key").values_list("value", flat=True)) == list(range(number))


def test_rows_of_values_are_those_of_instances() -> None:
    values = {"kind": "post", "slug": "a", "state": SlugState.WORKING, "entry_id": uuid7()}

    rows.insert_values(
        Slug, [values, {**values, "slug": "b", "state": "old", "entry_id": None, "redirect_to": uuid7()}]
    )

    kept = {one.slug: one for one in Slug.objects.all()}
    assert (kept["a"].entry_id, kept["a"].state, kept["a"].redirect_to) == (values["entry_id"], "working", None)
    assert (kept["b"].entry_id, kept["b"].state) == (None, "old")


def test_what_is_not_given_is_the_default_of_its_field() -> None:
    rows.insert_values(AuditEntry, [{"at": NOON, "action": "post.created", "kind": "post"}])

    kept = AuditEntry.objects.get(kind="post")
    assert (kept.changes, kept.facts, kept.actor_id, kept.hash, kept.at) == ({}, {}, None, "", NOON)


@pytest.mark.parametrize("number", [0, 1, 2, rows.MOST, rows.MOST + 1])
def test_any_number_of_rows_of_values_is_written(number: int) -> None:
    rows.insert_values(Counter, [{"key": f"{n:04}", "value": n, "expires_at": NOON} for n in range(number)])

    assert list(Counter.objects.order_by("key").values_list("value", flat=True)) == list(range(number))


def test_the_id_that_the_database_gives_is_learned() -> None:
    change = Change(kind="post", keys="a", tallies={}, made_at=NOON)

    with batch.gathered():
        rows.insert_and_learn(change)
        found = Change.objects.get(keys="a")

    assert change.pk == found.pk


def test_a_change_is_of_those_rows_alone() -> None:
    holder, other = uuid7(), uuid7()
    for slug, entry_id in (("one", holder), ("two", other)):
        Slug.objects.create(kind="post", slug=slug, state=SlugState.WORKING, entry_id=entry_id)

    rows.update(Slug, {"kind": "post", "entry_id": holder}, {"state": "live", "redirect_to": None})

    assert dict(Slug.objects.values_list("slug", "state")) == {"one": "live", "two": "working"}


def test_numbers_are_added_to_what_is_there() -> None:
    Counter.objects.create(key="a", value=40, expires_at=NOON)
    Counter.objects.create(key="b", value=1, expires_at=NOON)

    rows.update(Counter, {"pk": "a"}, {"expires_at": NOON}, add={"value": 2})

    assert dict(Counter.objects.values_list("key", "value")) == {"a": 42, "b": 1}


def test_some_fields_of_a_thing_are_saved_as_save_would_and_no_others() -> None:
    writer = make_user("author")
    thing = post("a")
    thing.save(force_insert=True)
    thing.title, thing.body, thing.tags, thing.updated_by = "New", "<p onclick=x>b</p>", ["c"], writer
    thing.excerpt = "not named"

    rows.update_one(thing, ["title", "body", "tags", "updated_by"])

    kept = BlogPost.objects.get()
    assert (kept.title, kept.body, kept.tags, kept.updated_by) == ("New", "<p>b</p>", ["c"], writer)
    assert (kept.excerpt, thing.body) == ("", "<p>b</p>")


@pytest.mark.parametrize("waits", [True, False])
def test_a_row_that_is_gone_is_told(waits: bool) -> None:
    def save() -> None:
        with batch.gathered() if waits else nullcontext():
            rows.update_one(post("never"), ["title"])

    with pytest.raises(DatabaseError, match="did not affect any rows"):
        save()


def test_what_the_database_forbids_stays_forbidden() -> None:
    rows.insert(Counter(key="a", value=1, expires_at=NOON))

    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert(Counter(key="a", value=2, expires_at=NOON))
