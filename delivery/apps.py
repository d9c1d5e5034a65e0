from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "delivery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import background
        from core.api import idempotency
        from delivery import changes, purging, sweeping
        from delivery.hearing import handover

        changes.before_commit(handover.foresee)
        changes.after_commit(handover.complete)
        idempotency.before_replays(handover.settle)
        purging.register()
        background.register("change-log", changes.forget, every=3600)
        background.register(sweeping.LOOP, sweeping.sweep, every=3600)
