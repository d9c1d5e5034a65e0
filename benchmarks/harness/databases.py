"""The benchmarks' own databases: one of source rows, and from it, by COPY, the product's and each peer's."""

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks.harness import rows
from benchmarks.harness.places import BENCHMARKS, PEERS_PYTHON, PRODUCT_PYTHON, ROOT
from benchmarks.harness.rows import Table

KINDS = ("stitch", "fastapi", "drf")
OURS = "made by benchmarks/run.py"  # in the comment of each of our databases
ADMIN = {"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": "Or4nge-lighthouse-9"}
DRF_TOKEN = "0123456789abcdef0123456789abcdef01234567"  # noqa: S105 - of a database that lives for minutes
SECRET_KEY = "only-for-benchmarks-7Qm2vX9sLw4Rk8Tz1Bn6Hc3Jd5Fg0PyUeAoI"  # noqa: S105 - the same

QUIET_SECONDS = 60
_BUSY = "SELECT FROM pg_stat_activity WHERE starts_with(datname, %s) AND state = 'active' AND pid <> pg_backend_pid()"


@dataclass(frozen=True)
class Content:
    """How many posts, and how large. ``is_whole``: with working copies, revisions and slugs, ready to be written to."""

    count: int
    words: int  # of a body
    tags: int  # of a post
    is_whole: bool

    @property
    def name(self) -> str:
        return f"{self.count}{'' if self.is_whole else '_small'}"


class Cluster:
    """The PostgreSQL of DATABASE_URL, whatever database that names."""

    def __init__(self, url: str, prefix: str) -> None:
        self._parts = urlsplit(url)
        self.prefix = prefix

    def url(self, database: str) -> str:
        return urlunsplit(self._parts._replace(path=f"/{database}"))

    @property
    def host(self) -> str:
        return self._parts.hostname or "localhost"

    @contextmanager
    def connected(self, database: str = "postgres") -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            yield connection

    def name(self, kind: str, content: Content) -> str:
        return f"{self.prefix}_{kind}_{content.name}"

    def drop(self, database: str) -> None:
        """Only what this program has made: with another --prefix its names might be somebody else's."""
        with self.connected() as connection:
            there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).rowcount
            if there and not (self.comment(database) or "").startswith(OURS):
                raise SystemExit(f"There is a database {database}, and it is not ours. Choose another --prefix.")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def create(self, database: str, template: str = "template0") -> None:
        self.drop(database)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with self.connected() as connection:
            connection.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))
        self.set_comment(database, OURS)

    def all(self) -> list[str]:
        """Every database of ours with this prefix, of this run and of interrupted ones."""
        with self.connected() as connection:
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s) "
                "AND starts_with(shobj_description(oid, 'pg_database'), %s)",
                [f"{self.prefix}_", OURS],
            )
            return [name for (name,) in found]

    def settle(self, database: str) -> None:
        """Statistics, visibility map and checkpoint now, and not in the middle of a measurement."""
        with self.connected(database) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def size_mib(self, database: str) -> int:
        with self.connected() as connection:
            row = connection.execute("SELECT pg_database_size(%s) / 1048576", [database]).fetchone()
            assert row is not None
            return int(row[0])

    def backends(self, database: str) -> list[int]:
        with self.connected() as connection:
            found = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [database])
            return [pid for (pid,) in found]

    def wait_until_quiet(self) -> None:
        """What was asked before and nobody waits for any more is still worked on: a COUNT(*) of a million rows."""
        end = time.monotonic() + QUIET_SECONDS
        with self.connected() as connection:
            while connection.execute(_BUSY, [f"{self.prefix}_"]).fetchone() is not None:
                if time.monotonic() > end:
                    print(f"  PostgreSQL was still busy after {QUIET_SECONDS} s", flush=True)
                    return
                time.sleep(0.05)

    def comment(self, database: str) -> str | None:
        with self.connected() as connection:
            row = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [database]
            ).fetchone()
            return row[0] if row else None

    def set_comment(self, database: str, text: str) -> None:
        statement = sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(database), sql.Literal(text))
        with self.connected() as connection:
            connection.execute(statement)


def make(cluster: Cluster, content: Content, kinds: tuple[str, ...]) -> None:
    """Makes those databases that are not there yet just as this code would make them (``--keep`` leaves them)."""
    missing = [kind for kind in kinds if cluster.comment(cluster.name(kind, content)) != _mark(kind, content)]
    if not missing:
        return
    source = cluster.name("source", content)
    print(f"  {content.count:,} posts for {', '.join(missing)}", flush=True)
    cluster.create(source)
    with cluster.connected(source) as connection:
        connection.execute(rows.source(content.count, words=content.words, tags=content.tags))
    for kind in missing:
        database = cluster.name(kind, content)
        cluster.create(database)
        _prepare(kind, cluster.url(database))
        tables = rows.tables(kind, is_whole=content.is_whole)
        _copy(cluster, source, database, tables)
        if kind == "fastapi":
            _copy(cluster, cluster.name("stitch", content), database, [rows.SITE_SETTINGS])
        if kind == "stitch":
            _recount(cluster.url(database))
        cluster.settle(database)
        cluster.set_comment(database, _mark(kind, content))
    cluster.drop(source)


def _mark(kind: str, content: Content) -> str:
    """Changes whenever a database would be made differently."""
    peer = BENCHMARKS / "peers" / kind
    files = [BENCHMARKS / "harness" / "rows.py", *sorted(peer.glob("*.py"))]
    if kind in ("stitch", "fastapi"):  # the peer's settings are copied from the product's
        files += sorted(ROOT.glob("*/migrations/*.py"))
    digest = hashlib.sha256(repr(content).encode())
    for file in files:
        digest.update(file.read_bytes())
    return f"{OURS}, {digest.hexdigest()}"


def _prepare(kind: str, url: str) -> None:
    """Tables and one user."""
    if kind == "stitch":
        run([PRODUCT_PYTHON, "manage.py", "migrate", "--verbosity=0"], url)
        run([PRODUCT_PYTHON, "manage.py", "ensure_admin"], url)
    else:
        run([PEERS_PYTHON, "-m", f"benchmarks.peers.{kind}.prepare"], url)


_RECOUNT = """
from django.db import transaction
from delivery import changes
with transaction.atomic():
    changes.recount()
    changes.append("", [changes.EVERYTHING], {})
"""


def _recount(url: str) -> None:
    """COPY went past the code that keeps the totals."""
    run([PRODUCT_PYTHON, "manage.py", "shell", "--no-imports", "--verbosity=0", "-c", _RECOUNT], url)


def environment(url: str, **more: str) -> dict[str, str]:
    """Nothing of the caller's settings, and what all variants share."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    ours = {"ENV_FILE": "", "DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "DRF_TOKEN": DRF_TOKEN, **ADMIN}
    return {**kept, **ours, **more}


def run(command: list[object], url: str) -> None:
    answer = subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=environment(url), capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise SystemExit(f"{' '.join(map(str, command[1:]))} failed:\n{answer.stdout}{answer.stderr}")


def _copy(cluster: Cluster, source: str, target: str, tables: list[Table]) -> None:
    with cluster.connected(source) as reading, cluster.connected(target) as writing:
        _without_triggers(writing)
        for table in tables:
            with (
                reading.cursor().copy(table.reading()) as out,
                writing.cursor().copy(table.writing()) as into,
            ):
                for block in out:
                    into.write(block)


def _without_triggers(connection: psycopg.Connection) -> None:
    """Foreign keys are checked by triggers; a million rows that are right by construction need none."""
    try:
        connection.execute("SET session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege:
        print("  (not a superuser: foreign keys are checked row by row, which takes longer)")
