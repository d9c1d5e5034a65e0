"""Asking the provider over HTTP: bounded in time, in size and in number, and never sent anywhere else.

A request of a visitor holds a database connection while it waits for the provider (``core.asgi``). So only half of a
process's connections may wait at once, and while the provider has just not answered, nobody waits for it at all.
"""

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from threading import BoundedSemaphore
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from core import errors
from core.api import parsing

logger = logging.getLogger("stitch.auth")

SECONDS = 5.0
MAX_BYTES = 1_000_000
REST_SECONDS = 5.0  # for which a provider that did not answer is left alone
CHUNK = 16_384

_slots = BoundedSemaphore(max(1, settings.DATABASE_LANES // 2))
_away_until = 0.0


class ProviderUnavailable(errors.Unavailable):
    """The log says what is wrong with it; whoever wants to log in can only wait or tell the operator."""

    code = "sso_unavailable"
    title = "Single sign-on is not available at the moment"
    meaning = "The identity provider does not answer, or not as it should. Try again later, or log in with a password."

    def __init__(self, reason: str) -> None:
        logger.error("Single sign-on: %s", reason)
        super().__init__(self.meaning, retry_after=int(REST_SECONDS))


def get(url: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an address of the provider's."""
    status, content = _ask("GET", url, headers=headers or {})
    if status != 200:
        raise ProviderUnavailable(f"{url} was answered with {status}.")
    return _object(url, content)


def post(url: str, *, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and JSON object; errors of OAuth2 are objects too."""
    status, content = _ask("POST", url, form=form, headers=headers)
    return status, _object(url, content)


def _ask(
    method: str, url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    if time.monotonic() < _away_until:
        raise ProviderUnavailable("It did not answer a moment ago.")
    if not _slots.acquire(blocking=False):
        raise ProviderUnavailable("Too many wait for the provider already.")
    try:
        return _exchange(method, url, headers, form)
    except (requests.RequestException, HTTPError, TimeoutError, ValueError) as error:
        _leave_alone()
        raise ProviderUnavailable(f"{url} does not answer: {type(error).__name__}.") from error
    finally:
        _slots.release()


def _exchange(method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> tuple[int, bytes]:
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    end = time.monotonic() + SECONDS
    with closing(
        requests.request(method, url, data=form, headers=sent, timeout=SECONDS, allow_redirects=False, stream=True)
    ) as response:
        return response.status_code, _bounded(response, end)


def _bounded(response: requests.Response, end: float) -> bytes:
    """The timeout of ``requests`` is one of silence: an answer that drips is ended here. Nothing is unpacked."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ValueError("the answer is packed, and was asked for as it is")
    found = b""
    while chunk := response.raw.read1(CHUNK, decode_content=False):
        found += chunk
        if len(found) > MAX_BYTES:
            raise ValueError("the answer is too long")
        if time.monotonic() > end:
            raise TimeoutError
    return found


def _object(url: str, content: bytes) -> dict[str, Any]:
    try:
        found = parsing.parse_json(content)
    except errors.Malformed as error:
        raise ProviderUnavailable(f"{url} does not answer with JSON: {error.detail}") from error
    if not isinstance(found, dict):
        raise ProviderUnavailable(f"{url} does not answer with a JSON object.")
    return found


def _leave_alone() -> None:
    global _away_until
    _away_until = time.monotonic() + REST_SECONDS


def forget() -> None:
    """As after a start; for tests."""
    global _away_until
    _away_until = 0.0
