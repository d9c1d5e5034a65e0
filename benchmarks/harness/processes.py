"""Processes on Linux: which cores they may use, what they have used, and what they hold in memory."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and all that came from it; those that are gone are left out."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def worker(pid: int) -> int:
    """The one that answers: gunicorn's child, or the process itself."""
    return family(pid)[-1]


def cpu_seconds(pids: Iterable[int]) -> float:
    """Used so far by all of them, in user and kernel mode."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def resident_mib(pid: int) -> float:
    """Pages shared with the parent included: what an operator sees."""
    return _from(Path(f"/proc/{pid}/status"), "VmRSS:") / 1024


def proportional_mib(pids: Iterable[int]) -> float:
    """Shared pages counted once: what the whole of it takes from the machine."""
    return sum(_from(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") for pid in pids) / 1024


def _from(file: Path, label: str) -> int:
    """Kibibytes."""
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(label):
                return int(line.split()[1])
    return 0


def pin_postgres(pids: Iterable[int], cores: set[int]) -> bool:
    """False where they may not be moved (we are not root), or run elsewhere, and these pids are nobody's or others'."""
    try:
        for pid in pids:
            if Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
                return False
            os.sched_setaffinity(pid, cores)
    except OSError:
        return False
    return True
