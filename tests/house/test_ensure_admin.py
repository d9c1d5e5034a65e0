"""``manage.py ensure_admin``: the administrator of ADMIN_EMAIL, if there is none."""

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from cms_project import administrator

PASSWORD = "a-phrase-that-nobody-guesses"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def named(settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "Head@Example.com", PASSWORD


def test_it_makes_one_who_may_everything_and_tells_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ensure_admin")

    user = User.objects.get()
    assert (user.email, user.username, user.role(), user.is_active) == ("head@example.com", "Head", "admin", True)
    assert user.check_password(PASSWORD)
    assert PASSWORD not in "".join(capsys.readouterr())


def test_a_second_time_changes_nothing(settings: Settings) -> None:
    call_command("ensure_admin")
    settings.ADMIN_PASSWORD = "another-phrase-that-nobody-guesses"

    call_command("ensure_admin")

    assert User.objects.get().check_password(PASSWORD)


def test_somebody_who_has_the_e_mail_stays_who_they_are(settings: Settings) -> None:
    User.objects.create_user("head@example.com", "someone", "their-own-password")
    settings.ADMIN_PASSWORD = ""

    call_command("ensure_admin")

    assert (User.objects.get().role(), User.objects.get().username) == ("member", "someone")


def test_without_an_e_mail_it_says_when_nobody_can_administer(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.ADMIN_EMAIL = ""

    call_command("ensure_admin")
    alone = capsys.readouterr().err
    User.objects.create_superuser("head@example.com", "head", PASSWORD)
    call_command("ensure_admin")

    assert "ADMIN_EMAIL and ADMIN_PASSWORD" in alone
    assert (capsys.readouterr().err, User.objects.count()) == ("", 1)


@pytest.mark.parametrize(
    ("email", "password", "sentence"),
    [
        ("head@example.com", "", "ADMIN_PASSWORD is not set"),
        ("head@example.com", "short1!", "too short"),
        ("head@example.com", "password1", "too common"),
        ("head@example.com", "head@example.com", "too similar"),
        ("nonsense", PASSWORD, "valid email"),
    ],
)
def test_refusals_say_why_and_leave_nobody_behind(settings: Settings, email: str, password: str, sentence: str) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = email, password

    with pytest.raises(CommandError, match=sentence) as refusal:
        call_command("ensure_admin")

    assert not password or password == email or password not in str(refusal.value)
    assert not User.objects.exists()


def test_a_username_that_is_taken_gets_a_number() -> None:
    User.objects.create_user("other@example.com", "HEAD")

    call_command("ensure_admin")

    assert User.objects.get(email="head@example.com").username == "Head-2"


def test_of_two_machines_at_once_one_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("ensure_admin")

    assert administrator.create(email="head@example.com", password=PASSWORD) is False
    assert User.objects.count() == 1
