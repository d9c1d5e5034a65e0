"""Writing the audit trail: with the change or not at all, without secrets, and never over what is written."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts import audit, keys
from accounts.models import ApiKey, AuditEntry, User
from core import addresses, rows
from core.observability import request_id_var
from tests.factories import make_user, token_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outside_of_any_request():
    addresses.client_address_var.set("")
    request_id_var.set("-")


def record(action="group.updated", *, by=None, **options) -> AuditEntry:
    audit.record(action, by=by, **options)
    return AuditEntry.objects.latest("id")


# --- What a row says -----------------------------------------------------------------------------------------------


def test_a_row_says_who_did_what_to_which_thing(monkeypatch):
    user, other = make_user("admin"), make_user("author", display_name="Somebody")
    before = timezone.now()

    row = record("user.updated", by=user, on=other, changes={"username": ("a", "b")}, facts={"reason": 1})

    assert (row.action, row.actor_id, row.actor_name) == ("user.updated", user.pk, user.username)
    assert (row.kind, row.object_id, row.object_name) == ("user", str(other.pk), "Somebody")
    assert (row.changes, row.facts) == ({"username": ["a", "b"]}, {"reason": 1})
    assert before <= row.at <= timezone.now()
    assert (row.api_key_id, row.address, row.request_id, row.position, row.hash) == (None, None, "", None, "")


def test_a_row_knows_the_request_and_the_key_by_itself(api):
    user = make_user("author")
    key, raw = keys.make(user, name="x", scopes=["content.add_page"], expires_at=None, now=timezone.now())

    api.post("/pages", {"title": "x"}, headers={"Authorization": f"Api-Key {raw}", "X-Request-ID": "-mine-"})

    row = AuditEntry.objects.get(action="page.created")
    assert (row.api_key_id, row.address, row.request_id) == (key.pk, "127.0.0.1", "-mine-")


def test_nobody_and_nothing_are_nobody_and_nothing():
    row = record()

    assert (row.actor_id, row.actor_name, row.kind, row.object_id, row.object_name) == (None, "", "", "", "")
    assert (row.changes, row.facts) == ({}, {})


def test_kinds_are_named_as_people_name_them():
    assert [audit.kind_of(model) for model in (User, ApiKey, AuditEntry)] == ["user", "api_key", "audit_entry"]


def test_what_is_different():
    before, after = {"a": 1, "b": [1], "c": None}, {"a": 1, "b": [2], "c": "", "d": 4}

    assert audit.differences(before, after) == {"b": ([1], [2]), "c": (None, ""), "d": (None, 4)}


# --- In the transaction of the change ------------------------------------------------------------------------------


def rename(user: User) -> None:
    user.display_name = "New"
    user.save(update_fields=["display_name"])
    audit.record("user.updated", by=user, on=user)


def test_a_change_that_is_taken_back_leaves_no_row():
    user = make_user("author")

    def fail() -> None:
        rename(user)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        transaction.atomic(fail)()

    user.refresh_from_db()
    assert (user.display_name, AuditEntry.objects.count()) == ("", 0)


def test_a_row_that_cannot_be_written_takes_the_change_back(monkeypatch):
    user = make_user("author")

    def refuse(model, several):
        raise DatabaseError

    monkeypatch.setattr(rows, "insert_values", refuse)
    with pytest.raises(DatabaseError):
        transaction.atomic(rename)(user)

    user.refresh_from_db()
    assert user.display_name == ""


@pytest.mark.django_db(transaction=True)
def test_the_sealer_is_woken_by_the_commit_and_not_before(monkeypatch):
    woken = []
    monkeypatch.setattr("core.background.wake", woken.append)

    with transaction.atomic():
        record()
        early = list(woken)

    assert (early, woken) == ([], ["audit.seal"])


@pytest.mark.django_db(transaction=True)
def test_a_sealer_that_cannot_be_woken_is_no_fault_of_the_change(monkeypatch):
    def crash(name):
        raise RuntimeError

    monkeypatch.setattr("core.background.wake", crash)

    record()

    assert AuditEntry.objects.count() == 1


# --- Secrets, lengths, characters ----------------------------------------------------------------------------------

NAMES = (
    "password",
    "new_password",
    "passwd",
    "client_secret",
    "refresh_token",
    "token",
    "hash",
    "challenge",
    "code",
    "recovery code",
    "key",
    "api_key",
    "session_stamp",
    "Authorization",
    "Set-Cookie",
)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_the_name_of_a_secret_is_masked_wherever_it_stands(name):
    row = record(
        changes={name: ("old-value", "new-value")},
        facts={name: "a-value", "deep": {"deeper": [{name: ["a-value"]}]}, "empty": {name: ""}},
    )

    text = f"{row.changes} {row.facts}"
    assert [value for value in ("old-value", "new-value", "a-value") if value in text] == []
    assert row.changes == {name: [audit.MASK, audit.MASK]}
    assert row.facts["empty"] == {name: ""}


@pytest.mark.parametrize("name", ["title", "slug", "monkey", "decoded", "keynote", "barcode_text", "name"])
def test_other_names_are_shown(name):
    assert record(facts={name: "a value"}).facts == {name: "a value"}


def test_what_looks_like_a_secret_is_masked_whatever_its_name():
    user = make_user("author")
    _, raw = keys.make(user, name="x", scopes=["content.add_page"], expires_at=None, now=timezone.now())
    token = token_for(user)
    secrets = {
        "token": token,
        "half a token": token[:60],
        "key": raw,
        "bcrypt": make_password("x", hasher="bcrypt_sha256"),
        "argon2": make_password("x", hasher="argon2"),
        "pbkdf2": make_password("x", hasher="pbkdf2_sha256"),
        "link": "Zm9vYmFyYmF6cXV4",
        "address": "s3cretpass",
    }
    shapes = {"link": "https://x.example/verify?token={}&a=b", "address": "smtp://us:{}@mail.example"}

    said = [shapes.get(name, "see {} here").format(secret) for name, secret in secrets.items()]
    row = record(name=raw, facts={f"fact {number}": text for number, text in enumerate(said)})

    text = f"{row.object_name} {row.facts}"
    assert [name for name, secret in secrets.items() if secret in text or (secret[20:] or secret) in text] == []
    assert text.count(audit.MASK) == len(secrets) + 1


def test_long_text_is_cut_and_its_length_told():
    row = record(name="n" * 100_000, facts={"short": "s" * 200, "long": "l" * 201, "lines": ["x" * 5000] * 200})

    assert row.facts["short"] == "s" * 200
    assert row.facts["long"] == "l" * 170 + "… (201 characters)"
    assert (len(row.object_name), len(row.facts["lines"]), len(str(row.facts)) < 25_000) == (191, 100, True)


def test_of_two_long_texts_the_part_that_is_different_is_shown():
    same = "<p>" + "word " * 2000

    row = record(changes={"body": (same + "old end", same + "new end"), "cut": (same, same[:5000])})

    assert row.changes["body"] == ["…" + (same + "old end")[-27:], "…" + (same + "new end")[-27:]]
    assert row.changes["cut"][1] == "…" + same[4980:5000]


def test_a_text_that_was_empty_is_shown_as_it_was():
    row = record(changes={"body": ("", "x" * 300), "gone": ("y" * 300, "")})

    assert (row.changes["body"][0], row.changes["gone"][1]) == ("", "")


def test_depth_ends():
    deep: object = "end"
    for _ in range(1000):
        deep = {"d": deep}

    assert len(str(record(facts={"deep": deep}).facts)) < 400


def test_nobody_writes_control_characters_or_half_characters_into_the_trail():
    row = record(name="a\x00b\nc\x1b[2J\u202e", facts={"a\x00": ["\ud800", "\x7f"]})

    assert row.object_name == "a\\x00b\\nc\\x1b[2J\\u202e"
    assert row.facts == {"a\\x00": ["\\ud800", "\\x7f"]}


def test_everything_of_python_finds_a_form():
    moment = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    user = make_user("author")

    row = record(facts={"at": moment, "who": user.pk, "set": {"x"}, "float": 1.5, "yes": True, "none": None})

    assert row.facts == {
        "at": "2026-03-01T09:30:00.000000Z",
        "who": str(user.pk),
        "set": ["x"],
        "float": "1.5",
        "yes": True,
        "none": None,
    }


def test_what_fits_no_column_is_cut_instead_of_refusing_the_change():
    row = record(object_id="x" * 500)

    assert row.object_id == "x" * 64


@pytest.mark.parametrize(("said", "stored"), [("-", ""), ("-x-", "-x-"), ("4bf92f", "4bf92f")])
def test_the_id_of_the_request_is_the_one_in_the_log(said, stored):
    token = request_id_var.set(said)
    try:
        assert record().request_id == stored
    finally:
        request_id_var.reset(token)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_the_address_is_the_clients(address):
    token = addresses.client_address_var.set(address)
    try:
        assert record().address == address
    finally:
        addresses.client_address_var.reset(token)


# --- Only appended to ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.save(),
        lambda row: row.save(update_fields=["action"]),
        lambda row: row.delete(),
        lambda row: AuditEntry.objects.update(action="x"),
        lambda row: AuditEntry.objects.all().update(action="x"),
        lambda row: AuditEntry.objects.all().delete(),
        lambda row: AuditEntry.objects.filter(pk=row.pk).delete(),
        lambda row: AuditEntry.objects.bulk_update([row], ["action"]),
        lambda row: AuditEntry.objects.bulk_create([row]),
        lambda row: AuditEntry.objects.update_or_create(pk=row.pk, defaults={"action": "x"}),
    ],
)
def test_the_model_refuses_every_change(change):
    row = record()
    stored = AuditEntry.objects.values().get()

    row.action = "x"
    with pytest.raises(TypeError, match="audit trail"):
        change(row)

    assert AuditEntry.objects.values().get() == stored


def test_a_new_row_never_takes_the_place_of_an_old_one():
    row = record()

    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry(pk=row.pk, at=row.at, action="x").save()

    assert AuditEntry.objects.get().action == "group.updated"


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET action = 'x'",
        "UPDATE accounts_auditentry SET at = now() - interval '1 day'",
        "UPDATE accounts_auditentry SET changes = '{}', position = 5, hash = 'x'",
        "UPDATE accounts_auditentry SET id = id + 1000",
        "UPDATE accounts_auditentry SET facts = facts || '{\"a\": 2}'",
        "DELETE FROM accounts_auditentry",
        "INSERT INTO accounts_auditentry SELECT * FROM accounts_auditentry ON CONFLICT (id) DO UPDATE SET action = 'x'",
    ],
)
@pytest.mark.postgres
def test_postgresql_refuses_every_change_whoever_asks(statement, sealed):
    record(facts={"a": 1}, changes={"a": (1, 2)})
    if sealed:
        audit.seal()
    stored = AuditEntry.objects.values().get()

    with pytest.raises(DatabaseError, match="only appended to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditEntry.objects.values().get() == stored


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET hash = 'x'",
        "UPDATE accounts_auditentry SET position = 99",
        "UPDATE accounts_auditentry SET position = NULL, hash = ''",
    ],
)
@pytest.mark.postgres
def test_postgresql_lets_a_row_be_sealed_once(statement):
    record()
    audit.seal()

    with pytest.raises(DatabaseError, match="only appended to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert audit.verify().reason == ""


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_test_database_can_still_be_emptied():
    """Flushing is TRUNCATE, which the trigger lets through; docs/audit.md says what shows that it happened."""
    record()

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE accounts_auditentry")

    assert AuditEntry.objects.count() == 0


def test_the_trail_outlives_what_it_speaks_of():
    user = make_user("author")
    pk = user.pk
    record("user.updated", by=user, on=user)

    user.delete()

    assert AuditEntry.objects.get(action="user.updated").actor_id == pk
