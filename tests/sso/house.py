"""Stitch and a real provider that know each other, on a database of their own."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.house.commands import KEY, manage
from tests.house.servers import Running, free_port, server
from tests.sso.real_provider import Person, Provider, provider

FRONTEND = "http://localhost:5173/signed-in"
ADMIN, PASSWORD = "admin@example.com", "a long enough passphrase"
ACCOUNTS: dict[str, dict[str, object]] = {
    "a1": {"email": ADMIN, "email_verified": True, "name": "Admin", "groups": ["heads"]},
    "unverified": {"email": ADMIN, "email_verified": False},
    "stranger": {"email": "stranger@example.com", "email_verified": True, "preferred_username": "stranger"},
}


class House:
    """Stitch and the provider, each knowing the other."""

    def __init__(self, stitch: Running, office: Provider, database: str) -> None:
        self.stitch, self.office, self.address = stitch, office, f"http://localhost:{stitch.port}"
        self._database = database

    @property
    def person(self) -> Person:
        return Person(self.address)

    def log_in(self, name: str) -> tuple[Person, str]:
        """A whole login up to the frontend: the person, and where the callback sends them."""
        person = self.person
        back = person.log_in(person.start(FRONTEND), name)
        return person, person.get(back).headers["Location"]

    def ask(self, code: str) -> str:
        done = manage("shell", "--verbosity", "0", "-c", code, SECRET_KEY=KEY, DATABASE_URL=self._database)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@cache
def _prepared() -> Path:
    """A database with tables and an administrator, made once."""
    path = Path(mkdtemp()) / "db.sqlite3"
    own = {"DATABASE_URL": f"sqlite:///{path}", "ADMIN_EMAIL": ADMIN, "ADMIN_PASSWORD": PASSWORD, "DEBUG": "1"}
    for command in ("migrate", "ensure_admin"):
        manage(command, SECRET_KEY=KEY, **own).check_returncode()
    return path


@contextmanager
def opened(folder: Path, *, alg: str = "RS256", claims_in_id_token: str = "0", **variables: str) -> Iterator[House]:
    port, database = free_port(), f"sqlite:///{folder / 'db.sqlite3'}"
    address = f"http://localhost:{port}"
    own = {
        "SECRET_KEY": KEY,
        "PORT": str(port),
        "PUBLIC_BASE_URL": address,
        "DATABASE_URL": database,
        "ALLOWED_ORIGINS": "http://localhost:5173",
        "AUTH_RATE": "1000/m",
        "DEBUG": "1",
    }
    shutil.copy(_prepared(), folder / "db.sqlite3")
    with ExitStack() as stack:
        options = {"alg": alg, "CLAIMS_IN_ID_TOKEN": claims_in_id_token}
        office = stack.enter_context(provider(folder / "provider.log", stitch=address, accounts=ACCOUNTS, **options))
        uvicorn = (
            sys.executable,
            "-m",
            "uvicorn",
            "cms_project.asgi:application",
            "--no-access-log",
            "--port",
            str(port),
        )
        variables = {**own, **office.settings(), **variables}
        stitch = stack.enter_context(server(*uvicorn, log=folder / "stitch.log", **variables))
        yield House(stitch, office, database)
