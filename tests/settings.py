"""The product's settings with what makes tests quick: a known key, a cheap password hasher, no address limit."""

import os

os.environ["ENV_FILE"] = ""  # a developer's .env is not part of a test
os.environ.setdefault("SECRET_KEY", "a-key-for-tests-that-is-long-enough-to-be-one")
os.environ.setdefault("DEBUG", "0")

from cms_project.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]  # noqa: F405
RATELIMIT_ENABLE = False
ALLOWED_ORIGINS = CORS_ALLOWED_ORIGINS = ["http://localhost:5173"]
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
BACKGROUND = False
