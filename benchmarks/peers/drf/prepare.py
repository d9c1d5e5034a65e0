"""Makes the tables and the one token. Run once for each database: ``python -m benchmarks.peers.drf.prepare``."""

import os

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.peers.drf.settings")


def main() -> None:
    django.setup()
    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    admin = User.objects.create_user("admin", os.environ["ADMIN_EMAIL"], os.environ["ADMIN_PASSWORD"])
    Token.objects.create(user=admin, key=os.environ["DRF_TOKEN"])


if __name__ == "__main__":
    main()
