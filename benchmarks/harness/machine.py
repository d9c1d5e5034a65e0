"""What it was measured on, as far as it explains the figures; nothing that names the machine."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.harness.databases import Cluster
from benchmarks.harness.places import PRODUCT_PYTHON, ROOT

PACKAGES = ("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "djangorestframework", "uvicorn", "gunicorn")
_SETTINGS = ("shared_buffers", "synchronous_commit", "fsync", "jit")


def describe(cluster: Cluster) -> dict[str, str]:
    with cluster.connected() as connection:
        shown = {name: (connection.execute(f"SHOW {name}").fetchone() or ("?",))[0] for name in _SETTINGS}
        postgresql = (connection.execute("SHOW server_version").fetchone() or ("?",))[0]
    return {
        "cpu": f"{_cpu()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": f"{postgresql.split()[0]} ({', '.join(f'{name} {value}' for name, value in shown.items())})",
        "stitch": _commit(),
        "packages of Stitch": _product_versions(),
        "packages of the peers": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = " and what was not committed" if git("status", "--porcelain") else ""
    return f"{git('rev-parse', '--short', 'HEAD') or '?'}{changed}"


def _product_versions() -> str:
    names = ("django", "psycopg", "orjson", "uvicorn", "gunicorn")
    code = f"from importlib.metadata import version; print(*(f'{{n}} {{version(n)}}' for n in {names!r}), sep=', ')"
    return subprocess.run([PRODUCT_PYTHON, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
