"""The system checks of our own."""

from django.core import checks
from pytest_django import Settings

from cms_project import checks as ours
from tests.house.commands import PRODUCTION, manage

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


def test_several_workers_may_not_count_each_for_itself(settings: Settings) -> None:
    settings.WEB_CONCURRENCY = 2
    settings.CACHES = {**settings.CACHES, "counters": {"BACKEND": LOCMEM}}

    assert [one.id for one in checks.run_checks(tags=["caches"])] == ["stitch.E001"]


def test_one_worker_may(settings: Settings) -> None:
    settings.WEB_CONCURRENCY = 1
    settings.CACHES = {**settings.CACHES, "counters": {"BACKEND": LOCMEM}}

    assert ours.workers_share_their_counters(None) == []


def test_the_counters_that_come_with_it_are_shared(settings: Settings) -> None:
    settings.WEB_CONCURRENCY = 64

    assert ours.workers_share_their_counters(None) == []


def test_production_with_all_its_settings_is_clean() -> None:
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert answer.returncode == 0, answer.stderr


def test_production_with_a_weak_setting_is_not() -> None:
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **{**PRODUCTION, "RATELIMIT_ENABLE": "0"})

    assert answer.returncode == 1
    assert "(stitch.E002) RATELIMIT_ENABLE is off" in answer.stderr
