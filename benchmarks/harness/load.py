"""The load: wrk, in one thread, on the cores that the server has not."""

import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.places import SCRIPTS

HOW_TO_GET_IT = "wrk is not installed. On Debian and Ubuntu: apt-get install -y wrk. Nothing else stands in for it."


@dataclass(frozen=True)
class Load:
    """What wrk does: a script of ``benchmarks/wrk`` with its arguments, over so many connections."""

    script: str
    arguments: tuple[str, ...]
    connections: int
    at_least_seconds: int = 0  # where a request takes so long that a short round would count a handful


@dataclass(frozen=True)
class Result:
    """Of one round. Latencies are milliseconds as wrk's connections saw them."""

    requests: int
    requests_per_second: float
    p50: float
    p99: float
    bytes_each: int
    failed: int
    server_cpu: float = 0.0  # of one core; below 0.9 something else was the limit

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def require_wrk() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit(HOW_TO_GET_IT)


def put(load: Load, url: str, *, seconds: float, cores: set[int]) -> Result:
    """Whole seconds are all that wrk knows; less than one is made one."""
    duration = max(1, round(seconds), load.at_least_seconds)
    command = [
        *("taskset", "-c", ",".join(map(str, sorted(cores)))),
        *("wrk", "-t1", f"-c{load.connections}", f"-d{duration}s", "--timeout", "20s"),
        *("-s", str(SCRIPTS / f"{load.script}.lua"), url, "--", *load.arguments),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=duration + 60, check=False)
    line = next((line for line in answer.stdout.splitlines() if line.startswith("RESULT ")), None)
    if answer.returncode or line is None:
        raise SystemExit(f"wrk failed:\n{answer.stdout}{answer.stderr}")
    return _result(json.loads(line.removeprefix("RESULT ")))


def _result(found: dict[str, int]) -> Result:
    requests = found["requests"]
    return Result(
        requests=requests,
        requests_per_second=requests / (found["microseconds"] / 1e6),
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
        bytes_each=round(found["bytes"] / requests) if requests else 0,
        failed=found["failed"],
    )


def write_lines(file: Path, lines: list[str]) -> str:
    file.write_text("\n".join(lines) + "\n")
    return str(file)
