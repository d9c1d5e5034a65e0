"""What keeps Stitch from a wrong start: part of ``manage.py check`` and, for production, of ``check --deploy``."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks

from cms_project import doctor

UNSHARED = (
    "django.core.cache.backends.locmem.LocMemCache",
    "django.core.cache.backends.dummy.DummyCache",
    "django.core.cache.backends.filebased.FileBasedCache",
)


@checks.register(checks.Tags.caches)
def workers_share_their_counters(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """With a counter for each worker, five attempts a minute become five for each."""
    backend = settings.CACHES["counters"]["BACKEND"]
    if settings.WEB_CONCURRENCY == 1 or backend not in UNSHARED:
        return []
    return [
        checks.Error(
            f"{settings.WEB_CONCURRENCY} workers need a counter that they share, and {backend} is none.",
            hint="Leave CACHES['counters'] as it comes, set REDIS_URL, or set WEB_CONCURRENCY=1.",
            id="stitch.E001",
        )
    ]


@checks.register(checks.Tags.database)
def nobody_is_shut_out(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Part of ``check --database default``."""
    return [checks.Warning(f"{one.name} {one.text}", id="stitch.W003") for one in doctor.shut_out()]


@checks.register(checks.Tags.security, deploy=True)
def fit_for_production(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """What ``manage.py doctor`` finds, less its remarks."""
    kinds = {"error": (checks.Error, "stitch.E002"), "warning": (checks.Warning, "stitch.W002")}
    found = [one for one in doctor.examine() if one.level in kinds]
    return [
        kinds[one.level][0](f"{one.name} {one.text}", hint=one.line or None, id=kinds[one.level][1]) for one in found
    ]
