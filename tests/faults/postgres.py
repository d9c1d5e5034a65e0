"""A PostgreSQL cluster of a test's own: made, stopped hard, frozen and thawed at will."""

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, run
from typing import Any

import psycopg

from tests.faults.processes import HOST, accepts, children_of, end, free_port, send, wait_until

USER = "stitch"
OPTIONS = ("listen_addresses=127.0.0.1", "max_connections=80", "shared_buffers=32MB", "log_min_messages=fatal")


def program(name: str) -> str:
    """On the path, or where Debian puts it, the newest version first. Without PostgreSQL nothing can be shown."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        raise RuntimeError(f"PostgreSQL's {name} is not installed: the faults cannot be shown without it.")
    return found


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; then it runs as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Cluster:
    def __init__(self) -> None:
        self._as = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="stitch-pg-"))
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self.port = free_port()
        self._process: Popen[bytes] | None = None
        arguments = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D", str(self._data)]
        run([program("initdb"), *arguments], check=True, stdout=DEVNULL, cwd=self.folder, **self._as)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> float:
        """Returns the seconds until it answers, recovery from a crash included."""
        options = [part for option in OPTIONS for part in ("-c", option)]
        command = [program("postgres"), "-D", str(self._data), "-p", str(self.port), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = Popen(command, stdout=log, stderr=STDOUT, cwd=self.folder, **self._as)
        return wait_until(self.answers, seconds=30, what="PostgreSQL answers")

    def answers(self) -> bool:
        try:
            self.ask("SELECT 1", database="postgres")
        except psycopg.OperationalError:
            return False
        return True

    def stop_hard(self) -> None:
        """What ``pg_ctl stop -m immediate`` does: no checkpoint, no goodbye; recovery at the next start."""
        process = self._running()
        process.send_signal(signal.SIGQUIT)
        process.wait(10)
        wait_until(lambda: not accepts(self.port), seconds=5, what="PostgreSQL is gone")

    def freeze(self) -> None:
        """Connections stay open and can still be made, and nobody answers: a disk that hangs, a paused pooler."""
        postmaster = self._running().pid
        send(signal.SIGSTOP, postmaster, *children_of(postmaster))

    def thaw(self) -> None:
        postmaster = self._running().pid
        send(signal.SIGCONT, *children_of(postmaster), postmaster)

    def destroy(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._process.send_signal(signal.SIGQUIT)  # a checkpoint of what is thrown away takes its time
            end(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@{HOST}:{self.port}/{database}"

    @contextmanager
    def connected(self, database: str) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=3) as connection:
            yield connection

    def ask(self, sql: str, *parameters: object, database: str) -> list[tuple[Any, ...]]:
        with self.connected(database) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def copy(self, template: str, database: str) -> None:
        self.ask(f'CREATE DATABASE "{database}" TEMPLATE "{template}"', database="postgres")

    def _running(self) -> Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise AssertionError("PostgreSQL does not run.")
        return self._process
