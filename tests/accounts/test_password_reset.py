"""A forgotten password: who gets a mail, what its link does, and what ends it. Invitations take the same way."""

import logging
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import activation, links, lockout, mails, passwords, sessions
from accounts.links import Purpose
from accounts.models import AuditEntry, ExternalIdentity, User
from tests.accounts import mailbox
from tests.accounts.shapes import problem
from tests.factories import PASSWORD, make_user, pair_for, token_for

pytestmark = pytest.mark.django_db

NEW = "another long passphrase"


def ask(api, email):
    return api.post("/auth/password-reset", {"email": email})


def confirm(api, token, password=NEW):
    return api.post("/auth/password-reset/confirm", {"token": token, "password": password})


def asked(api, run_jobs, user) -> str:
    ask(api, user.email)
    return mailbox.asked(run_jobs, user.email)


def log_in(api, user, password) -> int:
    return api.post("/auth/login", {"email": user.email, "password": password}).status_code


def is_unchanged(user) -> bool:
    return User.objects.get(pk=user.pk).check_password(PASSWORD)


# --- Asking ----------------------------------------------------------------------------------------------------------


def test_the_answer_does_not_tell_whether_there_is_an_account(api):
    make_user(email="known@example.com")
    make_user(email="inactive@example.com", is_active=False)

    names = ("known@example.com", "inactive@example.com", "unknown@example.com", "no address at all")
    answers = [ask(api, email) for email in names]

    said = {
        (a.status_code, a.content, str(sorted((k, v) for k, v in a.items() if k != "X-Request-ID"))) for a in answers
    }
    assert (len(said), answers[0].status_code) == (1, 202)


def test_nothing_at_all_is_asked_about_the_email(api):
    make_user(email="known@example.com")
    asked = []

    for email in ("known@example.com", "unknown@example.com"):
        with CaptureQueriesContext(connection) as queries:
            ask(api, email)
        asked.append([one["sql"].split()[0] for one in queries])
        assert not any("accounts_user" in one["sql"] for one in queries)

    assert asked[0] == asked[1]


def test_the_owner_of_an_account_gets_a_mail_and_nobody_else(api, run_jobs):
    make_user(email="known@example.com", display_name="Known")
    make_user(email="inactive@example.com", is_active=False)

    for email in ("KNOWN@example.com", "inactive@example.com", "unknown@example.com", "no address at all"):
        ask(api, email)
    run_jobs()

    (message,) = mail.outbox
    assert (message.to, message.subject) == (["known@example.com"], "Choose a new password for localhost")
    assert "Hello Known" in message.body and "Hello Known" in message.alternatives[0][0]


def test_whoever_logs_in_elsewhere_and_never_had_a_password_gets_none(api, run_jobs):
    now = timezone.now()
    for name, password in (("linked", None), ("both", PASSWORD), ("invited", None)):
        user = make_user(email=f"{name}@example.com", password=password)
        if name != "invited":
            ExternalIdentity.objects.create(
                user=user, issuer="https://login.example.com", subject=name, created_at=now, last_used_at=now
            )
        ask(api, user.email)

    run_jobs()

    assert [message.to for message in mail.outbox] == [["both@example.com"], ["invited@example.com"]]


def test_an_address_gets_three_mails_an_hour_and_nobody_learns_it(api, run_jobs):
    user = make_user()

    answers = [ask(api, user.email) for _ in range(5)]
    run_jobs()

    assert ({answer.status_code for answer in answers}, len(mailbox.subjects(user.email))) == ({202}, 3)


def test_it_is_written_down_for_known_accounts_as_of_the_request_that_asked_for_it(api, run_jobs):
    user = make_user()

    asked = ask(api, user.email)
    ask(api, "unknown@example.com")
    run_jobs()

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.object_id) == ("auth.password_reset_requested", None, str(user.pk))
    assert (entry.address, entry.request_id) == ("127.0.0.1", asked["X-Request-ID"])


# --- The new password ------------------------------------------------------------------------------------------------


def test_the_link_sets_a_password_and_ends_every_session(api, run_jobs, client):
    user, other = make_user(), make_user()
    pair, others = pair_for(user), pair_for(other)
    client.force_login(user)
    assert client.get("/admin/").status_code == 200
    token = asked(api, run_jobs, user)

    answer = confirm(api, token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert [log_in(api, user, PASSWORD), log_in(api, user, NEW)] == [401, 200]
    assert problem(api.get("/auth/me", token=pair.access_token)) == (401, "token_invalid")
    assert problem(api.post("/auth/refresh", {"refresh_token": pair.refresh_token})) == (401, "token_invalid")
    assert client.get("/admin/").status_code == 302
    assert api.get("/auth/me", token=others.access_token).status_code == 200


def test_the_owner_is_told_and_the_trail_too(api, run_jobs):
    user = make_user()

    confirm(api, asked(api, run_jobs, user))
    run_jobs()

    assert mailbox.subjects(user.email)[-1] == "Your password was changed"
    entry = AuditEntry.objects.order_by("id").last()
    assert (entry.action, entry.actor_id, entry.object_id, entry.address) == (
        "auth.password_reset",
        user.pk,
        str(user.pk),
        "127.0.0.1",
    )


def test_a_link_works_once(api, run_jobs):
    user = make_user()
    token = asked(api, run_jobs, user)

    answers = [confirm(api, token), confirm(api, token, "yet another passphrase")]

    assert (answers[0].status_code, problem(answers[1])) == (204, (422, "link_invalid"))
    assert log_in(api, user, NEW) == 200


def test_one_link_that_was_used_ends_the_others_that_are_out(api, run_jobs):
    user = make_user()
    first, second = asked(api, run_jobs, user), asked(api, run_jobs, user)

    answers = [confirm(api, second).status_code, confirm(api, first, "yet another passphrase").status_code]

    assert (answers, log_in(api, user, NEW)) == ([204, 422], 200)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("tiny", "password_too_short"),
        ("password", "password_too_common"),
        ("9182736455463", "password_entirely_numeric"),
        ("author@example.com", "password_too_similar"),
        ("x" * 1025, "max_length"),
        ("", "blank"),
    ],
)
def test_a_weak_password_is_refused_and_the_link_stays_good(api, run_jobs, password, code):
    user = make_user(email="author@example.com")
    token = asked(api, run_jobs, user)

    answer = confirm(api, token, password)

    assert (problem(answer), answer.json()["errors"][0]["field"]) == ((422, "validation_error"), "password")
    assert ([one["code"] for one in answer.json()["errors"]], is_unchanged(user)) == ([code], True)
    assert confirm(api, token).status_code == 204


def test_a_link_works_for_an_hour(api, run_jobs, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user = make_user()
    token = asked(api, run_jobs, user)

    time_machine.shift(timedelta(hours=1, seconds=1))

    assert (problem(confirm(api, token)), is_unchanged(user)) == ((422, "link_invalid"), True)


def _changes_the_password(user):
    user.set_password("yet another passphrase")
    user.save()


def _changes_the_email(user):
    User.objects.filter(pk=user.pk).update(email="new@example.com")


def _logs_out_everywhere(user):
    sessions.end_all(user, now=timezone.now())


def _is_deactivated(user):
    activation.deactivate(user, by=make_user("admin"), now=timezone.now())


def _is_deactivated_and_back(user):
    admin = make_user("admin")
    activation.deactivate(user, by=admin, now=timezone.now())
    activation.activate(user, by=admin)


def _is_deleted(user):
    User.objects.filter(pk=user.pk).delete()


@pytest.mark.parametrize(
    "what_happens",
    [
        _changes_the_password,
        _changes_the_email,
        _logs_out_everywhere,
        _is_deactivated,
        _is_deactivated_and_back,
        _is_deleted,
    ],
)
def test_what_ends_a_link_that_is_out(api, run_jobs, what_happens):
    user = make_user()
    token = asked(api, run_jobs, user)
    what_happens(User.objects.get(pk=user.pk))
    before = User.objects.filter(pk=user.pk).values_list("password", flat=True).first()

    answer = confirm(api, token)

    assert problem(answer) == (422, "link_invalid")
    assert User.objects.filter(pk=user.pk).values_list("password", flat=True).first() == before


def test_a_renewed_hash_of_the_same_password_ends_no_link(api, run_jobs, settings):
    user = make_user()
    token = asked(api, run_jobs, user)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]

    assert (log_in(api, user, PASSWORD), confirm(api, token).status_code) == (200, 204)


@pytest.mark.parametrize("purpose", [one for one in Purpose if one != Purpose.RESET_PASSWORD])
def test_a_link_for_something_else_sets_no_password(api, purpose):
    user = make_user()
    token = links.make(purpose, user.pk, state=links.state_of(user))

    assert (problem(confirm(api, token)), is_unchanged(user)) == ((422, "link_invalid"), True)


@pytest.mark.parametrize("token", ["garbage", "a:b:c", "x" * 4096])
def test_garbage_is_no_link(api, token):
    assert problem(confirm(api, token)) == (422, "link_invalid")


def test_a_new_password_lifts_the_lock(api, run_jobs):
    user = make_user()
    for _ in range(6):
        log_in(api, user, "a wrong guess")
    assert problem(api.post("/auth/login", {"email": user.email, "password": PASSWORD})) == (429, "too_many_failures")

    confirm(api, asked(api, run_jobs, user))

    assert log_in(api, user, NEW) == 200


def test_no_token_and_no_password_is_stored_or_logged(api, run_jobs, caplog):
    user = make_user()

    with caplog.at_level(logging.DEBUG):
        token = asked(api, run_jobs, user)
        confirm(api, token, "short")
        confirm(api, token)
        confirm(api, token)
        run_jobs()

    stored = str(list(DBTaskResult.objects.values())) + str(list(AuditEntry.objects.values()))
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert [secret for secret in (token, NEW) if secret in stored + logged] == []


@pytest.mark.parametrize("door", ["password-reset", "password-reset/confirm", "invitation/accept"])
def test_the_doors_are_counted(api, settings, door):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"

    answers = [api.post(f"/auth/{door}", {}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [422] * 5 + [429]


# --- Invitations -----------------------------------------------------------------------------------------------------


def accept(api, token, password=NEW):
    return api.post("/auth/invitation/accept", {"token": token, "password": password})


def invited(run_jobs, user) -> str:
    mails.send_invitation.enqueue(user_id=str(user.pk))
    return mailbox.asked(run_jobs, user.email)


def test_an_invitation_sets_the_first_password(api, run_jobs):
    user = make_user(password=None)
    token = invited(run_jobs, user)

    answers = [accept(api, token).status_code, accept(api, token, "yet another passphrase").status_code]
    run_jobs()

    assert (answers, log_in(api, user, NEW)) == ([204, 422], 200)
    assert mailbox.subjects(user.email) == ["You have an account at localhost"]
    assert AuditEntry.objects.filter(action="auth.invitation_accepted", object_id=str(user.pk)).count() == 1


def test_a_weak_first_password_is_refused_and_the_invitation_stays_good(api, run_jobs):
    token = invited(run_jobs, make_user(password=None))

    assert [accept(api, token, "short").status_code, accept(api, token).status_code] == [422, 204]


def test_an_invitation_is_no_reset_and_lives_a_week(api, run_jobs, time_machine):
    time_machine.move_to("2026-03-01 12:00:00Z", tick=False)
    user = make_user(password=None)
    token = invited(run_jobs, user)

    time_machine.shift(timedelta(days=7))
    assert problem(confirm(api, token)) == (422, "link_invalid")
    time_machine.shift(timedelta(seconds=1))

    assert problem(accept(api, token)) == (422, "link_invalid")
    assert not User.objects.get(pk=user.pk).has_usable_password()


def test_who_is_deactivated_or_gone_gets_no_invitation(run_jobs):
    user = make_user(password=None, is_active=False)
    mails.send_invitation.enqueue(user_id=str(user.pk))
    mails.send_invitation.enqueue(user_id="01938c7e-5d3a-7c41-9a52-8f0b6f2f4d11")

    run_jobs()

    assert mail.outbox == []


def test_the_password_is_hashed_before_anything_is_locked(api, run_jobs, monkeypatch):
    """On SQLite a transaction holds every writer up; hashing takes a third of a second."""
    user = make_user()
    token = asked(api, run_jobs, user)
    depth = len(connection.savepoint_ids)
    seen = []
    hash_it = User.set_password
    monkeypatch.setattr(
        User, "set_password", lambda u, raw: (seen.append(len(connection.savepoint_ids)), hash_it(u, raw))[1]
    )

    passwords.set_by_link(Purpose.RESET_PASSWORD, token, NEW, now=timezone.now())

    assert seen == [depth]


def test_lockout_is_only_lifted_for_the_owner(api, run_jobs):
    user, other = make_user(), make_user()
    for _ in range(6):
        log_in(api, other, "a wrong guess")

    confirm(api, asked(api, run_jobs, user))

    with pytest.raises(lockout.TooManyFailures), lockout.attempt(email=other.email, address="192.0.2.7"):
        pass
    assert token_for(other)
