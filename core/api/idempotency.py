"""Idempotency-Key: a repeated POST gets the first answer again.

The row is written in the transaction of the verb. Two requests with one key at the same time: the second waits on the
unique index until the first has ended, and then finds its answer, or, if the first was refused, does the work itself.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from core.errors import Invalid
from core.models import IdempotentAnswer

KEPT_FOR = timedelta(hours=24)
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "Cache-Control")
_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,255}\Z")

_before_replays: list[Callable[[], None]] = []


def key_of(request: HttpRequest) -> str | None:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not _ACCEPTABLE.match(key):
        raise Invalid.field("Idempotency-Key", "invalid", "1 to 255 visible ASCII characters.")
    return key


def begin(request: HttpRequest, *, caller: UUID, key: str) -> HttpResponse | None:
    """Reserves the key, or returns the answer that was already given. Inside the verb's transaction."""
    now = timezone.now()
    IdempotentAnswer.objects.filter(created_at__lte=now - KEPT_FOR, caller=caller).delete()
    fingerprint = _fingerprint(request)
    try:
        with transaction.atomic():
            IdempotentAnswer.objects.create(caller=caller, key=key, fingerprint=fingerprint, created_at=now)
    except IntegrityError:
        for wait in _before_replays:
            wait()
        return _replay(IdempotentAnswer.objects.get(caller=caller, key=key), fingerprint)
    return None


def before_replays(wait: Callable[[], None]) -> None:
    """``wait`` returns when what the first request did is known everywhere: that one may not have come so far."""
    if wait not in _before_replays:
        _before_replays.append(wait)


def finish(response: HttpResponse, *, caller: UUID, key: str) -> None:
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    IdempotentAnswer.objects.filter(caller=caller, key=key).update(
        status=response.status_code, headers=headers, body=response.content.decode()
    )


def _replay(first: IdempotentAnswer, fingerprint: str) -> HttpResponse:
    if first.fingerprint != fingerprint:
        raise Invalid.field("Idempotency-Key", "reused", "This key was used for another request.")
    response = HttpResponse(first.body, status=first.status)
    for name, value in first.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response


def _fingerprint(request: HttpRequest) -> str:
    digest = hashlib.sha256()
    for part in (request.method or "", request.path, request.META.get("QUERY_STRING", "")):
        digest.update(part.encode() + b"\n")
    digest.update(request.body)
    return digest.hexdigest()
