"""``make run`` and ``make serve``: prepare the database, then serve. The two differ in whom they serve."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cms_project import env, starting

GRACEFUL_SECONDS = 10


def main() -> None:
    os.chdir(env.BASE_DIR)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # so that a log file has it at once, too
    if sys.argv[1:] == ["run"]:
        run()
    elif sys.argv[1:] == ["serve"]:
        serve()
    else:
        sys.exit("Usage: scripts/start.py run|serve")


def run() -> None:
    """For one person on this machine: SQLite unless told otherwise, sample content, DEBUG unless told otherwise."""
    if not env.is_set("DEBUG"):
        os.environ["DEBUG"] = "1"
    settings = load()
    refuse_taken_port("127.0.0.1", settings.PORT)
    prepare(settings)
    command("seed")
    welcome(settings)
    import uvicorn

    from cms_project.protocol import GuardedProtocol

    close_connections()
    uvicorn.run(
        "cms_project.asgi:application",
        port=settings.PORT,
        http=GuardedProtocol,
        ws="none",
        proxy_headers=False,  # X-Forwarded-For is believed for TRUSTED_PROXY_COUNT hops, by the application
        access_log=False,  # the application writes its own line
        log_config=None,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def serve() -> None:
    """For everybody: settings from the environment, no sample content."""
    settings = load()
    refuse_taken_port("0.0.0.0", settings.PORT)  # noqa: S104 - the address that gunicorn.conf.py binds
    command("check")
    tell_what_is_weak()
    prepare(settings)
    tell_who_is_shut_out()
    command("ensure_admin")
    close_connections()
    asgi = "cms_project.asgi:application"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", asgi])  # noqa: S606


def load() -> Any:
    starting.load_settings()
    import django
    from django.conf import settings

    django.setup()
    return settings


def tell_what_is_weak() -> None:
    """What ``manage.py doctor`` would mend, so that nobody has to think of asking. It keeps nobody from starting."""
    from cms_project import doctor

    weak = [one for one in doctor.examine() if one.level != "info"]
    if weak:
        doctor.show(weak, sys.stderr)


def tell_who_is_shut_out() -> None:
    from cms_project import doctor

    found = doctor.shut_out()
    if found:
        doctor.show(found, sys.stderr)


def prepare(settings: Any) -> None:
    command("migrate", interactive=False, verbosity=0)
    if not settings.DEBUG:
        command("collectstatic", interactive=False, verbosity=0)


def command(name: str, **options: Any) -> None:
    """A refusal of a command ends the start with its sentence."""
    from django.core.management import CommandError, call_command
    from django.db import OperationalError

    try:
        call_command(name, **options)
    except CommandError as refusal:
        sys.exit(f"Stitch does not start: {refusal}")
    except OperationalError as error:
        sys.exit(f"Stitch does not start: the database of DATABASE_URL cannot be used. {error}".rstrip())


def refuse_taken_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(
                f"Stitch does not start: port {port} cannot be had ({error.strerror}). Choose another: PORT={port + 1}"
            )


def welcome(settings: Any) -> None:
    base, admin = settings.PUBLIC_BASE_URL, first_administrator()
    login = "nobody yet; .venv/bin/python manage.py createsuperuser makes one"
    if admin:
        login = f"{admin}, password: {password(settings)}"
    print(f"""
  Stitch is at home on {base}

    API     {base}/api/v1/posts
    Docs    {base}/docs
    Admin   {base}/admin/
    Log in  {login}

  Ctrl+C stops it; the data stays.
""")


def password(settings: Any) -> str:
    """As the account was made; whoever has changed it since knows better."""
    if settings.ADMIN_PASSWORD:
        return "ADMIN_PASSWORD"
    made = settings.DEVELOPMENT_PASSWORD_FILE
    return made.read_text().strip() if made.exists() else "the one that the first start showed"


def first_administrator() -> str:
    from django.contrib.auth import get_user_model
    from django.db.models import Q

    is_admin = Q(is_superuser=True) | Q(groups__name="admin")
    first = get_user_model().objects.filter(is_admin, is_active=True).order_by("created_at", "pk").first()
    return first.get_username() if first else ""


def close_connections() -> None:
    from django.db import connections

    connections.close_all()


if __name__ == "__main__":
    main()
