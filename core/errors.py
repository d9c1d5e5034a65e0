"""Refusals: what a verb raises when it will not do a thing.

Each class carries a stable machine-readable ``code`` that is part of the HTTP contract. This module knows nothing of
HTTP; ``core.api.problems`` turns a refusal into a status and an RFC 9457 body. Verbs subclass these beside themselves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong with one field. ``field`` is a dotted path such as ``tags.3``; empty for the whole."""

    field: str
    code: str
    detail: str


class Refusal(Exception):
    code = "refused"
    title = "The request was refused"
    meaning = ""  # for /problems, where there is more to say than its status says
    members: Mapping[str, Any] = {}  # more members of the problem's body, for programs (RFC 9457, 3.2)

    def __init__(self, detail: str = "", *, errors: Iterable[FieldError] = (), retry_after: int | None = None) -> None:
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.retry_after = retry_after
        super().__init__(self.detail)


class Malformed(Refusal):
    """The parser cannot read it: syntax, encoding, depth, duplicate keys, forbidden characters."""

    code = "malformed_request"
    title = "The request cannot be read"


class Unauthenticated(Refusal):
    code = "not_authenticated"
    title = "Authentication is required"
    schemes = "Bearer"  # by which to try again: WWW-Authenticate


class Forbidden(Refusal):
    code = "permission_denied"
    title = "You may not do this"


class NotFound(Refusal):
    code = "not_found"
    title = "Nothing is found here"


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    title = "This method is not allowed here"

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(f"Allowed here: {', '.join(self.allowed)}.")


class Conflict(Refusal):
    """The state of the thing does not allow this step."""

    code = "conflict"
    title = "The present state does not allow this"


class PreconditionFailed(Refusal):
    code = "precondition_failed"
    title = "Somebody else has changed it in the meantime"


class TooLarge(Refusal):
    code = "too_large"
    title = "The request body is too large"


class TooSlow(Refusal):
    code = "request_timeout"
    title = "The request body took too long to arrive"


class UnsupportedMediaType(Refusal):
    code = "unsupported_media_type"
    title = "This media type is not supported"


class Invalid(Refusal):
    """The content is readable and wrong; ``errors`` says which field and why."""

    code = "validation_error"
    title = "The content is invalid"

    @classmethod
    def field(cls, field: str, code: str, detail: str) -> "Invalid":
        return cls(errors=[FieldError(field, code, detail)])

    @classmethod
    def from_django(cls, error: ValidationError) -> "Invalid":
        """Turns what Django's model and form validation raises into ours, field by field."""
        by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
        return cls(
            errors=[
                FieldError("" if name == NON_FIELD_ERRORS else name, one.code or "invalid", " ".join(one.messages))
                for name, several in by_field.items()
                for one in several
            ]
        )


class PreconditionRequired(Refusal):
    code = "precondition_required"
    title = "Say which version you change: send If-Match"


class TooManyRequests(Refusal):
    code = "too_many_requests"
    title = "Too many requests"


class Unavailable(Refusal):
    code = "unavailable"
    title = "A part of the service is away for the moment"
