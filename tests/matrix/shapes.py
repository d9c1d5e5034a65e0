"""A row of the matrix, and the patterns that many rows share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.matrix.callers import World

Maker = Callable[[World], Any]
Statuses = tuple[int, ...]  # one for each of callers.KINDS


class Form(dict[str, Any]):
    """What ``Api.request`` takes for a form in the place of a JSON body."""

    def __init__(self, **fields: str) -> None:
        super().__init__(raw=urlencode(fields).encode(), content_type="application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Row:
    statuses: Statuses
    path: Callable[[World], str]
    body: Maker = lambda world: None
    settings: dict[str, Any] = field(default_factory=dict)


def at(path: str) -> Callable[[World], str]:
    return lambda world: path


def sent(**body: Any) -> Maker:
    return lambda world: body


# In the order of callers.KINDS: nobody member owner author approver admin deactivated key narrow


def for_all(status: int) -> Statuses:
    """The view looks at no Authorization header."""
    return (status,) * 9


def public(status: int) -> Statuses:
    """For everybody, but a token or key that is not good is told so."""
    return (status, status, status, status, status, status, 401, status, status)


def with_token(status: int) -> Statuses:
    """Whoever is logged in, about themselves; no machine."""
    return (401, status, status, status, status, status, 401, 403, 403)


def administrators(status: int) -> Statuses:
    return (401, 403, 403, 403, 403, status, 401, status, 403)
