"""The life of an account from end to end, by the mail that really goes out and its links: API, pages, a server."""

import email
import email.policy
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import pytest
from django.core import mail
from django.test import Client

from accounts import mails
from accounts.models import PendingRegistration, User
from tests.accounts import mailbox
from tests.accounts.shapes import problem
from tests.factories import PASSWORD, make_user, token_for
from tests.faults.processes import free_port
from tests.house.commands import KEY, manage
from tests.house.servers import Running, server

EMAIL = "member@example.com"
WANTED = {"email": EMAIL, "username": "member", "password": PASSWORD, "display_name": "Member"}
SECOND, THIRD = "a second long passphrase", "a third long passphrase"


@pytest.fixture
def is_open(settings):
    settings.REGISTRATION = "open"


def log_in(api, password, email=EMAIL):
    return api.post("/auth/login", {"email": email, "password": password})


# --- Through the API -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_from_a_stranger_to_a_member_who_forgets_the_password(api, run_jobs, is_open):
    assert api.post("/auth/register", WANTED).status_code == 202
    assert problem(log_in(api, PASSWORD)) == (401, "invalid_credentials")
    assert api.post("/auth/verify-email", {"token": mailbox.asked(run_jobs, EMAIL)}).status_code == 204

    here, there = log_in(api, PASSWORD).json(), log_in(api, PASSWORD).json()
    passwords = {"current_password": PASSWORD, "new_password": SECOND}
    assert api.post("/auth/password-change", passwords, token=here["access_token"]).status_code == 204
    assert problem(api.get("/auth/me", token=there["access_token"])) == (401, "token_invalid")
    sessions = api.get("/auth/sessions", token=here["access_token"]).json()["items"]
    assert [session["current"] for session in sessions] == [True]

    assert api.post("/auth/password-reset", {"email": EMAIL}).status_code == 202
    reset = {"token": mailbox.asked(run_jobs, EMAIL), "password": THIRD}
    assert api.post("/auth/password-reset/confirm", reset).status_code == 204
    assert problem(api.get("/auth/me", token=here["access_token"])) == (401, "token_invalid")
    assert [log_in(api, word).status_code for word in (PASSWORD, SECOND, THIRD)] == [401, 401, 200]

    token = log_in(api, THIRD).json()["access_token"]
    assert api.post("/auth/logout-all", token=token).status_code == 204
    assert problem(api.get("/auth/me", token=token)) == (401, "token_invalid")
    run_jobs()
    assert mailbox.subjects(EMAIL) == [
        "Confirm your e-mail address",
        "Your password was changed",
        "Choose a new password for localhost",
        "Your password was changed",
    ]


@pytest.mark.django_db
def test_an_invited_person_chooses_a_password_and_comes_in(api, run_jobs):
    user = make_user("author", password=None)
    mails.send_invitation.enqueue(user_id=str(user.pk))

    token = mailbox.asked(run_jobs, user.email)
    accepted = api.post("/auth/invitation/accept", {"token": token, "password": PASSWORD})

    assert (accepted.status_code, log_in(api, PASSWORD, user.email).status_code) == (204, 200)


@pytest.mark.django_db
def test_an_email_is_changed_by_whoever_reads_the_new_mailbox(api, run_jobs):
    user = make_user(email="old@example.com")
    token = token_for(user)
    api.post("/auth/password-reset", {"email": "old@example.com"})
    reset = mailbox.asked(run_jobs, "old@example.com")

    wanted = {"email": "New@Example.com", "current_password": PASSWORD}
    assert api.post("/auth/email-change", wanted, token=token).status_code == 202
    assert api.get("/auth/me", token=token).json()["email"] == "old@example.com"
    change = mailbox.asked(run_jobs, "new@example.com")
    answers = [api.post("/auth/email-change/confirm", {"token": change}) for _ in range(2)]
    run_jobs()

    assert [answer.status_code for answer in answers] == [204, 422]
    assert api.get("/auth/me", token=token).json()["email"] == "new@example.com"
    assert mailbox.subjects("old@example.com")[-1] == "Your e-mail address was changed"
    assert [log_in(api, PASSWORD, one).status_code for one in ("old@example.com", "new@example.com")] == [401, 200]
    confirm = api.post("/auth/password-reset/confirm", {"token": reset, "password": SECOND})
    assert problem(confirm) == (422, "link_invalid")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"current_password": "not it"}, "current_password", "wrong"),
        ({"email": "old@example.com"}, "email", "unchanged"),
        ({"email": "nobody"}, "email", "invalid"),
    ],
)
def test_a_refused_change_of_email_sends_nothing(api, run_jobs, fields, field, code):
    user = make_user(email="old@example.com")
    sent = {"email": "new@example.com", "current_password": PASSWORD} | fields

    answer = api.post("/auth/email-change", sent, token=token_for(user))

    assert (problem(answer), run_jobs()) == ((422, "validation_error"), 0)
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


@pytest.mark.django_db
def test_whether_somebody_has_the_new_email_is_told_to_its_mailbox_alone(api, run_jobs):
    make_user(email="taken@example.com")
    user = make_user(email="old@example.com")
    token = token_for(user)

    answers = [
        api.post("/auth/email-change", {"email": email, "current_password": PASSWORD}, token=token)
        for email in ("taken@example.com", "free@example.com")
    ]
    run_jobs()

    assert answers[0].content == answers[1].content
    assert mailbox.subjects("taken@example.com") == ["You already have an account at localhost"]
    assert mailbox.subjects("free@example.com") == ["Confirm your new e-mail address"]
    User.objects.create_user("free@example.com", "free")
    late = api.post("/auth/email-change/confirm", {"token": mailbox.token("free@example.com")})
    assert (problem(late), User.objects.get(pk=user.pk).email) == ((422, "link_invalid"), "old@example.com")


# --- Through the pages -----------------------------------------------------------------------------------------------


class Visitor:
    """A browser without scripts: opens addresses of mails and sends the forms that it finds there."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def open(self, address):
        parts = urlsplit(address)
        self.path = parts.path
        self.page = self.client.get(f"{parts.path}?{parts.query}")
        return self.page

    def fields(self) -> dict[str, str]:
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', self.page.content.decode())
        return dict(found)

    def send(self, **typed):
        return self.client.post(
            self.path, urlencode(self.fields() | typed), content_type="application/x-www-form-urlencoded"
        )


@pytest.fixture
def visitor(db) -> Visitor:
    return Visitor()


def test_the_pages_confirm_reset_and_invite_without_a_script(api, run_jobs, is_open, visitor):
    api.post("/auth/register", WANTED)
    run_jobs()

    assert visitor.open(mailbox.link(EMAIL)).status_code == 200
    assert PendingRegistration.objects.count() == 1
    assert "Your account is there" in visitor.send().content.decode()
    assert log_in(api, PASSWORD).status_code == 200

    visitor.open("http://localhost:8000/password-reset")
    assert visitor.send(email=EMAIL).status_code == 202
    run_jobs()
    visitor.open(mailbox.link(EMAIL))
    assert EMAIL in visitor.page.content.decode()
    assert visitor.send(password=SECOND, again=SECOND).status_code == 200
    assert [log_in(api, word).status_code for word in (PASSWORD, SECOND)] == [401, 200]
    assert (visitor.send(password=THIRD, again=THIRD).status_code, log_in(api, SECOND).status_code) == (422, 200)

    user = make_user("author", password=None)
    mails.send_invitation.enqueue(user_id=str(user.pk))
    run_jobs()
    visitor.open(mailbox.link(user.email))
    page = visitor.send(password=PASSWORD, again=PASSWORD)
    assert (page.status_code, 'href="/admin/"' in page.content.decode()) == (200, True)
    assert log_in(api, PASSWORD, user.email).status_code == 200


def test_the_page_changes_an_email(api, run_jobs, visitor):
    user = make_user(email="old@example.com")
    wanted = {"email": "new@example.com", "current_password": PASSWORD}
    api.post("/auth/email-change", wanted, token=token_for(user))
    run_jobs()

    visitor.open(mailbox.link("new@example.com"))
    assert User.objects.get().email == "old@example.com"
    done = visitor.send()

    assert (done.status_code, User.objects.get().email) == (200, "new@example.com")


def test_opening_a_link_a_hundred_times_uses_nothing_up(api, run_jobs, visitor):
    user = make_user()
    api.post("/auth/password-reset", {"email": user.email})
    run_jobs()

    for _ in range(100):
        assert visitor.open(mailbox.link(user.email)).status_code == 200
    assert visitor.client.head(mailbox.link(user.email)).status_code == 200

    assert visitor.send(password=SECOND, again=SECOND).status_code == 200


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"password": "tiny", "again": "tiny"}, "too short"),
        ({"password": SECOND, "again": THIRD}, "not the same"),
        ({"password": SECOND}, "not the same"),
        ({"password": "", "again": ""}, "may not be blank"),
        ({"password": "x" * 1025, "again": "x" * 1025}, "no more than 1024"),
    ],
)
def test_a_password_that_will_not_do_brings_the_form_back(api, run_jobs, visitor, typed, said):
    user = make_user()
    api.post("/auth/password-reset", {"email": user.email})
    run_jobs()
    visitor.open(mailbox.link(user.email))

    page = visitor.send(**typed)

    assert (page.status_code, said in page.content.decode()) == (422, True)
    assert (log_in(api, PASSWORD, user.email).status_code, SECOND in page.content.decode()) == (200, False)
    assert visitor.send(password=SECOND, again=SECOND).status_code == 200


@pytest.mark.parametrize("path", ["verify-email", "invitation", "email-change", "password-reset"])
def test_a_link_that_is_not_valid_says_so_and_how_to_go_on(visitor, path):
    pages = [visitor.client.get(f"/{path}?token={token}") for token in ("garbage", "%3Cscript%3E", "a:b:c")]

    assert [page.status_code for page in pages] == [422] * 3
    assert all("This link is not valid, or no longer" in page.content.decode() for page in pages)
    assert not any("<script" in page.content.decode() for page in pages)


@pytest.mark.parametrize("path", ["verify-email", "invitation", "email-change", "password-reset"])
def test_a_form_from_a_foreign_page_does_nothing(visitor, path):
    page = visitor.client.post(f"/{path}", {"token": "x", "email": "x@example.com"})
    foreign = Client().post(f"/{path}", "token=x", content_type="text/plain")

    assert page.status_code == 403
    assert foreign.status_code in (415, 422)
    assert mail.outbox == []


@pytest.mark.parametrize("path", ["verify-email", "invitation", "email-change", "password-reset"])
def test_the_pages_are_nobodys_to_keep_frame_or_script(visitor, path):
    page = visitor.client.get(f"/{path}?token=garbage")

    policy = page["Content-Security-Policy"]
    assert (page["Cache-Control"], page["Referrer-Policy"], page["X-Frame-Options"]) == (
        "no-store",
        "same-origin",
        "DENY",
    )
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert "noindex" in page["X-Robots-Tag"]
    assert "Set-Cookie" not in page and "<script" not in page.content.decode()


def test_the_pages_are_counted_doors(visitor, settings):
    settings.RATELIMIT_ENABLE, settings.AUTH_RATE = True, "5/m"
    visitor.open("http://localhost:8000/password-reset")

    pages = [visitor.send(email="unknown@example.com") for _ in range(6)]

    assert [page.status_code for page in pages] == [202] * 5 + [429]
    assert int(pages[-1]["Retry-After"]) > 0 and "Please wait" in pages[-1].content.decode()


def test_a_page_for_asking_answers_everybody_alike(visitor):
    make_user(email="known@example.com")
    visitor.open("http://localhost:8000/password-reset")

    pages = [visitor.send(email=one) for one in ("known@example.com", "unknown@example.com")]

    assert pages[0].content == pages[1].content


@pytest.mark.parametrize(
    "raw", [b"token=x&token=y", b"password=%00&again=%00&token=x", b"email=%ff", b"&".join([b"a=1"] * 30)]
)
def test_a_form_that_cannot_be_read_is_a_page_and_no_fault(db, raw):
    page = Client().post("/password-reset", raw, content_type="application/x-www-form-urlencoded")

    assert (page.status_code in (400, 422), "<h1>" in page.content.decode()) == (True, True)


def test_the_admins_login_page_knows_the_way(client, db):
    assert 'href="/password-reset"' in client.get("/admin/login/").content.decode()


def test_other_methods_are_refused(client, db):
    assert [client.put("/invitation").status_code, client.delete("/verify-email").status_code] == [405, 405]


# --- A real server, and mail in a folder -----------------------------------------------------------------------------


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    port = str(free_port())
    variables = {
        "DEBUG": "1",  # static files are served without having been collected
        "SECRET_KEY": KEY,
        "PORT": port,
        "PUBLIC_BASE_URL": f"http://localhost:{port}",
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "EMAIL_URL": f"file://{tmp_path}/mail",
        "REGISTRATION": "open",
        "RATELIMIT_ENABLE": "0",
    }
    manage("migrate", **variables).check_returncode()
    # As make run and make serve start it: uvicorn writes no line of its own, which would hold the query.
    uvicorn = (sys.executable, "-m", "uvicorn", "cms_project.asgi:application", "--port", port, "--no-access-log")
    with server(*uvicorn, log=tmp_path / "log", **variables) as found:
        yield found


def arrived(folder: Path, count: int) -> list[email.message.EmailMessage]:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns) if folder.exists() else []
        if len(files) >= count:
            return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        time.sleep(0.1)
    raise AssertionError(f"only {len(files)} of {count} mails came")


def token_of(message: email.message.EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    (found,) = re.findall(r"\?(token=\S+)", body.get_content())
    return parse_qs(found)["token"][0]


@pytest.mark.server
def test_a_server_sends_the_mails_and_its_log_holds_no_token(running: Running, tmp_path: Path) -> None:
    def post(path: str, body: dict[str, str], host: str = "localhost") -> int:
        return running.request("POST", f"/api/v1/auth/{path}", body, headers={"Host": f"{host}:{running.port}"})[0]

    assert post("register", WANTED, host="127.0.0.1") == 202
    (first,) = arrived(tmp_path / "mail", 1)
    status, headers, page = running.get(f"/verify-email?token={token_of(first)}")
    assert (status, headers["content-type"], b"Confirm and make" in page) == (200, "text/html; charset=utf-8", True)
    assert post("verify-email", {"token": token_of(first)}) == 204
    assert post("password-reset", {"email": EMAIL}) == 202
    *_, reset = arrived(tmp_path / "mail", 2)
    assert post("password-reset/confirm", {"token": token_of(reset), "password": SECOND}) == 204
    assert post("login", {"email": EMAIL, "password": SECOND}) == 200

    assert [message["To"] for message in arrived(tmp_path / "mail", 3)] == [EMAIL] * 3
    plain = first.get_body(("plain",))
    assert plain is not None and f"http://localhost:{running.port}/verify-email?token=" in plain.get_content()
    for secret in (token_of(first), token_of(reset), PASSWORD, SECOND, EMAIL):
        assert secret not in unquote(running.log)
