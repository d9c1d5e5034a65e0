"""The secret key: from the environment, or, in development alone, made once and kept in an ignored file."""

import hashlib
import hmac
import json
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

MIN_BYTES = 32
_EXAMPLES = ("django-insecure-", "change-me", "changeme", "change_me", "replace-me", "your-secret-key")


def secret_key(from_environment: str, *, debug: bool, kept_in: Path) -> str:
    if from_environment:
        if not debug:
            refuse_weak(from_environment)
        return from_environment
    if not debug:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: `.venv/bin/python manage.py doctor` makes one; DEBUG=1 does without."
        )
    return kept(kept_in, make())


def kept(path: Path, fresh: str) -> str:
    """What the file holds; the first time it is made, for its owner's eyes alone, with ``fresh``."""
    if not path.exists():
        _keep(fresh, path=path)
    return path.read_text().strip()


def _keep(secret: str, *, path: Path) -> None:
    """Of two starts at once one wins, and neither reads half a secret."""
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # readable by its owner alone
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    with suppress(FileExistsError):
        os.link(draft, path)
    os.unlink(draft)


def refuse_weak(key: str) -> None:
    if len(key.encode()) < MIN_BYTES:
        raise ImproperlyConfigured(
            f"SECRET_KEY must have at least {MIN_BYTES} bytes: `.venv/bin/python manage.py doctor` makes one."
        )
    if any(example in key.lower() for example in _EXAMPLES):
        raise ImproperlyConfigured(
            "SECRET_KEY is a known example: `.venv/bin/python manage.py doctor` makes a new one."
        )


def make() -> str:
    return secrets.token_urlsafe(48)


def derived_jwt_keys(secret: str) -> dict[str, str]:
    """The one key there is where JWT_KEYS is not set."""
    return {"default": hmac.new(secret.encode(), b"stitch jwt signing key", hashlib.sha256).hexdigest()}


def jwt_keys(raw: str) -> dict[str, str]:
    """The keys that sign and verify tokens, by their ``kid``; the first one signs.

    ``kid:secret,older-kid:older-secret`` or a JSON object. Raises ValueError, whose text never holds a secret.
    """
    keys = json.loads(raw) if raw.startswith("{") else _pairs(raw)
    if not keys or not all(kid.strip() and isinstance(key, str) for kid, key in keys.items()):
        raise ValueError("every key has an id and a text")
    keys = {kid.strip(): key.strip() for kid, key in keys.items()}
    short = [kid for kid, key in keys.items() if len(key.encode()) < MIN_BYTES]
    if short:
        raise ValueError(f"the key {short[0]!r} has fewer than {MIN_BYTES} bytes")
    return keys


def _pairs(raw: str) -> dict[str, str]:
    pairs = [part.partition(":") for part in raw.split(",")]
    if not all(colon for _, colon, _ in pairs):
        raise ValueError("one of its parts has no colon")
    return {kid: key for kid, _, key in pairs}
