"""Typed readers of environment variables: each one refuses nonsense with a sentence that names the variable.

A file of ``NAME=value`` lines (``.env``, or the one that ENV_FILE names) fills in what the environment leaves out. It
is read when this module is imported, so that manage.py, gunicorn and uvicorn all see the same.
``READ`` remembers every variable that was asked for; a test holds it against ``.env.example``.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
READ: dict[str, str] = {}

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")  # names beyond ASCII in their xn-- form, as browsers send them
_RATE = re.compile(r"[1-9]\d{0,5}/[smhd]")
_refused: list[ImproperlyConfigured] | None = None


def parse_file(text: str) -> dict[str, str]:
    """``NAME=value`` lines, quoted or not; nothing is expanded or run. Raises ValueError with the line's number."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise ValueError(f"line {number} is not NAME=value")
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] in "\"'" and value[0] == value[-1]:
        return value[1:-1]
    return re.sub(r"\s+#.*", "", value)  # a remark after the value


def load_file(path: Path) -> None:
    """What the environment says already, wins."""
    try:
        found = parse_file(path.read_text())
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{path.name} cannot be read: {error}") from error
    for name, value in found.items():
        if value and not is_set(name):
            os.environ[name] = value


def is_set(name: str) -> bool:
    """Empty counts as not set."""
    return bool(os.environ.get(name, "").strip())


@contextmanager
def collecting() -> Iterator[list[ImproperlyConfigured]]:
    """Inside it a refused value gives its default and all refusals are gathered; ``doctor`` lists them at once."""
    global _refused
    _refused = []
    try:
        yield _refused
    finally:
        _refused = None


def parsed[T](name: str, default: T, convert: Callable[[str], T], wanted: str) -> T:
    """``convert`` raises ValueError for what it does not understand. Empty counts as not set."""
    READ[name] = wanted
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        return convert(raw)
    except ValueError as error:
        refusal = ImproperlyConfigured(f"{name} must be {wanted}: {error}")
        if _refused is None:
            raise refusal from error
        _refused.append(refusal)
        return default


def refuse(sentence: str) -> None:
    """For values that cannot stand together. The sentence begins with the name of one of them."""
    refusal = ImproperlyConfigured(sentence)
    if _refused is None:
        raise refusal
    _refused.append(refusal)


def text(name: str, default: str = "") -> str:
    return parsed(name, default, str, "text")


def boolean(name: str, default: bool) -> bool:
    def convert(raw: str) -> bool:
        if raw.lower() in _TRUE:
            return True
        if raw.lower() in _FALSE:
            return False
        raise ValueError(f"{raw!r} is neither 1 nor 0")

    return parsed(name, default, convert, "1 or 0")


def integer(name: str, default: int, *, low: int, high: int) -> int:
    def convert(raw: str) -> int:
        number = int(raw)
        if not low <= number <= high:
            raise ValueError(f"{number} is outside {low} to {high}")
        return number

    return parsed(name, default, convert, f"a whole number from {low} to {high}")


def items(name: str, default: list[str] | None = None) -> list[str]:
    def convert(raw: str) -> list[str]:
        return [part.strip() for part in raw.split(",") if part.strip()]

    return parsed(name, default or [], convert, "a comma-separated list")


def origins(name: str) -> list[str]:
    """Origins as browsers send them: lower case, no default port, no path and no slash at the end."""

    def convert(raw: str) -> list[str]:
        return [_origin(part.strip()) for part in raw.split(",") if part.strip()]

    return parsed(name, [], convert, "a comma-separated list of origins such as https://example.com")


def url(name: str, default: str) -> str:
    return parsed(name, default, _origin, "the origin that visitors see, such as https://cms.example.com")


def domain_above(name: str, origin: str) -> str:
    """The host of ``origin``, or a domain above it: what browsers bind a passkey to."""
    host = urlsplit(origin).hostname or ""

    def convert(raw: str) -> str:
        if host != raw and not (host.endswith(f".{raw}") and "." in raw):
            raise ValueError(f"{host!r} is not in {raw!r}")
        return raw

    return parsed(name, host, convert, "the host of PUBLIC_BASE_URL or a domain above it")


def address(name: str, *, schemes: tuple[str, ...]) -> str:
    """The URL of a service. A refusal does not repeat it: a password may stand in it."""

    def convert(raw: str) -> str:
        if urlsplit(raw).scheme not in schemes:
            raise ValueError("it starts otherwise")
        return raw

    return parsed(name, "", convert, f"a URL that starts with {' or '.join(f'{one}://' for one in schemes)}")


def one_of(name: str, default: str, *, among: tuple[str, ...]) -> str:
    def convert(raw: str) -> str:
        if raw not in among:
            raise ValueError(f"{raw!r} is not one of them")
        return raw

    return parsed(name, default, convert, " or ".join(among))


def rate(name: str, default: str) -> str:
    def convert(raw: str) -> str:
        if not _RATE.fullmatch(raw):
            raise ValueError(f"{raw!r} is no such rate")
        return raw

    return parsed(name, default, convert, "a number and s, m, h or d, such as 5/m")


def _origin(raw: str) -> str:
    text = raw.lower().removesuffix("/")
    parts = urlsplit(text)
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(parts.hostname or "") or "@" in parts.netloc:
        raise ValueError(f"{raw!r} is not scheme://host[:port]")
    if text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError(f"{raw!r} has more than scheme://host[:port]")
    is_default = parts.port == _DEFAULT_PORTS[parts.scheme]  # a port out of range raises here
    return text.removesuffix(f":{parts.port}") if is_default else text


def _prepare() -> None:
    READ["ENV_FILE"] = "the name of a file"
    name = os.environ.get("ENV_FILE", ".env")
    path = BASE_DIR / name
    if name and (path.exists() or "ENV_FILE" in os.environ):
        load_file(path)
    if not is_set("WEB_CONCURRENCY"):
        os.environ.pop("WEB_CONCURRENCY", None)  # uvicorn and gunicorn read it, too, and stumble over an empty one


_prepare()
