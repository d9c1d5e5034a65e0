"""Measures Stitch and its peers, side by side: ``python benchmarks/run.py`` (``--help`` lists what can be chosen).

Makes ``benchmarks/.venv`` for the peers the first time, and databases of its own on the PostgreSQL of DATABASE_URL.
Needs ``make install`` (the product's ``.venv``), wrk, taskset, two cores and Linux.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT_PYTHON = ROOT / ".venv" / "bin" / "python"
VENV = ROOT / "benchmarks" / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
STAMP = VENV / ".installed"


def main() -> None:
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed. On Debian and Ubuntu: apt-get install -y {package}")
    if not PRODUCT_PYTHON.exists():
        sys.exit("The product is not installed yet: make install")
    install()
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "benchmarks.harness.main", *sys.argv[1:]])  # noqa: S606


def install() -> None:
    """The peers' packages, with the product's own Python, so that all run on the same."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Making benchmarks/.venv; this happens once", flush=True)
    subprocess.run([PRODUCT_PYTHON, "-m", "venv", "--clear", VENV], check=True)
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]
    if subprocess.run(command, env=quiet, check=False).returncode:
        sys.exit("The peers' packages could not be installed; what pip says stands above.")
    STAMP.write_text(wanted)


if __name__ == "__main__":
    main()
