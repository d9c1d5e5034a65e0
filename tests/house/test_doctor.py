"""``manage.py doctor``: everything at once, each with the line to add."""

import io
import os

import pytest

from cms_project import doctor
from tests.house.commands import KEY, PRODUCTION, manage


def found(monkeypatch: pytest.MonkeyPatch, **variables: str | None) -> dict[str, doctor.Finding]:
    """What it finds in the production environment, changed by ``variables``; None takes one away."""
    for name in [*PRODUCTION, "ADMIN_EMAIL", "ADMIN_PASSWORD", "DEBUG", "RATELIMIT_ENABLE", "WEB_CONCURRENCY"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**PRODUCTION, **variables}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return {one.name: one for one in doctor.examine()}


def test_a_sound_production_has_no_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch) == {}


CASES: list[tuple[dict[str, str | None], str, str, str]] = [
    ({"SECRET_KEY": None}, "SECRET_KEY", "error", "is not set."),
    ({"SECRET_KEY": "short"}, "SECRET_KEY", "error", "must have at least 32 bytes."),
    ({"SECRET_KEY": "django-insecure-" + KEY}, "SECRET_KEY", "error", "is a known example."),
    ({"SECRET_KEY": "x" * 64}, "SECRET_KEY", "warning", "is short of 50 varied characters."),
    ({"DEBUG": "1"}, "DEBUG", "error", "is on, and https://cms.example.com is public"),
    ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS", "error", "is not set"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS", "error", "is *"),
    ({"ALLOWED_HOSTS": "other.example.com"}, "ALLOWED_HOSTS", "error", "leaves out cms.example.com"),
    ({"PUBLIC_BASE_URL": None}, "PUBLIC_BASE_URL", "error", "is not set"),
    ({"PUBLIC_BASE_URL": "http://cms.example.com"}, "PUBLIC_BASE_URL", "warning", "is not https"),
    ({"TRUSTED_PROXY_COUNT": None}, "TRUSTED_PROXY_COUNT", "warning", "is 0"),
    ({"DATABASE_URL": None}, "DATABASE_URL", "warning", "is SQLite"),
    ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL", "error", "must be sqlite:///file or postgresql://"),
    ({"REDIS_URL": None}, "REDIS_URL", "info", "is not set"),
    ({"ALLOWED_ORIGINS": None}, "ALLOWED_ORIGINS", "info", "is empty"),
    ({"ALLOWED_ORIGINS": "example.com"}, "ALLOWED_ORIGINS", "error", "must be a comma-separated list of origins"),
    ({"ADMIN_EMAIL": "a@example.com"}, "ADMIN_PASSWORD", "warning", "is not set, while ADMIN_EMAIL is"),
    ({"ADMIN_PASSWORD": "a-very-good-one"}, "ADMIN_EMAIL", "warning", "is not set, while ADMIN_PASSWORD is"),
    ({"ADMIN_EMAIL": "a@example.com", "ADMIN_PASSWORD": "Password1"}, "ADMIN_PASSWORD", "error", "is short or well"),
    ({"JWT_KEYS": "a:short"}, "JWT_KEYS", "error", "must be kid:secret"),
    ({"JWT_KEYS": f"a:{KEY},b:{'x' * 40}"}, "JWT_KEYS", "warning", "has a secret of few different characters (b)"),
    ({"PASSWORD_PEPPER": "a:short"}, "PASSWORD_PEPPER", "error", "must be id:secret"),
    ({"EMAIL_URL": None}, "EMAIL_URL", "warning", "is not set: no mail leaves"),
    ({"EMAIL_URL": "console:"}, "EMAIL_URL", "warning", "is console: the log gets"),
    ({"EMAIL_URL": "http://mail"}, "EMAIL_URL", "error", "must be console:, file:///folder, smtp://"),
    ({"DEFAULT_FROM_EMAIL": "cms@localhost"}, "DEFAULT_FROM_EMAIL", "warning", "is cms@localhost: other mail"),
    ({"DEFAULT_FROM_EMAIL": "nobody"}, "DEFAULT_FROM_EMAIL", "error", "must be an address"),
    ({"BACKGROUND": "0"}, "BACKGROUND", "info", "is 0: mail and other jobs wait"),
    ({"PUBLIC_CDN_SECONDS": "86400"}, "CDN_PURGE_URL", "warning", "is not set, and a CDN may show for 86700 seconds"),
    ({"CDN_PURGE_URL": "akamai://x"}, "CDN_PURGE_URL", "error", "must be fastly://service-id, cloudflare://zone-id"),
    ({"CDN_PURGE_URL": "fastly://service1"}, "CDN_PURGE_URL", "error", "is set and CDN_PURGE_TOKEN is not"),
    ({"CDN_PURGE_TOKEN": "secret"}, "CDN_PURGE_TOKEN", "error", "is set and CDN_PURGE_URL is not"),
    ({"RATELIMIT_ENABLE": "0"}, "RATELIMIT_ENABLE", "error", "is off"),
    ({"LOCKOUT_ENABLE": "0"}, "LOCKOUT_ENABLE", "warning", "is off"),
    ({"ALOWED_HOSTS": "x"}, "ALOWED_HOSTS", "warning", "is not read by anything here; ALLOWED_HOSTS is."),
    ({"JWT_KEY": "x"}, "JWT_KEY", "warning", "is not read by anything here; JWT_KEYS is."),
]


@pytest.mark.parametrize(("change", "name", "level", "text"), CASES)
def test_each_finding(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None], name: str, level: str, text: str
) -> None:
    one = found(monkeypatch, **change)

    assert list(one) == [name]
    assert (one[name].level, one[name].text[: len(text)]) == (level, text)


@pytest.mark.parametrize("hosts", ["cms.example.com", "a.example.org,cms.example.com", ".example.com"])
def test_hosts_that_cover_the_public_address(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    assert found(monkeypatch, ALLOWED_HOSTS=hosts) == {}


def test_one_worker_may_use_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, DATABASE_URL=None, WEB_CONCURRENCY="1") == {}


def test_development_at_home_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, **dict.fromkeys(PRODUCTION), DEBUG="1") == {}


def test_the_line_it_gives_for_a_key_satisfies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = found(monkeypatch, SECRET_KEY=None)["SECRET_KEY"].line

    assert found(monkeypatch, SECRET_KEY=line.removeprefix("SECRET_KEY=")) == {}


def test_the_names_of_other_programs_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATH", "HOST", "HOSTNAME", "LOGNAME", "DISPLAY", "PAGER", "POSTGRES_PASSWORD", "REPORT", "ENV"):
        monkeypatch.setenv(name, "x")

    assert found(monkeypatch) == {}


def test_the_worst_comes_first_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, REDIS_URL=None, ALLOWED_HOSTS="*", TRUSTED_PROXY_COUNT=None)
    out = io.StringIO()

    code = doctor.main(out)

    assert code == 1
    assert [line.split()[:2] for line in out.getvalue().splitlines() if line[:1] not in (" ", "")] == [
        ["error", "ALLOWED_HOSTS"],
        ["warning", "TRUSTED_PROXY_COUNT"],
        ["info", "REDIS_URL"],
        ["1", "to"],
    ]


def test_it_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, SECRET_KEY=None)
    before = dict(os.environ)

    doctor.examine()

    assert dict(os.environ) == before


def test_it_runs_where_the_settings_refuse_to_load_and_shows_everything_at_once() -> None:
    answer = manage("doctor", PORT="many", ALLOWED_ORIGINS="nonsense", JWT_KEYS="a:hush-hush")

    assert (answer.returncode, answer.stderr) == (1, "")
    assert {"PORT", "ALLOWED_ORIGINS", "JWT_KEYS", "SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_BASE_URL"} <= {
        line.split()[1] for line in answer.stdout.splitlines() if line.startswith("error")
    }
    assert "hush" not in answer.stdout


def test_where_nothing_is_wrong_it_says_so() -> None:
    answer = manage("doctor", **PRODUCTION)

    assert (answer.returncode, answer.stdout) == (0, "Nothing is missing and nothing is weak.\n")
