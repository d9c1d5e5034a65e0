"""``/healthz`` and ``/readyz``."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse
from redis.exceptions import ConnectionError as RedisAway

from core.api import health
from tests.conftest import Api

SECRET_LOCATION = "connection to server at db.internal.example.com, user stitch failed"


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_seen_clean", set())


def content(response: HttpResponse) -> Any:
    return json.loads(response.content)


def failing(error: Exception) -> Callable[[], Any]:
    def ask() -> Any:
        raise error

    return ask


class TestAlive:
    def test_it_says_so(self, api: Api) -> None:
        response = api.get("//healthz")

        assert (response.status_code, content(response)) == (200, {"status": "ok"})
        assert response["Cache-Control"] == "no-store"

    def test_it_asks_nobody(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_ask_database", failing(AssertionError("asked")))
        monkeypatch.setattr(health, "_ask_cache", failing(AssertionError("asked")))

        assert api.get("//healthz").status_code == 200

    def test_a_host_name_of_nobody_is_answered_too(self, api: Api) -> None:
        assert api.get("//healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


@pytest.mark.django_db(transaction=True)
class TestReady:
    def test_all_is_well(self, api: Api) -> None:
        response = api.get("//readyz")

        assert response.status_code == 200
        assert content(response) == {"status": "ok", "checks": {"database": "ok", "cache": "ok", "migrations": "ok"}}

    def test_pending_migrations(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: ["one"])

        response = api.get("//readyz")

        assert (response.status_code, content(response)["checks"]["migrations"]) == (503, "pending")

    def test_that_none_are_pending_is_remembered_and_that_some_are_is_not(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plans: list[list[str]] = [["one"], []]
        monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: plans.pop(0))

        assert [api.get("//readyz").status_code for _ in range(4)] == [503, 200, 200, 200]
        assert plans == []

    def test_no_database_is_a_problem_body_with_nothing_of_the_driver(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(health, "_ask_database", failing(OperationalError(SECRET_LOCATION)))

        with caplog.at_level(logging.WARNING):
            response = api.get("//readyz")

        body = content(response)
        assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
        assert (response["Retry-After"], body["code"], body["status"]) == ("5", "not_ready", 503)
        assert body["checks"] == {"database": "away", "cache": "ok", "migrations": "away"}
        assert "example.com" not in response.content.decode()
        assert SECRET_LOCATION in caplog.text

    def test_without_the_cache_it_is_ready_and_says_degraded(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_ask_cache", failing(RedisAway("nobody there")))

        response = api.get("//readyz")

        assert (response.status_code, content(response)["status"]) == (200, "degraded")
        assert content(response)["checks"]["cache"] == "away"

    def test_a_check_that_hangs_is_given_up(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        def hang() -> tuple[str, str]:
            time.sleep(0.5)
            return health.OK, health.OK

        monkeypatch.setattr(health, "_ask_database", hang)
        monkeypatch.setattr(health, "SECONDS", 0.05)
        started = time.perf_counter()

        response = api.get("//readyz")

        assert response.status_code == 503
        assert time.perf_counter() - started < 0.4
