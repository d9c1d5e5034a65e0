"""One handler at the edge turns refusals into RFC 9457 problem bodies."""

import logging
import sys
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse

from core import errors, rendering
from core.observability import request_id_var

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
STATUS: dict[type[errors.Refusal], int] = {
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.TooSlow: 408,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Invalid: 422,
    errors.PreconditionRequired: 428,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
}


class Internal(errors.Refusal):
    """What the caller learns of a fault of ours: that there was one, and the request id to ask about."""

    code = "internal_error"
    title = "Something went wrong on our side"


def answer(error: Exception) -> HttpResponse:
    """The problem body for whatever was raised. Unknown exceptions are logged with their trace and shown as a 500."""
    return render(as_refusal(error))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``, for what the admin does not catch. Called while the exception is being handled."""
    error = sys.exc_info()[1]
    return answer(error if isinstance(error, Exception) else Internal())


def as_refusal(error: Exception) -> errors.Refusal:
    match error:
        case errors.Refusal():
            return error
        case ValidationError():
            return errors.Invalid.from_django(error)
        case Http404():
            return errors.NotFound()
        case PermissionDenied():
            return errors.Forbidden()
        case RequestDataTooBig():
            return errors.TooLarge()
        case SuspiciousOperation():
            return errors.Malformed()
        case OperationalError() | InterfaceError():
            logger.error("The database does not answer: %s", error)
            return errors.Unavailable("The database does not answer.", retry_after=2)
        case _:
            logger.error("Unhandled %s", type(error).__name__, exc_info=error)
            return Internal()


def status_of(kind: type[errors.Refusal]) -> int:
    return next((status for base, status in STATUS.items() if issubclass(kind, base)), 500)


def render(refusal: errors.Refusal) -> HttpResponse:
    status = status_of(type(refusal))
    response = HttpResponse(rendering.dumps(body(refusal, status)), status=status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    if isinstance(refusal, errors.Unauthenticated):
        response["WWW-Authenticate"] = refusal.schemes
    if isinstance(refusal, errors.MethodNotAllowed):
        response["Allow"] = ", ".join(refusal.allowed)
    return response


def body(refusal: errors.Refusal, status: int) -> dict[str, Any]:
    return {
        "type": f"/problems/{refusal.code}",
        "title": refusal.title,
        "status": status,
        "detail": refusal.detail,
        "code": refusal.code,
        "errors": [{"field": one.field, "code": one.code, "detail": one.detail} for one in refusal.errors],
        "request_id": request_id_var.get(),
        **refusal.members,
    }


def catalogue() -> dict[str, dict[str, Any]]:
    """Every documented problem: code, title, status. Read from the classes, so that none is forgotten."""
    found: dict[str, dict[str, Any]] = {}
    for kind in _subclasses(errors.Refusal):
        # A class that keeps the code of its base is a case of the same problem; the base comes first.
        fact = {"code": kind.code, "title": kind.title, "status": status_of(kind), "meaning": kind.meaning}
        found.setdefault(kind.code, fact)
    return found


def _subclasses(kind: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)
