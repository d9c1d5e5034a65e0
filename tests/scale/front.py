"""What stands around the servers, run with the files of deploy/; only addresses and folders are put in their place."""

import os
import shutil
import tempfile
from pathlib import Path
from subprocess import STDOUT, Popen

from tests.faults.postgres import USER, Cluster, unprivileged
from tests.faults.processes import HOST, accepts, end, free_port, wait_until
from tests.scale.replica import DEPLOY, PASSWORD, Replica


def installed(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: apt-get install --no-install-recommends nginx pgbouncer")
    return found


def substituted(text: str, values: dict[str, str]) -> str:
    """Fails where an old value is not there."""
    for old, new in values.items():
        if old not in text:
            raise AssertionError(f"{old!r} is not in the file any more: the test has to follow.")
        text = text.replace(old, new)
    return text


class Program:
    """A process in a folder of its own, run as nobody in particular, as in its container."""

    def __init__(self, name: str) -> None:
        self._as = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix=f"stitch-{name}-"))
        self.port = free_port()
        self._process: Popen[bytes] | None = None
        self.write("log", "")
        self._own(self.folder)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        self._own(path)
        return path

    def _own(self, path: Path) -> None:
        if self._as:
            os.chown(path, self._as["user"], self._as["group"])

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def run(self, *command: str, **environment: str) -> None:
        """Starts it, and waits until it can be reached."""
        surroundings = {"PATH": f"{os.environ['PATH']}:/usr/sbin", **environment}
        with (self.folder / "log").open("ab") as log:
            self._process = Popen(command, stdout=log, stderr=STDOUT, cwd=self.folder, env=surroundings, **self._as)
        wait_until(lambda: accepts(self.port), seconds=10, what=f"{command[0]} takes connections: {self.log}")

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PgBouncer(Program):
    def __init__(self, primary: Cluster, replica: Replica, database: str) -> None:
        installed("pgbouncer")
        super().__init__("pgbouncer")
        users = str(self.folder / "userlist.txt")
        settings = substituted(
            (DEPLOY / "pgbouncer/pgbouncer.ini").read_text(),
            {
                "host=db port=5432 dbname=stitch": f"host={HOST} port={primary.port} dbname={database}",
                "host=replica port=5432 dbname=stitch": f"host={HOST} port={replica.port} dbname={database}",
                "listen_addr = *": f"listen_addr = {HOST}",
                "listen_port = 6432": f"listen_port = {self.port}",
                "/tmp/userlist.txt": users,
            },
        )
        path = self.write("pgbouncer.ini", settings)
        start = (DEPLOY / "pgbouncer/start.sh").read_text()
        names = {"/tmp/userlist.txt": users, "/etc/pgbouncer/pgbouncer.ini": str(path)}
        self._start = self.write("start.sh", substituted(start, names))

    def start(self) -> None:
        self.run("/bin/sh", str(self._start), POSTGRES_USER=USER, POSTGRES_PASSWORD=PASSWORD)

    def url(self, name: str) -> str:
        """``stitch`` leads to the primary, ``stitch_replica`` to the replica."""
        return f"postgresql://{USER}:{PASSWORD}@{HOST}:{self.port}/{name}"


class Nginx(Program):
    def __init__(self, upstreams: list[int]) -> None:
        self._program = installed("nginx")
        super().__init__("nginx")
        options = " max_fails=2 fail_timeout=5s;"
        servers = "\n".join(f"server {HOST}:{port}{options}" for port in upstreams)
        settings = substituted(
            (DEPLOY / "nginx/nginx.conf").read_text(),
            {
                f"server api:8000{options}": servers,
                "listen 8080": f"listen {HOST}:{self.port}",
                "/tmp/nginx": str(self.folder / "nginx"),
                "include /etc/nginx/tls*.conf": f"include {self.folder}/tls*.conf",
            },
        )
        self._settings = self.write("nginx.conf", settings)

    def start(self) -> None:
        self.run(self._program, "-e", "stderr", "-p", str(self.folder), "-c", str(self._settings), "-g", "daemon off;")
