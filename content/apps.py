from django.apps import AppConfig


class ContentConfig(AppConfig):
    name = "content"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What the audit trail is told of entries and of the settings (docs/audit.md)."""
        from accounts import audit_actions
        from content.models import Action, BlogPost, Page, SiteSettings

        for model in (BlogPost, Page):
            audit_actions.register(model.KIND, (*Action.values, "published", "unpublished"))
        audit_actions.register(SiteSettings.KIND, (Action.UPDATED, "published"))
