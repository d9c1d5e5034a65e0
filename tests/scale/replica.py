"""A streaming replica of a test's own cluster."""

import os
import tempfile
from pathlib import Path
from subprocess import STDOUT, Popen, run

from tests.faults.postgres import OPTIONS, USER, Cluster, program, unprivileged
from tests.faults.processes import BASE, HOST, free_port, wait_until

DEPLOY = BASE / "deploy"
PASSWORD = "letters4nd0digits"


def written(cluster: Cluster) -> int:
    """In bytes since the beginning of its log."""
    [(position,)] = cluster.ask("SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn", database="postgres")
    return int(position)


class Replica(Cluster):
    """Made of a running primary with the scripts of deploy/postgres; everything else is a cluster's."""

    def __init__(self, primary: Cluster) -> None:
        self._as = unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="stitch-replica-"))
        if self._as:
            os.chown(self.folder, self._as["user"], self._as["group"])
        self.port = free_port()
        self._primary = primary
        self._process: Popen[bytes] | None = None
        names = {"POSTGRES_USER": USER, "POSTGRES_DB": "postgres", "REPLICATION_PASSWORD": PASSWORD}
        given = self._surroundings(PGDATA=str(primary.folder / "data"), **names)
        script = (DEPLOY / "postgres/primary.sh").read_text()
        run(["/bin/sh", "-c", script], check=True, env=given, cwd=self.folder, **self._as)

    def start(self) -> float:
        """The first time it copies the primary."""
        options = [part for option in OPTIONS for part in ("-c", option)]
        script = (DEPLOY / "postgres/replica.sh").read_text()
        command = ["/bin/sh", "-c", script, "replica.sh", "-p", str(self.port), "-k", str(self.folder), *options]
        given = self._surroundings(PGDATA=str(self.folder / "data"), PGUSER="replicator", PGPASSWORD=PASSWORD)
        with (self.folder / "log").open("ab") as log:
            self._process = Popen(command, stdout=log, stderr=STDOUT, env=given, cwd=self.folder, **self._as)
        return wait_until(self.answers, seconds=60, what=f"the replica answers, see {self.folder}/log")

    def _surroundings(self, **more: str) -> dict[str, str]:
        path = f"{Path(program('postgres')).parent}:{os.environ['PATH']}"
        return {"PATH": path, "PGHOST": HOST, "PGPORT": str(self._primary.port), **more}

    def catch_up(self) -> None:
        """Waits until all that the primary has is here, too."""
        goal = written(self._primary)
        wait_until(lambda: self.replayed() >= goal, seconds=20, what="the replica has what the primary had")

    def replayed(self) -> int:
        [(position,)] = self.ask("SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn", database="postgres")
        return int(position)

    def recover(self) -> None:
        """It runs and replays, whatever was done to it."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        self.thaw()
        self.resume()
        self.catch_up()

    def pause(self) -> None:
        self.ask("SELECT pg_wal_replay_pause()", database="postgres")
        state = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
        wait_until(lambda: self.ask(state, database="postgres") == [(True,)], seconds=10, what="the replay is paused")

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()", database="postgres")

    def sessions(self, database: str) -> int:
        """How many were ever opened to that database here; those of this class are opened to another."""
        [(count,)] = self.ask(
            "SELECT coalesce(sum(sessions), 0) FROM pg_stat_database WHERE datname = %s", database, database="postgres"
        )
        return int(count)

    def tables_read(self, database: str) -> set[str]:
        """Looked at with queries. Sessions tell it at the latest when they end."""
        found = self.ask("SELECT relname FROM pg_stat_user_tables WHERE seq_scan + idx_scan > 0", database=database)
        return {name for (name,) in found}
