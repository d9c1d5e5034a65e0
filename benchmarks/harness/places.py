"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"
RESULTS = ROOT / "docs" / "performance"
SCRIPTS = BENCHMARKS / "wrk"
PRODUCT_PYTHON = ROOT / ".venv" / "bin" / "python"
PEERS_PYTHON = BENCHMARKS / ".venv" / "bin" / "python"
