from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "cms_project"

    def ready(self) -> None:
        from cms_project import checks  # noqa: F401 - registers them
