"""``manage.py doctor``: every missing or weak setting at once, each with the line to add.

It reads the environment itself, so that it works while the settings refuse to load; ``manage.py`` calls it before
Django comes up, and ``cms_project.checks`` repeats its findings in ``check --deploy``.
"""

import difflib
import os
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO
from unittest.mock import patch
from urllib.parse import urlsplit

import django
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from accounts import signing
from cms_project import env, mailing, secrets, starting

Level = Literal["error", "warning", "info"]
SETTINGS = Path(__file__).with_name("settings.py")
LOCAL = ("localhost", "127.0.0.1", "::1")
COLOURS = {"error": "31", "warning": "33", "info": "36"}
HOUR = 3600
GOOD_LENGTH, GOOD_VARIETY = 50, 8  # of characters; the first is what Django's own deployment check asks for


@dataclass(frozen=True)
class Finding:
    """``name`` is the variable's, ``line`` what to put into the environment or into .env."""

    level: Level
    name: str
    text: str
    line: str = ""


def main(out: TextIO = sys.stdout) -> int:
    """The exit code: 1 where something keeps Stitch from a safe start."""
    found = examine()
    if not any(one.level == "error" for one in found):
        found += [*shut_out(), *unpurged()]
    show(found, out)
    return 1 if any(one.level == "error" for one in found) else 0


def examine() -> list[Finding]:
    """What is wrong with the present environment, the worst first."""
    with env.collecting() as refused:
        settings = _evaluated()
    found = [_unreadable(one) for one in refused]
    found += [*_secret_key(settings), *_typos()]
    if not settings["DEBUG"]:
        found += [*_address(settings), *_capacity(settings), *_access(settings), *_mail(settings)]
        found += [*_jwt_keys(settings), *_cdn(settings)]
    elif not _is_local(settings["PUBLIC_BASE_URL"]):
        text = f"is on, and {settings['PUBLIC_BASE_URL']} is public: errors would show the inside to everybody."
        found.append(Finding("error", "DEBUG", text, "DEBUG=0"))
    return sorted(_without_doubles(found), key=lambda one: ("error", "warning", "info").index(one.level))


def shut_out() -> list[Finding]:
    """Who cannot log in because of a setting. Needs the database, and says nothing where it cannot be asked."""
    if not _comes_up():
        return []
    from accounts import hashers
    from accounts.models import User

    try:
        count = User.objects.filter(hashers.unreadable()).count()
    except DatabaseError:
        return []
    text = f"lacks the pepper of {count} user{'s'[: count != 1]}, who cannot log in before it is back."
    return [Finding("error", "PASSWORD_PEPPER", text, "PASSWORD_PEPPER=…,<id>:<the missing secret>")] if count else []


def unpurged() -> list[Finding]:
    """Which CDN does not hear of changes. Needs the database, and says nothing where it cannot be asked."""
    if not _comes_up():
        return []
    from core import clock
    from delivery import purging

    try:
        stands = purging.standings()
    except DatabaseError:
        return []
    return [
        Finding("warning", "CDN_PURGE_URL", f"has failed since {clock.iso(since)}: {one.target}: {one.error}.")
        for one in stands
        if (since := one.failing_since) is not None
    ]


def _comes_up() -> bool:
    """Django, for questions to the database. To ask SQLite would make its file, so that has to be there."""
    starting.load_settings()
    from django.conf import settings

    name = settings.DATABASES["default"]["NAME"]
    if isinstance(name, Path) and not name.exists():
        return False
    django.setup()
    return True


def _evaluated() -> dict[str, Any]:
    """settings.py as it would come out; a key that it would refuse is replaced, and judged by ``_secret_key``."""
    with patch.dict(os.environ, {"SECRET_KEY": secrets.make()}):
        return runpy.run_path(str(SETTINGS))


def _unreadable(refusal: ImproperlyConfigured) -> Finding:
    name, _, text = str(refusal).partition(" ")
    return Finding("error", name, f"{text}.")


def _secret_key(settings: dict[str, Any]) -> Iterator[Finding]:
    key = os.environ.get("SECRET_KEY", "").strip()
    line = f"SECRET_KEY={secrets.make()}"
    if settings["DEBUG"]:
        return
    try:
        secrets.secret_key(key, debug=False, kept_in=env.BASE_DIR / ".secret_key")
    except ImproperlyConfigured as refusal:
        yield Finding("error", "SECRET_KEY", str(refusal).removeprefix("SECRET_KEY ").split(":")[0] + ".", line)
        return
    if len(key) < GOOD_LENGTH or len(set(key)) < GOOD_VARIETY:
        yield Finding("warning", "SECRET_KEY", f"is short of {GOOD_LENGTH} varied characters.", line)


def _typos() -> Iterator[Finding]:
    for name in sorted(set(os.environ) - set(env.READ)):
        near = difflib.get_close_matches(name, env.READ, n=1, cutoff=0.85)
        if near:
            yield Finding("warning", name, f"is not read by anything here; {near[0]} is.", f"{near[0]}=…")


def _address(settings: dict[str, Any]) -> Iterator[Finding]:
    base, host = settings["PUBLIC_BASE_URL"], urlsplit(settings["PUBLIC_BASE_URL"]).hostname or ""
    if not env.is_set("PUBLIC_BASE_URL"):
        text = "is not set: links, the issuer of tokens, HTTPS and secure cookies all follow it."
        yield Finding("error", "PUBLIC_BASE_URL", text, "PUBLIC_BASE_URL=https://cms.example.com")
    elif not settings["IS_HTTPS"] and not _is_local(base):
        text = "is not https: passwords and tokens travel in the clear."
        yield Finding("warning", "PUBLIC_BASE_URL", text, f"PUBLIC_BASE_URL=https://{host}")
    yield from _hosts(settings["ALLOWED_HOSTS"], host if env.is_set("PUBLIC_BASE_URL") else "cms.example.com")
    if settings["IS_HTTPS"] and settings["TRUSTED_PROXY_COUNT"] == 0:
        text = "is 0, yet something must stand in front and end TLS: every visitor would have its address."
        yield Finding("warning", "TRUSTED_PROXY_COUNT", text, "TRUSTED_PROXY_COUNT=1")


def _hosts(allowed: list[str], host: str) -> Iterator[Finding]:
    line = f"ALLOWED_HOSTS={host}"
    if not env.is_set("ALLOWED_HOSTS"):
        yield Finding("error", "ALLOWED_HOSTS", "is not set: only this machine itself would be answered.", line)
    elif "*" in allowed:
        yield Finding("error", "ALLOWED_HOSTS", "is *: anybody's name for this server would be believed.", line)
    elif not any(host == one or (one.startswith(".") and f".{host}".endswith(one)) for one in allowed):
        text = f"leaves out {host}, the host of PUBLIC_BASE_URL."
        yield Finding("error", "ALLOWED_HOSTS", text, f"ALLOWED_HOSTS={','.join([host, *allowed])}")


def _capacity(settings: dict[str, Any]) -> Iterator[Finding]:
    is_sqlite = settings["DATABASES"]["default"]["ENGINE"].endswith("sqlite3")
    if is_sqlite and settings["WEB_CONCURRENCY"] > 1:
        text = f"is SQLite, which lets one of {settings['WEB_CONCURRENCY']} workers write at a time, on one machine."
        yield Finding(
            "warning", "DATABASE_URL", text, "DATABASE_URL=postgresql://stitch:password@db.example.com:5432/stitch"
        )
    if not settings["REDIS_URL"]:
        text = "is not set: the database counts attempts, and each worker caches for itself."
        yield Finding("info", "REDIS_URL", text, "REDIS_URL=redis://redis.example.com:6379/0")


def _cdn(settings: dict[str, Any]) -> Iterator[Finding]:
    seconds = settings["PUBLIC_MAX_AGE"] + settings["PUBLIC_STALE_WHILE_REVALIDATE"]
    if seconds > HOUR and not settings["CDN_PURGE"]:
        text = f"is not set, and a CDN may show for {seconds} seconds what has changed."
        yield Finding("warning", "CDN_PURGE_URL", text, "CDN_PURGE_URL=fastly://service-id, or as docs/cdn.md says")


def _access(settings: dict[str, Any]) -> Iterator[Finding]:
    if not settings["RATELIMIT_ENABLE"]:
        yield Finding(
            "error", "RATELIMIT_ENABLE", "is off: passwords can be guessed without end.", "RATELIMIT_ENABLE=1"
        )
    if not settings["LOCKOUT_ENABLE"]:
        yield Finding("warning", "LOCKOUT_ENABLE", "is off: failed logins make nobody wait.", "LOCKOUT_ENABLE=1")
    if not settings["ALLOWED_ORIGINS"]:
        text = "is empty: browsers of other sites cannot call the API; server-side load() functions can."
        yield Finding("info", "ALLOWED_ORIGINS", text, "ALLOWED_ORIGINS=https://www.example.com")
    if settings["ADMIN_PASSWORD"] and not _is_strong(settings["ADMIN_PASSWORD"]):
        text = "is short or well known: the first start refuses it."
        yield Finding("error", "ADMIN_PASSWORD", text, f"ADMIN_PASSWORD={secrets.make()[:20]}")
    for name, other in (("ADMIN_EMAIL", "ADMIN_PASSWORD"), ("ADMIN_PASSWORD", "ADMIN_EMAIL")):
        if settings[name] and not settings[other]:
            text = f"is not set, while {name} is: the first start needs both to create the administrator."
            yield Finding("warning", other, text, f"{other}=…")


def _mail(settings: dict[str, Any]) -> Iterator[Finding]:
    line = "EMAIL_URL=smtp://stitch:password@mail.example.com:587"
    mailer, sender = settings["MAILERS"]["default"], settings["DEFAULT_FROM_EMAIL"]
    if mailer == mailing.UNSET:
        text = "is not set: no mail leaves; what is to be mailed waits, and is kept."
        yield Finding("warning", "EMAIL_URL", text, line)
    elif mailer == mailing.CONSOLE:
        text = "is console: the log gets every mail, and with it links that set passwords."
        yield Finding("warning", "EMAIL_URL", text, line)
    elif mailing.host_of(sender) in LOCAL and env.is_set("PUBLIC_BASE_URL"):  # whose host it has unless it says more
        text = f"is {sender}: other mail servers refuse such a sender."
        yield Finding("warning", "DEFAULT_FROM_EMAIL", text, "DEFAULT_FROM_EMAIL=cms@example.com")
    if not settings["BACKGROUND"]:
        text = "is 0: mail and other jobs wait until a `manage.py work` runs."
        yield Finding("info", "BACKGROUND", text, "BACKGROUND=1")


def _jwt_keys(settings: dict[str, Any]) -> Iterator[Finding]:
    keys = {kid: signing.read(text) for kid, text in settings["JWT_KEYS"].items()}
    poor = [kid for kid, key in keys.items() if key.algorithm == "HS256" and len(set(key.signs_with)) < GOOD_VARIETY]
    if poor:
        text = f"has a secret of few different characters ({poor[0]}): `manage.py rotate_jwt_key` makes a good one."
        yield Finding("warning", "JWT_KEYS", text)


def _is_strong(password: str) -> bool:
    return len(password) >= 8 and password.lower().strip() not in CommonPasswordValidator().passwords


def _is_local(base: str) -> bool:
    return (urlsplit(base).hostname or "") in LOCAL


def _without_doubles(found: list[Finding]) -> list[Finding]:
    """A value that cannot be read counts as not set; that it cannot be read says more."""
    return list({one.name: one for one in reversed(found)}.values())[::-1]


def show(found: list[Finding], out: TextIO) -> None:
    count = {level: sum(one.level == level for one in found) for level in COLOURS}
    if not found:
        print("Nothing is missing and nothing is weak.", file=out)
    for one in found:
        label = f"{one.level:<8}"
        if out.isatty():
            label = f"\033[{COLOURS[one.level]}m{label}\033[0m"
        print(f"{label} {one.name} {one.text}", file=out)
        if one.line:
            print(f"         add: {one.line}", file=out)
    if found:
        print(f"\n{count['error']} to repair, {count['warning']} to consider, {count['info']} to know.", file=out)
