"""EMAIL_URL and DEFAULT_FROM_EMAIL: how mail leaves, and in whose name. A refusal never repeats a password."""

from email.utils import formataddr, parseaddr
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

FORMS = "console:, file:///folder, smtp://[user:password@]host[:port] or smtps://user:password@host"
TIMEOUT_SECONDS = 10
CONSOLE: dict[str, Any] = {"BACKEND": "core.mailers.Console"}
# Where nobody has said how mail leaves, it stays: what is queued is tried again, and kept. The console would be a log
# of links that set passwords.
UNSET: dict[str, Any] = {"BACKEND": "core.mailers.Unset"}

_is_address = EmailValidator(allowlist=["localhost"])
_TLS = ("starttls", "off")


def from_url(raw: str) -> dict[str, Any]:
    """An entry of MAILERS. Raises ValueError for anything else."""
    parts = urlsplit(raw)
    if parts.scheme == "console":
        return CONSOLE
    if parts.scheme == "file":
        return _folder(parts)
    if parts.scheme in ("smtp", "smtps"):
        return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": _smtp(parts)}
    raise ValueError("it starts otherwise")


def _folder(parts: SplitResult) -> dict[str, Any]:
    if parts.netloc or len(parts.path) < 2:
        raise ValueError("a folder has three slashes and its whole path")
    return {"BACKEND": "core.mailers.Folder", "OPTIONS": {"path": unquote(parts.path)}}


def _smtp(parts: SplitResult) -> dict[str, Any]:
    """A password never travels in the clear unless ``?tls=off`` says so."""
    host, user, password = (unquote(one or "") for one in (parts.hostname, parts.username, parts.password))
    if not host or parts.path not in ("", "/") or parts.fragment:
        raise ValueError("it names a host and nothing behind it; a password's special characters are percent-encoded")
    if bool(user) != bool(password):
        raise ValueError("user and password go together")
    is_wrapped = parts.scheme == "smtps"
    uses_starttls = not is_wrapped and _wants_starttls(parts, otherwise=bool(user))
    return {
        "host": host,
        "port": _port(parts) or (465 if is_wrapped else 587 if uses_starttls else 25),
        "username": user or None,
        "password": password or None,
        "use_ssl": is_wrapped,
        "use_tls": uses_starttls,
        "timeout": TIMEOUT_SECONDS,
    }


def _wants_starttls(parts: SplitResult, *, otherwise: bool) -> bool:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    said = query.pop("tls", "")
    if query or said not in ("", *_TLS):
        raise ValueError("behind the ? stands tls=starttls or tls=off")
    return said == "starttls" if said else otherwise


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        # Python's own sentence would quote what may be half of a password.
        raise ValueError("its port is no number; a password with special characters is percent-encoded") from None


def sender(raw: str) -> str:
    """``address@host`` or ``Name <address@host>``. Raises ValueError for anything else."""
    name, address = parseaddr(raw)
    try:
        _is_address(address)
    except ValidationError:
        raise ValueError(f"{raw!r} holds no address") from None
    if not raw.isprintable():
        raise ValueError("it has control characters")
    return formataddr((name, address)) if name else address


def host_of(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2].lower()
