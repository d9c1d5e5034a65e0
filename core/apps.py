from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import jobs, lookups, unhurried  # noqa: F401 - lookups registers itself

        pre_migrate.connect(unhurried.lift_bounds, dispatch_uid="core.unhurried")
        post_migrate.connect(unhurried.restore_bounds, dispatch_uid="core.unhurried")
        jobs.register_loops()
