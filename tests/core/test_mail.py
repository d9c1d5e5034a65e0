"""Mail as it arrives: rendered, addressed, sent by real SMTP, and waiting where the server is away."""

import ssl
import stat
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.management import CommandError, call_command
from django_tasks_db.models import DBTaskResult

from cms_project import mailing
from core import clock, jobs, mail
from tests.core import errands
from tests.core.mail_server import Server, certificate
from tests.house.commands import PRODUCTION, manage

RunJobs = Callable[..., int]
LINK = errands.LINK
PASSWORD = "s:cr@t/%"
ENCODED = "s%3Acr%40t%2F%25"


def leave_by(settings: Any, url: str) -> None:
    settings.MAILERS = {"default": mailing.from_url(url)}


def send(to: str = "reader@example.com", url: str = LINK) -> None:
    mail.send("mail/test", to=to, context={"url": url})


def sent() -> outgoing.EmailMultiAlternatives:
    (only,) = outgoing.outbox
    assert isinstance(only, outgoing.EmailMultiAlternatives)
    return only


def html_of(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def make_due() -> None:
    DBTaskResult.objects.update(run_after=clock.now())


# --- What is written ---------------------------------------------------------------------------------------------
def test_a_mail_has_a_text_and_an_html_that_say_the_same(settings: Any) -> None:
    settings.SITE_NAME = "The Garden & Co <3"

    send()

    html, kind = sent().alternatives[0]
    assert (sent().to, sent().from_email, kind) == (["reader@example.com"], settings.DEFAULT_FROM_EMAIL, "text/html")
    assert sent().subject == "A test mail from The Garden & Co <3"
    assert f"\n{LINK}\n" in sent().body and "The Garden & Co <3" in sent().body
    assert html.count('href="https://cms.example.com/reset?token=a.b&amp;x=&lt;1&gt;"') == 2
    assert "The Garden &amp; Co &lt;3" in html and "<3" not in html


def test_html_loads_nothing_from_elsewhere(settings: Any) -> None:
    send()

    html = str(sent().alternatives[0][0])
    assert [one for one in ("<img", "<link", "<script", "url(", "@import", "http-equiv", "src=") if one in html] == []


@pytest.mark.parametrize("name", ["A\r\nBcc: thief@example.com", "A\nBcc: thief@example.com", "A\x00\x0b\u2028Bcc: x"])
def test_nothing_adds_a_header(settings: Any, name: str) -> None:
    settings.SITE_NAME = name

    send()

    message = sent().message()
    assert (message["Bcc"], sent().recipients()) == (None, ["reader@example.com"])
    assert sent().subject.startswith("A test mail from A Bcc: ")


def test_a_subject_has_a_bound(settings: Any) -> None:
    settings.SITE_NAME = "long " * 1000

    send()

    assert len(sent().subject) == 200


@pytest.mark.parametrize(
    "to", ["", "nobody", "a@example.com, b@example.com", "a@example.com\nBcc: b@example.com", "A <a@example.com>"]
)
def test_what_is_no_address_is_hopeless_and_nothing_leaves(to: str) -> None:
    with pytest.raises(jobs.Hopeless):
        send(to=to)

    assert outgoing.outbox == []


def test_machines_are_told_not_to_answer() -> None:
    send()

    assert sent().message()["Auto-Submitted"] == "auto-generated"


@pytest.mark.django_db
def test_a_repetition_bears_the_same_message_id_and_another_mail_another(settings: Any, run_jobs: RunJobs) -> None:
    settings.DEFAULT_FROM_EMAIL = "The Garden <garden@example.com>"
    for to in ("a@example.com", "b@example.com"):
        errands.send_mail.enqueue(to=to)
    run_jobs()
    DBTaskResult.objects.update(status="READY")
    make_due()

    run_jobs()

    ids = sorted((one.to[0], one.message()["Message-ID"]) for one in outgoing.outbox)
    assert (len(ids), len(set(ids))) == (4, 2)
    assert len({one for _, one in ids}) == 2
    assert all(one.endswith("@example.com>") for _, one in ids)


# --- EMAIL_URL ---------------------------------------------------------------------------------------------------
SMTP = {"username": None, "password": None, "use_ssl": False, "use_tls": False, "timeout": 10}
KNOWN = {"username": "stitch", "password": PASSWORD}


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("smtp://mail:1025", SMTP | {"host": "mail", "port": 1025}),
        ("smtp://mail", SMTP | {"host": "mail", "port": 25}),
        ("smtp://[::1]:1025/", SMTP | {"host": "::1", "port": 1025}),
        ("smtp://mail?tls=starttls", SMTP | {"host": "mail", "port": 587, "use_tls": True}),
        (f"smtp://stitch:{ENCODED}@mail", SMTP | KNOWN | {"host": "mail", "port": 587, "use_tls": True}),
        (f"smtp://stitch:{ENCODED}@mail:2525", SMTP | KNOWN | {"host": "mail", "port": 2525, "use_tls": True}),
        (f"smtp://stitch:{ENCODED}@mail?tls=off", SMTP | KNOWN | {"host": "mail", "port": 25}),
        (f"smtps://stitch:{ENCODED}@mail", SMTP | KNOWN | {"host": "mail", "port": 465, "use_ssl": True}),
    ],
)
def test_an_smtp_server_by_its_url(url: str, options: dict[str, Any]) -> None:
    assert mailing.from_url(url) == {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


@pytest.mark.parametrize(
    "url",
    [
        "stitch:s3cr3t@mail",
        "http://stitch:s3cr3t@mail",
        "smtp://stitch:s3cr3t@",
        "smtp://stitch:s3c/r3t@mail:25",
        "smtp://stitch:s3c#r3t@mail:25",
        "smtp://stitch:s3c?r3t@mail:25",
        "smtp://mail:s3cr3t",
        "smtp://mail:99999",
        "smtp://s3cr3t@mail",
        "smtp://:s3cr3t@mail",
        "smtp://stitch:s3cr3t@mail?tls=s3cr3t",
        "smtp://stitch:s3cr3t@mail?tsl=off",
        "file://folder",
        "file:///",
        "file:",
    ],
)
def test_what_is_no_such_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the sentence is looked at below
        mailing.from_url(url)

    assert [one for one in ("s3c", "r3t") if one in str(refused.value)] == []


@pytest.mark.parametrize("raw", ["cms@example.com", "The Garden <cms@example.com>", '"Garden, The" <cms@example.com>'])
def test_a_sender(raw: str) -> None:
    assert (mailing.sender(raw), mailing.host_of(raw)) == (raw, "example.com")


@pytest.mark.parametrize("raw", ["", "Garden", "cms@", "a@example.com\nBcc: b@example.com"])
def test_what_is_no_sender(raw: str) -> None:
    with pytest.raises(ValueError, match=r"address|control"):
        mailing.sender(raw)


# --- Other ways out ----------------------------------------------------------------------------------------------
def test_the_console_shows_what_a_person_reads(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    leave_by(settings, "console:")
    settings.SITE_NAME = "Gärtnerei"

    send()

    shown = capsys.readouterr().out
    assert "To: reader@example.com\nSubject: A test mail from Gärtnerei\n" in shown
    assert f"\n{LINK}\n" in shown
    assert "<html" not in shown


def test_a_folder_gets_a_file_for_each_mail_that_nobody_else_may_read(settings: Any, tmp_path: Path) -> None:
    leave_by(settings, f"file://{tmp_path}/mail%20box")

    send("a@example.com")
    send("b@example.com")

    folder = tmp_path / "mail box"
    files = sorted(folder.iterdir())
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    assert [file.suffix for file in files] == [".eml", ".eml"]
    assert [one["To"] for one in mails] == ["a@example.com", "b@example.com"]
    assert all(LINK in text_of(one) for one in mails)  # type: ignore[arg-type]
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, *files)] == [0o700, 0o600, 0o600]


@pytest.mark.django_db
def test_without_a_way_out_mail_waits_and_no_link_is_logged(
    settings: Any, run_jobs: RunJobs, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.MAILERS = {"default": mailing.UNSET}
    errands.send_mail.enqueue(to="reader@example.com")

    run_jobs(failing=True)

    assert DBTaskResult.objects.get().status == "READY"
    assert "EMAIL_URL is not set" in caplog.text
    assert "token=" not in caplog.text + capsys.readouterr().out + DBTaskResult.objects.get().traceback


def test_production_without_a_way_out_says_so() -> None:
    answer = manage("send_test_mail", "you@example.com", **{**PRODUCTION, "EMAIL_URL": ""})

    assert answer.returncode == 1
    assert answer.stderr.startswith("CommandError: The mail was not sent. EMAIL_URL is not set")


def test_an_address_that_is_none_is_told_in_one_sentence() -> None:
    answer = manage("send_test_mail", "nobody", DEBUG="1")

    told = "CommandError: The mail was not sent. This is no address that mail can be sent to."
    assert (answer.returncode, answer.stderr.strip()) == (1, told)


def test_development_prints_on_the_console() -> None:
    answer = manage("send_test_mail", "you@example.com", DEBUG="1")

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "\nhttp://localhost:8000\n" in answer.stdout
    assert answer.stdout.endswith("Sent to you@example.com in the name of noreply@localhost.\n")


# --- A real server -----------------------------------------------------------------------------------------------
def test_a_mail_arrives_as_it_was_written(settings: Any) -> None:
    settings.SITE_NAME = "Gärtnerei"
    settings.DEFAULT_FROM_EMAIL = "Die Gärtnerei <garden@example.com>"
    server = Server()
    leave_by(settings, f"smtp://127.0.0.1:{server.port}")

    with server.running():
        send()

    (arrived,) = server.mails
    assert (arrived["From"], arrived["To"]) == ("Die Gärtnerei <garden@example.com>", "reader@example.com")
    assert (arrived["Subject"], server.recipients) == ("A test mail from Gärtnerei", ["reader@example.com"])
    assert (LINK in text_of(arrived), "token=a.b&amp;x=" in html_of(arrived)) == (True, True)
    assert arrived.get_content_type() == "multipart/alternative"


@pytest.mark.django_db
def test_a_server_that_is_away_loses_nothing(settings: Any, run_jobs: RunJobs) -> None:
    server = Server()
    leave_by(settings, f"smtp://127.0.0.1:{server.port}")
    for number in range(3):
        errands.send_mail.enqueue(to=f"reader{number}@example.com")

    while_away = run_jobs(failing=True)
    make_due()
    with server.running():
        once_back = run_jobs()

    assert (while_away, once_back, run_jobs()) == (3, 3, 0)
    assert sorted(server.recipients) == [f"reader{number}@example.com" for number in range(3)]


@pytest.mark.django_db
def test_a_server_that_puts_us_off_is_asked_again(settings: Any, run_jobs: RunJobs) -> None:
    server = Server(answers=["451 4.7.1 Greylisted, come back later", "421 4.3.2 Too busy"])
    leave_by(settings, f"smtp://127.0.0.1:{server.port}")
    errands.send_mail.enqueue(to="reader@example.com")

    with server.running():
        for _ in range(3):
            run_jobs(failing=True)
            make_due()

    assert server.recipients == ["reader@example.com"]
    assert DBTaskResult.objects.get().status == "SUCCESSFUL"


@pytest.mark.django_db
def test_an_address_that_is_refused_for_good_is_tried_once(settings: Any, run_jobs: RunJobs) -> None:
    server = Server(answers=["550 5.1.1 Nobody here has that name"])
    leave_by(settings, f"smtp://127.0.0.1:{server.port}")
    errands.send_mail.enqueue(to="reader@example.com")

    with server.running():
        run_jobs(failing=True)

    job = DBTaskResult.objects.get()
    assert (job.status, len(job.worker_ids), server.mails) == ("FAILED", 1, [])
    assert "Nobody here has that name" in job.traceback


def test_a_server_that_says_nothing_is_left(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(mailing, "TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        leave_by(settings, f"smtp://127.0.0.1:{silent.getsockname()[1]}")

        with pytest.raises(OSError, match="timed out"):
            send()


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_travels_encrypted(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server = Server()
    leave_by(settings, f"{scheme}://stitch:{ENCODED}@localhost:{server.port}")
    options: dict[str, Any] = (
        {"tls_context": context} if scheme == "smtp" else {"ssl_context": context, "auth_require_tls": False}
    )

    with server.running(**options):
        send()

    assert (server.logins, len(server.mails)) == ([("stitch", PASSWORD, True)], 1)


def test_no_password_is_told_to_a_server_that_cannot_encrypt(settings: Any) -> None:
    server = Server()
    leave_by(settings, f"smtp://stitch:{ENCODED}@127.0.0.1:{server.port}")

    with server.running(auth_require_tls=False), pytest.raises(Exception, match="STARTTLS"):
        send()

    assert (server.logins, server.mails) == ([], [])


def test_nor_to_one_that_cannot_prove_its_name(settings: Any, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    server = Server()
    leave_by(settings, f"smtp://stitch:{ENCODED}@localhost:{server.port}")

    with server.running(tls_context=context), pytest.raises(ssl.SSLCertVerificationError):
        send()

    assert (server.logins, server.mails) == ([], [])


def test_the_command_tells_what_went_wrong_without_the_password(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server = Server()
    leave_by(settings, f"smtp://stitch:wr0ng@localhost:{server.port}")

    with server.running(tls_context=context):
        told = refusal_of("send_test_mail", "you@example.com")

    assert told.startswith("The mail was not sent. SMTPAuthenticationError:")
    assert (server.logins[0], "wr0ng" in told) == (("stitch", "wr0ng", True), False)


def refusal_of(*command: str) -> str:
    """Only its sentence: the exception itself would keep the connection open."""
    try:
        call_command(*command)
    except CommandError as refusal:
        return str(refusal)
    raise AssertionError("It was not refused.")
