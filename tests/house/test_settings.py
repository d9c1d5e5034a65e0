"""The settings as they come out of an environment; each case in a process of its own, since settings load once."""

import json
from typing import Any

import pytest

from tests.house.commands import KEY, PRODUCTION, ROOT, manage, python

NAMES = (
    "DEBUG",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SESSION_COOKIE_SECURE",
    "CSRF_COOKIE_SECURE",
    "CSRF_TRUSTED_ORIGINS",
    "SECURE_PROXY_SSL_HEADER",
    "CORS_ALLOWED_ORIGINS",
    "PUBLIC_BASE_URL",
)
ASK = (
    f"import json\nfrom django.conf import settings\nprint(json.dumps({{n: getattr(settings, n) for n in {NAMES!r}}}))"
)


def settings(**variables: str) -> dict[str, Any]:
    answer = python("-c", ASK, DJANGO_SETTINGS_MODULE="cms_project.settings", **variables)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_debug_is_off_unless_asked_for() -> None:
    assert settings(SECRET_KEY=KEY)["DEBUG"] is False
    assert settings(SECRET_KEY=KEY, DEBUG="1")["DEBUG"] is True


def test_https_everywhere_follows_the_public_address() -> None:
    plain = settings(SECRET_KEY=KEY, PUBLIC_BASE_URL="http://cms.example.com")
    secure = settings(**PRODUCTION)

    assert [plain[name] for name in NAMES[1:5]] == [False, 0, False, False]
    assert [secure[name] for name in NAMES[1:5]] == [True, 31_536_000, True, True]
    assert secure["CSRF_TRUSTED_ORIGINS"] == ["https://cms.example.com"]


def test_a_proxy_is_believed_about_https_only_when_one_is_counted() -> None:
    assert settings(**PRODUCTION)["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert settings(**{**PRODUCTION, "TRUSTED_PROXY_COUNT": "0"})["SECURE_PROXY_SSL_HEADER"] is None


def test_the_public_address_has_the_port_that_was_chosen() -> None:
    assert settings(SECRET_KEY=KEY, PORT="8123")["PUBLIC_BASE_URL"] == "http://localhost:8123"


REFUSED = [
    ({}, "SECRET_KEY is not set"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY must have at least 32 bytes"),
    ({"SECRET_KEY": KEY, "DEBUG": "perhaps"}, "DEBUG must be 1 or 0"),
    ({"SECRET_KEY": KEY, "DATABASE_URL": "mysql://x"}, "DATABASE_URL must be"),
    ({"SECRET_KEY": KEY, "REDIS_URL": "localhost:6379"}, "REDIS_URL must be a URL that starts with redis://"),
    ({"SECRET_KEY": KEY, "ALLOWED_ORIGINS": "*"}, "ALLOWED_ORIGINS must be"),
    ({"SECRET_KEY": KEY, "JWT_KEYS": "a:short"}, "JWT_KEYS must be"),
    ({"SECRET_KEY": KEY, "AUTH_RATE": "often"}, "AUTH_RATE must be"),
    ({"SECRET_KEY": KEY, "TRUSTED_PROXY_COUNT": "-1"}, "TRUSTED_PROXY_COUNT must be"),
]


@pytest.mark.parametrize(("variables", "sentence"), REFUSED)
def test_a_refused_start_is_one_sentence_and_no_trace(variables: dict[str, str], sentence: str) -> None:
    answer = manage("migrate", **variables)

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith(f"Stitch does not start: {sentence}")
    assert len(answer.stderr.splitlines()) == 1


def test_gunicorn_refuses_with_the_same_sentence() -> None:
    answer = python("-m", "gunicorn", "-c", "gunicorn.conf.py", "cms_project.asgi:application", SECRET_KEY="short")

    assert answer.returncode == 1
    assert answer.stderr.splitlines() == [
        "Stitch does not start: SECRET_KEY must have at least 32 bytes: `.venv/bin/python manage.py doctor` makes one."
    ]


def test_what_starts_django_otherwise_is_not_left_out() -> None:
    """Every door to the settings goes through the sentence: manage.py, gunicorn, `make run` and `make serve`."""
    doors = ("manage.py", "gunicorn.conf.py", "scripts/start.py")

    assert [door for door in doors if "starting.load_settings()" not in (ROOT / door).read_text()] == []
