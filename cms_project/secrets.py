"""Secrets from the environment; the secret key, in development alone, made once and kept in an ignored file."""

import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from accounts import signing

MIN_BYTES = 32
NO_PEPPER = "none"
_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
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

    ``kid:key,older-kid:older-key`` or a JSON object; how a key is written says ``accounts.signing``. Raises ValueError,
    whose text never holds a secret.
    """
    keys = with_ids(raw)
    read = [_signing_key(text, number) for number, text in enumerate(keys.values(), start=1)]
    if read[0].signs_with is None:
        raise ValueError("key 1 signs, so it cannot be a public one")
    return keys


def _signing_key(text: str, number: int) -> signing.SigningKey:
    """Told by its number: where a comma is in the wrong place, half a secret stands where the id belongs."""
    try:
        key = signing.read(text)
    except ValueError as error:
        raise ValueError(f"key {number} {error}") from None
    if key.algorithm == "HS256" and any(example in text.lower() for example in _EXAMPLES):
        raise ValueError(f"key {number} is a known example")
    return key


def symmetric_keys(raw: str) -> dict[str, str]:
    """Secrets by their ids, the newest first, written as ``jwt_keys`` are. Raises ValueError without repeating one."""
    keys = with_ids(raw)
    for number, key in enumerate(keys.values(), start=1):
        _refuse_weak_key(key, number)
    return keys


def peppers(raw: str) -> dict[str, str]:
    """As ``symmetric_keys``, less the JSON. ``none`` as the first entry, without a secret: new hashes get no pepper."""
    first, comma, others = raw.partition(",")
    if first.strip() != NO_PEPPER:
        return symmetric_keys(raw)
    return {NO_PEPPER: "", **(symmetric_keys(others) if comma else {})}


def _refuse_weak_key(key: str, number: int) -> None:
    if len(key.encode()) < MIN_BYTES:
        raise ValueError(f"key {number} has fewer than {MIN_BYTES} bytes")
    if any(example in key.lower() for example in _EXAMPLES):
        raise ValueError(f"key {number} is a known example")


def with_ids(raw: str) -> dict[str, str]:
    """``id:text`` pairs or a JSON object, in their order, no id twice."""
    pairs = json.loads(raw, object_pairs_hook=list) if raw.startswith("{") else _pairs(raw)
    if not pairs or not all(isinstance(text, str) for _, text in pairs):
        raise ValueError("every key has an id and a text")
    keys = {kid.strip(): text.strip() for kid, text in pairs}
    if not all(_ID.fullmatch(kid) for kid in keys):
        raise ValueError("an id has 1 to 32 letters, digits, dots, hyphens or underscores")
    if len(keys) != len(pairs):
        raise ValueError("an id stands twice")
    return keys


def _pairs(raw: str) -> list[tuple[str, str]]:
    pairs = [part.partition(":") for part in raw.split(",")]
    if not all(colon for _, colon, _ in pairs):
        raise ValueError("one of its parts has no colon")
    return [(kid, text) for kid, _, text in pairs]
