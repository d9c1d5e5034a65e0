"""Every route × method × kind of caller has an expected status; a route that has no row here is a failure.

The routes are read from the URL map. What a route does not know is 405 for everybody, without a row.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import get_resolver

from tests.matrix.callers import KINDS, World
from tests.matrix.rows import OPEN_PAGES, ROWS
from tests.matrix.shapes import Form, Row

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = f"{prefix}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern.callback


ALL = dict(routes())
API = {route.removeprefix("api/v1/"): view.actions for route, view in ALL.items() if route.startswith("api/v1/")}
PAGES = {route for route in ALL if not route.startswith(("api/v1/", "admin/"))}
KNOWN = {f"{method.upper()} {route}" for route, actions in API.items() for method in actions}


def test_every_operation_has_a_row_and_every_row_an_operation():
    described = {name.partition(" as ")[0] for name in ROWS}

    assert (sorted(KNOWN - described), sorted(described - KNOWN)) == ([], [])


def test_every_other_address_is_known_to_be_open():
    assert set(OPEN_PAGES) == PAGES


def cases() -> Iterator[Any]:
    for name, row in ROWS.items():
        for kind, status in zip(KINDS, row.statuses, strict=True):
            yield pytest.param(name, row, kind, status, id=f"{name} by {kind}")


@pytest.mark.parametrize(("name", "row", "kind", "status"), list(cases()))
def test_each_caller_gets_what_the_row_says(api, settings, name: str, row: Row, kind: str, status: int):
    for setting, value in row.settings.items():
        setattr(settings, setting, value)
    world = World(kind)
    path, sent = row.path(world), row.body(world)
    options = sent if isinstance(sent, Form) else {"body": sent}
    method = name.partition(" ")[0]

    response = api.request(method, path, headers=world.headers, **options)

    assert response.status_code == status, response.content


def unknown() -> Iterator[Any]:
    for route, actions in API.items():
        for method in METHODS:
            if method.lower() not in actions:
                yield pytest.param(method, route, id=f"{method} {route}")


@pytest.mark.parametrize(("method", "route"), list(unknown()))
def test_what_a_route_does_not_know_is_refused_before_anybody_is_asked(api, method: str, route: str):
    path = re.sub("<.+?>", "something", route)

    answers = [api.request(method, f"/{path}", headers=World(kind).headers) for kind in ("nobody", "admin", "key")]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(405, "method_not_allowed")] * 3
