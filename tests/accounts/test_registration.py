"""Registering: what is told to whoever asks, which mail goes out, and who is there when the link was followed."""

import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import mails, registration
from accounts.links import LinkInvalid
from accounts.models import AuditEntry, PendingRegistration, User
from core.counters import DatabaseCounters
from tests.accounts import mailbox
from tests.accounts.shapes import problem
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

EMAIL = "member@example.com"
WANTED = {"email": EMAIL, "username": "member", "password": PASSWORD, "display_name": "Member"}


@pytest.fixture(autouse=True)
def is_open(settings):
    settings.REGISTRATION = "open"


def register(api, **fields):
    return api.post("/auth/register", {**WANTED, **fields})


def verify(api, token):
    return api.post("/auth/verify-email", {"token": token})


def wrong_fields(response) -> list[tuple[str, str]]:
    assert problem(response) == (422, "validation_error")
    return [(one["field"], one["code"]) for one in response.json()["errors"]]


def nothing_happened() -> bool:
    return not (User.objects.exists() or PendingRegistration.objects.exists() or DBTaskResult.objects.exists())


# --- Closed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"{}", b"{", b'{"email": "x", "role": "admin"}'])
def test_a_closed_door_says_so_before_it_reads_anything(api, settings, raw):
    settings.REGISTRATION = "closed"

    response = api.post("/auth/register", raw=raw)

    assert (problem(response), nothing_happened()) == ((403, "registration_closed"), True)


def test_the_door_is_closed_unless_somebody_opens_it():
    from cms_project import settings as product

    assert product.REGISTRATION == "closed"


def test_a_door_that_is_closed_meanwhile_lets_nobody_in_with_an_old_link(api, run_jobs, settings):
    register(api)
    token = mailbox.asked(run_jobs, EMAIL)
    settings.REGISTRATION = "closed"

    answers = [problem(verify(api, token)), problem(verify(api, "garbage"))]
    api.post("/auth/verify-email/resend", {"email": EMAIL})
    run_jobs()

    assert answers == [(403, "registration_closed"), (422, "link_invalid")]
    assert (User.objects.count(), len(mail.outbox)) == (0, 1)


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["role", "is_superuser", "groups", "is_active", "id"])
def test_nobody_chooses_more_than_their_name(api, name):
    assert (wrong_fields(register(api, **{name: "admin"})), nothing_happened()) == ([(name, "unknown_field")], True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"email": "nobody"}, [("email", "invalid")]),
        ({"email": "a" * 250 + "@example.com"}, [("email", "max_length")]),
        ({"email": ""}, [("email", "blank")]),
        ({"email": 1}, [("email", "invalid")]),
        ({"username": "two words"}, [("username", "invalid")]),
        ({"username": " member"}, [("username", "invalid")]),
        ({"username": "a" * 151}, [("username", "max_length")]),
        ({"password": "short"}, [("password", "password_too_short")]),
        ({"password": "password"}, [("password", "password_too_common")]),
        ({"password": "9182736455463"}, [("password", "password_entirely_numeric")]),
        ({"password": "member@example.com"}, [("password", "password_too_similar")]),
        ({"username": "watermelons", "password": "watermelons1"}, [("password", "password_too_similar")]),
        ({"password": "x" * 1025}, [("password", "max_length")]),
        ({"display_name": "two\nlines"}, [("display_name", "invalid")]),
        ({"display_name": "x" * 151}, [("display_name", "max_length")]),
        ({"email": "nobody", "username": "a b"}, [("email", "invalid"), ("username", "invalid")]),
    ],
)
def test_what_makes_no_sense_is_refused_field_by_field(api, fields, expected):
    assert (wrong_fields(register(api, **fields)), nothing_happened()) == (expected, True)


def test_a_username_that_somebody_has_in_any_case_is_refused(api):
    make_user(username="Member")

    response = register(api, username="mEMBER")

    assert (wrong_fields(response), PendingRegistration.objects.count()) == ([("username", "unique")], 0)


def test_whoever_only_wants_to_come_in_keeps_nobody_from_a_username_or_an_email(api):
    statuses = [register(api).status_code for _ in range(2)]

    assert (statuses, PendingRegistration.objects.count()) == ([202, 202], 2)


# --- The same for everybody ------------------------------------------------------------------------------------------


def test_the_answer_does_not_tell_whether_somebody_has_the_email(api):
    make_user(email="known@example.com")

    known, unknown = register(api, email="known@example.com"), register(api, email="unknown@example.com")

    said = [(a.status_code, a.content, {k: v for k, v in a.items() if k != "X-Request-ID"}) for a in (known, unknown)]
    assert said[0] == said[1]
    assert known.status_code == 202


def test_nothing_is_asked_about_the_email(api):
    make_user(email="known@example.com")
    asked = {}

    for email in ("known@example.com", "unknown@example.com"):
        with CaptureQueriesContext(connection) as queries:
            register(api, email=email)
        asked[email] = [one["sql"].split()[0] for one in queries]

    assert asked["known@example.com"] == asked["unknown@example.com"]
    assert not any("accounts_user" in one["sql"] and "example.com" in one["sql"] for one in queries)


def test_nobody_logs_in_before_the_link_was_followed(api, run_jobs):
    register(api)
    run_jobs()

    response = api.post("/auth/login", {"email": EMAIL, "password": PASSWORD})

    assert problem(response) == (401, "invalid_credentials")


# --- The mails -------------------------------------------------------------------------------------------------------


def test_a_stranger_gets_a_link_and_an_owner_is_told_that_there_is_an_account(api, run_jobs):
    make_user(email="owner@example.com")

    register(api)
    register(api, email="OWNER@example.com")
    run_jobs()

    assert mailbox.subjects(EMAIL) == ["Confirm your e-mail address"]
    assert mailbox.subjects("owner@example.com") == ["You already have an account at localhost"]
    assert "token=" not in mail.outbox[-1].body
    assert "http://localhost:8000/password-reset" in mail.outbox[-1].body


def test_a_mail_to_a_stranger_repeats_nothing_that_was_typed(api, run_jobs):
    register(api, username="buy.example.org", display_name="You have won")
    run_jobs()

    (message,) = mail.outbox
    text = message.subject + message.body + message.alternatives[0][0]
    assert [typed for typed in ("buy.example.org", "You have won") if typed in text] == []


def test_the_link_leads_to_where_the_configuration_says_whatever_the_host(api, run_jobs, settings):
    settings.PUBLIC_BASE_URL = "https://cms.example.com"

    api.post("/auth/register", WANTED, headers={"X-Forwarded-Host": "evil.example"})
    run_jobs()

    assert mailbox.link(EMAIL).startswith("https://cms.example.com/verify-email?token=")


def test_the_mail_is_sent_again_to_whoever_waits_and_to_nobody_else(api, run_jobs):
    make_user(email="owner@example.com")
    register(api)
    run_jobs()

    answers = [
        api.post("/auth/verify-email/resend", {"email": email})
        for email in (EMAIL.upper(), "unknown@example.com", "owner@example.com", "no address at all")
    ]
    run_jobs()

    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert mailbox.subjects(EMAIL) == ["Confirm your e-mail address"] * 2
    assert mailbox.subjects("owner@example.com") == ["You already have an account at localhost"]
    assert len(mail.outbox) == 3


def test_a_link_that_was_sent_again_lives_as_long_as_its_mail_says(api, run_jobs, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    register(api)
    run_jobs()
    time_machine.shift(timedelta(hours=23))
    api.post("/auth/verify-email/resend", {"email": EMAIL})
    token = mailbox.asked(run_jobs, EMAIL)

    time_machine.shift(timedelta(hours=23))

    assert verify(api, token).status_code == 204


def test_an_address_gets_three_mails_an_hour_and_nobody_learns_it(api, run_jobs):
    answers = [register(api, username=f"member{n}") for n in range(5)]
    answers += [api.post("/auth/verify-email/resend", {"email": EMAIL})]
    register(api, email="other@example.com")
    run_jobs()

    assert {(answer.status_code, answer.content) for answer in answers[:5]} == {(202, answers[0].content)}
    assert answers[5].status_code == 202
    assert (len(mailbox.subjects(EMAIL)), len(mailbox.subjects("other@example.com"))) == (3, 1)


def test_after_an_hour_the_address_gets_mail_again(api, run_jobs, time_machine, monkeypatch):
    monkeypatch.setattr(mails, "caches", {"counters": DatabaseCounters("", {})})  # Redis has a clock of its own
    time_machine.move_to(timezone.now(), tick=False)
    for _ in range(4):
        register(api)
    run_jobs()

    time_machine.shift(3601)
    register(api)
    run_jobs()

    assert len(mailbox.subjects(EMAIL)) == 4


def test_what_stands_behind_a_plus_is_the_same_mailbox(api, run_jobs):
    for number in range(5):
        register(api, email=f"member+{number}@example.com")
    run_jobs()

    assert len(mail.outbox) == 3


def test_a_mail_that_could_not_be_sent_is_not_counted(api, run_jobs, monkeypatch):
    register(api)
    pending = str(PendingRegistration.objects.get().pk)
    with monkeypatch.context() as broken:
        broken.setattr("core.mail._hand_over", _refuse)
        for _ in range(4):
            with pytest.raises(OSError, match="away"):
                mails.answer_registration.call(registration_id=pending)

    run_jobs()

    assert mailbox.subjects(EMAIL) == ["Confirm your e-mail address"]


def _refuse(message):
    raise OSError("The mail server is away.")


def test_no_token_and_no_password_is_stored_or_logged(api, run_jobs, caplog):
    with caplog.at_level(logging.DEBUG):
        register(api)
        token = mailbox.asked(run_jobs, EMAIL)
        verify(api, token)
        verify(api, token)

    stored = str(list(DBTaskResult.objects.values())) + str(list(AuditEntry.objects.values()))
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert [secret for secret in (token, PASSWORD) if secret in stored + logged] == []
    assert PASSWORD not in str(list(PendingRegistration.objects.values()))


# --- Following the link ----------------------------------------------------------------------------------------------


def test_the_link_makes_a_member_who_can_log_in(api, run_jobs):
    register(api, email="Member@Example.com")
    token = mailbox.asked(run_jobs, EMAIL)

    answer = verify(api, token)

    user = User.objects.get()
    assert (answer.status_code, answer.content, PendingRegistration.objects.count()) == (204, b"", 0)
    assert (user.email, user.username, user.display_name, user.role(), user.is_active, user.is_superuser) == (
        EMAIL,
        "member",
        "Member",
        "member",
        True,
        False,
    )
    assert [group.name for group in user.groups.all()] == ["member"]
    assert api.post("/auth/login", {"email": EMAIL, "password": PASSWORD}).status_code == 200


def test_the_audit_trail_tells_of_both_steps(api, run_jobs):
    register(api)
    verify(api, mailbox.asked(run_jobs, EMAIL))

    told = list(AuditEntry.objects.order_by("id").values_list("action", "actor_name", "object_name", "facts"))
    assert told == [
        ("auth.registered", "", "member", {"email": "m…@example.com"}),
        ("auth.email_verified", "member", "Member", {}),
    ]


def test_a_link_works_once(api, run_jobs):
    register(api)
    token = mailbox.asked(run_jobs, EMAIL)

    statuses = [verify(api, token).status_code for _ in range(2)]

    assert (statuses, User.objects.count()) == ([204, 422], 1)


def test_a_link_works_for_a_day(api, run_jobs, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    register(api)
    token = mailbox.asked(run_jobs, EMAIL)

    time_machine.shift(timedelta(hours=24, seconds=1))

    assert (problem(verify(api, token)), User.objects.count()) == ((422, "link_invalid"), 0)


def test_a_link_for_something_else_confirms_nothing(api, run_jobs):
    user = make_user(email=EMAIL)
    api.post("/auth/password-reset", {"email": EMAIL})
    token = mailbox.asked(run_jobs, EMAIL)

    assert (problem(verify(api, token)), User.objects.get()) == ((422, "link_invalid"), user)


def test_an_email_that_was_taken_meanwhile_makes_no_second_account(api, run_jobs):
    register(api)
    token = mailbox.asked(run_jobs, EMAIL)
    user = make_user(email=EMAIL)

    assert (problem(verify(api, token)), User.objects.get()) == ((422, "link_invalid"), user)


def test_a_username_that_was_taken_meanwhile_gets_the_next_number(api, run_jobs):
    register(api)
    token = mailbox.asked(run_jobs, EMAIL)
    make_user(username="MEMBER")
    make_user(username="member-2")

    verify(api, token)

    assert User.objects.get(email=EMAIL).username == "member-3"


def test_a_long_username_has_room_for_its_number(api, run_jobs):
    register(api, username="m" * 150)
    token = mailbox.asked(run_jobs, EMAIL)
    make_user(username="M" * 150)

    verify(api, token)

    assert User.objects.get(email=EMAIL).username == "m" * 145 + "-2"


def test_every_registration_of_the_mailbox_is_over_when_one_link_was_followed(api, run_jobs):
    register(api, username="first")
    first = mailbox.asked(run_jobs, EMAIL)
    register(api, username="second")
    second = mailbox.asked(run_jobs, EMAIL)
    register(api, email="other@example.com", username="third")

    answers = [verify(api, second).status_code, verify(api, first).status_code]

    assert (answers, User.objects.get().username) == ([204, 422], "second")
    assert [one.email for one in PendingRegistration.objects.all()] == ["other@example.com"]


def test_who_never_followed_the_link_is_forgotten(api, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    register(api)
    time_machine.shift(timedelta(hours=25))
    register(api, email="other@example.com")

    assert registration.prune(now=timezone.now()) == 1
    assert [one.email for one in PendingRegistration.objects.all()] == ["other@example.com"]


def test_a_unique_index_has_the_last_word(api, run_jobs, monkeypatch):
    """Somebody takes the e-mail between the look and the insert."""
    register(api)
    token = mailbox.asked(run_jobs, EMAIL)
    fast = []

    def look(username):
        if not fast:
            fast.append(User.objects.create_user(EMAIL, "faster"))
        return False

    monkeypatch.setattr(registration, "is_taken", look)

    with pytest.raises(LinkInvalid):
        registration.verify(token, now=timezone.now())
    assert PendingRegistration.objects.count() == 1


def test_who_registers_again_since_no_mail_came_logs_in_with_the_password(api, run_jobs):
    register(api)
    run_jobs()
    register(api)

    verified = api.post("/auth/verify-email", {"token": mailbox.asked(run_jobs, EMAIL)})

    assert verified.status_code == 204
    assert api.post("/auth/login", {"email": EMAIL, "password": PASSWORD}).status_code == 200
