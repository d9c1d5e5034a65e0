"""docker-compose.scale.yml on one machine: nginx, two servers, PgBouncer, a primary with a replica, a worker."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any

from tests.faults.client import Client
from tests.faults.conftest import sites
from tests.faults.postgres import Cluster
from tests.faults.processes import BASE, HOST, end, free_port
from tests.faults.stitch import EMAIL, PASSWORD, Site, manage
from tests.scale.front import Nginx, PgBouncer
from tests.scale.replica import Replica

WORKERS, LANES = 2, 16


@dataclass(frozen=True)
class Stack:
    primary: Cluster
    replica: Replica
    database: str
    pgbouncer: PgBouncer
    nginx: Nginx
    sites: list[Site]
    mails: Path

    @property
    def visitor(self) -> Client:
        return Client(self.nginx.port)

    @property
    def editor(self) -> Client:
        answer = self.visitor.post("/auth/login", {"email": EMAIL, "password": PASSWORD})
        if answer.status != 200:
            raise AssertionError(f"The login was answered {answer.status}: {answer.content!r}")
        return Client(self.nginx.port, token=answer.json()["access_token"])

    @property
    def settings(self) -> dict[str, object]:
        return settings_of(self.pgbouncer, self.primary, self.database)

    def manage(self, *arguments: str) -> str:
        return manage(*arguments, **self.settings)

    def backends(self) -> int:
        """Connections to the database that servers, worker and pooler hold at the primary."""
        [(count,)] = self.primary.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", self.database, database="postgres"
        )
        return int(count)


def settings_of(pgbouncer: PgBouncer, primary: Cluster, database: str) -> dict[str, object]:
    return {
        "DATABASE_URL": pgbouncer.url("stitch"),
        "DATABASE_REPLICA_URL": pgbouncer.url("stitch_replica"),
        "DATABASE_DIRECT_URL": primary.url(database),
    }


@contextmanager
def stacked(primary: Cluster, replica: Replica, database: str, folder: Path) -> Iterator[Stack]:
    with ExitStack() as things:
        pgbouncer = PgBouncer(primary, replica, database)
        things.callback(pgbouncer.destroy)
        pgbouncer.start()
        ports = [free_port(), free_port()]
        nginx = Nginx(ports)
        things.callback(nginx.destroy)
        databases = settings_of(pgbouncer, primary, database)
        settings = {**databases, **settings_before(nginx), "EMAIL_URL": f"file://{folder}/mails"}
        start = things.enter_context(sites(folder))
        own = {name: value for name, value in settings.items() if name != "DATABASE_URL"}
        started = [
            start(pgbouncer.url("stitch"), workers=WORKERS, lanes=LANES, port=port, settings=own) for port in ports
        ]
        things.enter_context(working(started[0], folder))
        nginx.start()
        yield Stack(primary, replica, database, pgbouncer, nginx, started, folder / "mails")


def settings_before(nginx: Nginx) -> dict[str, object]:
    return {"PUBLIC_BASE_URL": f"http://{HOST}:{nginx.port}", "TRUSTED_PROXY_COUNT": 1, "BACKGROUND": 0}


@contextmanager
def working(site: Site, folder: Path) -> Iterator[None]:
    """``manage.py work`` with the settings of a server."""
    command: list[Any] = [sys.executable, "manage.py", "work"]
    with (folder / "work.log").open("ab") as log:
        process = Popen(command, cwd=BASE, env=site.environment, stdout=log, stderr=STDOUT)
    try:
        yield
    finally:
        end(process)
