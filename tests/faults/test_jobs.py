"""A thousand jobs, and everything that works on them is killed meanwhile: none is forgotten."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.core.test_jobs_on_servers import ENQUEUE
from tests.faults.conftest import StartSite, Tell
from tests.faults.postgres import Cluster
from tests.faults.processes import BASE, wait_until
from tests.faults.stitch import Site

pytestmark = pytest.mark.server

COUNT = 1000


def enqueue(site: Site, file: Path) -> None:
    command = [sys.executable, "-c", ENQUEUE, str(file), str(COUNT), "0.02"]
    subprocess.run(command, cwd=BASE, env=site.environment, check=True)


def written(file: Path, word: str) -> Counter[str]:
    lines = file.read_text().splitlines() if file.exists() else []
    return Counter(line.split()[1] for line in lines if line.startswith(word) and len(line.split()) == 2)


def test_of_a_thousand_jobs_none_is_lost_when_everything_is_killed(
    cluster: Cluster, database: str, start_site: StartSite, tmp_path: Path, tell: Tell
) -> None:
    site, file = start_site(cluster.url(database), workers=3), tmp_path / "written"
    enqueue(site, file)

    def has_done(count: int) -> bool:
        return len(written(file, "ended")) >= count

    wait_until(lambda: has_done(150), seconds=30, what="the first jobs are done")
    site.kill()
    site.start()
    wait_until(lambda: has_done(400), seconds=30, what="more jobs are done")
    cluster.stop_hard()
    time.sleep(3)
    cluster.start()
    took = wait_until(lambda: has_done(COUNT), seconds=90, what="all jobs are done")

    again = sum(count - 1 for count in written(file, "begun").values())
    tell(f"{again} of {COUNT} ran a second time; the last was done {took:.0f} s after the database was back")
    assert len(written(file, "ended")) == COUNT
    assert again <= 6  # one for each of the three workers at each of the two blows
    wait_until(lambda: left(cluster, database) == 0, seconds=60, what="every job is noted as done")


def left(cluster: Cluster, database: str) -> int:
    rows = cluster.ask(
        "SELECT count(*) FROM django_tasks_database_dbtaskresult WHERE status <> 'SUCCESSFUL'", database=database
    )
    return int(rows[0][0])
