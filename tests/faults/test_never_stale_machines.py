"""Two servers over one PostgreSQL, as on two machines: what the one has answered, the other does not contradict."""

import time
from pathlib import Path

import pytest

from delivery.hearing import lease
from tests.faults.conftest import StartSite, Tell
from tests.faults.postgres import Cluster
from tests.faults.staleness import edge_metrics, share_of_hits, watched
from tests.faults.stitch import Site
from tests.faults.test_never_stale import SETTINGS, assert_never_stale

pytestmark = pytest.mark.server

WORKERS = 2
USUAL = {200, 404}


@pytest.fixture
def servers(cluster: Cluster, database: str, start_site: StartSite) -> tuple[Site, Site]:
    """They share the database alone: each has a master, workers, memory and a port of its own, and none has Redis."""
    url = cluster.url(database)
    return start_site(url, workers=WORKERS, settings=SETTINGS), start_site(url, workers=WORKERS, settings=SETTINGS)


def test_one_is_written_at_and_both_are_read(servers: tuple[Site, Site], tmp_path: Path, tell: Tell) -> None:
    here, there = servers

    with watched(here, tmp_path, also_at=[there]) as seen:
        time.sleep(30)

    tell(str(seen))
    assert_never_stale(seen, hits=0.3)
    assert [(set(one.statuses), one.hits > 0.3, one.reads > seen.reads / 4) for one in seen.each] == [
        (USUAL, True, True),
        (USUAL, True, True),
    ]
    assert (seen.dropped, seen.refused) == (0, 0)
    assert here.contradictions() == []


def test_while_the_other_is_killed_and_comes_back_and_is_killed_for_good(
    servers: tuple[Site, Site], tmp_path: Path, tell: Tell
) -> None:
    """It is gone without a word: who writes waits until its leases have ended, and then no longer."""
    here, there = servers

    with watched(here, tmp_path, also_at=[there]) as seen:
        time.sleep(8)
        shares = [share_of_hits(edge_metrics(there))]
        there.kill()
        time.sleep(4)
        there.start()
        time.sleep(8)
        shares.append(share_of_hits(edge_metrics(there)))
        there.kill()
        time.sleep(9)

    tell(f"{seen} (server 2 had {', '.join(f'{100 * share:.0f} %' for share in shares)} hits when it was killed)")
    assert_never_stale(seen, hits=0.2)
    assert (min(shares) > 0.2, seen.each[0].hits > 0.2) == (True, True)
    assert [set(one.statuses) for one in seen.each] == [USUAL, USUAL]
    assert (seen.each[0].dropped, seen.refused) == (0, 0)
    assert min(seen.writes[-3:]) < lease.SECONDS


def test_while_the_one_that_is_written_at_is_killed_and_comes_back(
    servers: tuple[Site, Site], tmp_path: Path, tell: Tell
) -> None:
    """The other answers from memory all the while: nobody has written, so nothing of it has ended."""
    here, there = servers

    with watched(here, tmp_path, also_at=[there]) as seen:
        time.sleep(10)
        share = share_of_hits(edge_metrics(here))
        here.kill()
        time.sleep(5)
        said = there.visitor.get("/settings").content
        here.start()
        time.sleep(15)
    said_later = there.visitor.get("/settings").content

    tell(f"{seen} (server 1 had {100 * share:.0f} % hits when it was killed)")
    assert_never_stale(seen, hits=0.2)
    assert (share > 0.2, [one.hits > 0.2 for one in seen.each]) == (True, [True, True])
    assert [set(one.statuses) for one in seen.each] == [USUAL, USUAL]
    assert (seen.each[1].dropped, seen.refused > 0, said_later != said) == (0, True, True)
    assert here.contradictions() == []
