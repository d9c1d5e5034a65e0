"""Reading what came from outside, strictly: a JSON body and a query string.

Python's parser takes duplicate keys (the last wins), NaN, any depth until the stack ends, NUL and lone surrogates;
PostgreSQL refuses the last two with an error of its own. All of it ends here, with a 400 that says why.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest

from core import errors
from core.errors import FieldError, Invalid, Malformed

MAX_DEPTH = 64
MAX_PARAMETERS = 50
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


def json_body(request: HttpRequest) -> Any:
    """The parsed body of a request. Raises ``UnsupportedMediaType`` (415) or ``Malformed`` (400)."""
    charset = request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        raise errors.UnsupportedMediaType("Send application/json in UTF-8.")
    return parse_json(request.body)


def parse_json(raw: bytes) -> Any:
    """Strict JSON: UTF-8, depth at most 64, unique keys, finite numbers, no NUL, no lone surrogates."""
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8 (byte {error.start}).") from error
    except RecursionError as error:
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"Not JSON: {error.msg} (line {error.lineno}, column {error.colno}).") from error
    _check_depth_and_text(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed(f"The key {twice[:80]!a} stands twice in one object.")
    return found


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Malformed("A number is out of range.")
    return number


def _integer(digits: str) -> int:
    if len(digits) > 19:
        raise Malformed("A number is out of range.")
    return int(digits)


def _check_depth_and_text(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH and any(isinstance(item, dict | list) for item in level):
            raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                check_text(item)
            elif isinstance(item, dict):
                below += item.keys()
                below += item.values()
            elif isinstance(item, list):
                below += item
        level = below


def check_text(text: str) -> None:
    if "\x00" in text:
        raise Malformed("Text may not contain NUL characters.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Malformed("Text may not contain lone surrogates.") from error


def query(request: HttpRequest, allowed: Iterable[str]) -> dict[str, str]:
    """The query parameters, each at most once and each one known; otherwise ``Invalid`` (422) names the culprit.

    A misspelt filter would else be ignored, and the caller would take the whole list for the filtered one.
    """
    try:
        pairs = parse_qsl(
            request.META.get("QUERY_STRING", ""), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise Malformed("The query string is not UTF-8.") from error
    except ValueError as error:
        raise Malformed(f"More than {MAX_PARAMETERS} query parameters.") from error
    for name, value in pairs:
        check_text(name)
        check_text(value)
    known = set(allowed)
    wrong = [FieldError(n, "unknown_parameter", _known_names(known)) for n, _ in pairs if n not in known]
    names = [name for name, _ in pairs]
    wrong += [FieldError(n, "duplicate", "Send it once.") for n in sorted(set(names)) if names.count(n) > 1]
    if wrong:
        raise Invalid("The query string is invalid.", errors=wrong)
    return dict(pairs)


def _known_names(known: set[str]) -> str:
    return f"There is no such parameter here. Known: {', '.join(sorted(known)) or 'none'}."


def whole_number(params: dict[str, str], name: str, *, default: int, low: int, high: int) -> int:
    text = params.get(name, "")
    if name not in params:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise Invalid.field(name, "out_of_range", f"A whole number from {low} to {high}.")
    return int(text)


def flag(params: dict[str, str], name: str) -> bool:
    if params.get(name, "false") not in ("true", "false"):
        raise Invalid.field(name, "invalid", "true or false.")
    return params.get(name) == "true"


def moment(text: str) -> datetime | None:
    """RFC 3339 with its zone, in UTC; None where it is something else, or lies before year 1 or after 9999."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _MOMENT.match(text) else None
    except (ValueError, OverflowError):
        return None


def moment_of(params: dict[str, str], name: str) -> datetime | None:
    found = moment(params[name]) if name in params else None
    if name in params and found is None:
        raise Invalid.field(name, "invalid", "A moment with its zone, such as 2026-03-01T09:30:00Z (a + as %2B).")
    return found


def choice(params: dict[str, str], name: str, *, among: Iterable[str], default: str) -> str:
    allowed = tuple(among)
    value = params.get(name, default)
    if value not in allowed:
        raise Invalid.field(name, "invalid_choice", f"One of: {', '.join(allowed)}.")
    return value


def names(params: dict[str, str], name: str, *, among: Iterable[str]) -> list[str] | None:
    """A comma-separated pick of known names, in the order of ``among``; None where the parameter is absent."""
    if name not in params:
        return None
    allowed = list(among)
    wanted = params[name].split(",")
    unknown = [one for one in wanted if one not in allowed]
    if unknown:
        raise Invalid.field(name, "unknown_field", f"Unknown: {unknown[0][:80]!a}. Known: {', '.join(allowed)}.")
    return [one for one in allowed if one in wanted]
