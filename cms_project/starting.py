"""What every start has in common: settings that refuse do so in one sentence, without a trace."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured


def load_settings() -> None:
    """Call it before anything else asks for a setting: manage.py, the server's configuration, scripts."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_project.settings")
    try:
        from django.conf import settings

        settings.INSTALLED_APPS  # noqa: B018 - the first setting asked for loads them all
    except ImproperlyConfigured as refusal:
        sys.exit(f"Stitch does not start: {refusal}")
