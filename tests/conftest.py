"""Shared fixtures: a client that goes through the API's real middleware list and the real asynchronous views."""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient
from django.test.client import AsyncClientHandler

from accounts import audit_actions
from core import jobs

audit_actions.is_strict = True


class ApiHandler(AsyncClientHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        theirs, settings.MIDDLEWARE = settings.MIDDLEWARE, settings.API_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = theirs


class Api:
    """``api.get("/posts")`` asks /api/v1/posts; a path that starts with ``//`` is taken as it is, less one slash."""

    def __init__(self) -> None:
        self.client = AsyncClient()
        self.client.handler = ApiHandler(enforce_csrf_checks=True)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:
        target = path[1:] if path.startswith("//") else f"/api/v1{path}"
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())

        async def send() -> HttpResponse:
            response: HttpResponse = await self.client.generic(method, target, data, content_type, headers=sent)
            return response

        return async_to_sync(send)()

    def get(self, path: str, **options: Any) -> HttpResponse:
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Any) -> HttpResponse:
        return self.request("HEAD", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.request("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.request("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.request("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> HttpResponse:
        return self.request("DELETE", path, **options)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def committed(transactional_db: None) -> None:
    """A database whose commits are real, for tests with several connections. Emptying it took the settings row away."""
    migration = import_module("content.migrations.0002_site_settings")
    migration.make(apps, None)


@pytest.fixture(autouse=True)
def empty_caches() -> Iterator[None]:
    yield
    caches["default"].clear()


@pytest.fixture(autouse=True)
def no_sweep_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal requests do equal work, except in the tests that ask for a sweep."""
    monkeypatch.setattr("core.counters.SWEEP_CHANCE", 0)


@pytest.fixture(autouse=True)
def changes_are_logged_at_once(request: pytest.FixtureRequest) -> None:
    """A test that is rolled back in the end never comes to the commit at which PostgreSQL's trigger would log them."""
    asks = "db" in request.fixturenames or request.node.get_closest_marker("django_db")
    if asks and connection.vendor == "postgresql":
        request.getfixturevalue("db")
        if connection.in_atomic_block:
            connection.cursor().execute("SET CONSTRAINTS delivery_change_at_commit IMMEDIATE")


@pytest.fixture
def run_jobs(db: None) -> Callable[..., int]:
    """``run_jobs()`` runs every job that is due, and those they enqueue, and returns how many ran.

    What a job raises is raised, unless ``failing=True``: then it is retried later, as on a server.
    """

    def run(*, failing: bool = False) -> int:
        ran = []
        while (done := jobs.run_next()) is not None:
            if done.error is not None and not failing:
                raise done.error
            ran.append(done)
        return len(ran)

    return run
