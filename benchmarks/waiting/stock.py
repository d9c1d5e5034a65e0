"""The view under Django's own handler with a connection pool, the best that its settings offer; no middleware."""

import os
from urllib.parse import unquote, urlsplit

from django.conf import settings

_url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", ""),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="benchmarks.waiting.views",
    MIDDLEWARE=[],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(_url.path[1:]),
            "USER": unquote(_url.username or ""),
            "PASSWORD": unquote(_url.password or ""),
            "HOST": _url.hostname or "",
            "PORT": str(_url.port or ""),
            "OPTIONS": {"pool": {"min_size": 32, "max_size": 32}},
        }
    },
)

from django.core.asgi import get_asgi_application  # noqa: E402

application = get_asgi_application()
