"""The whole run: databases, servers, rounds, and what is written down. Started by ``benchmarks/run.py``."""

import argparse
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.harness import goals, groups, load, machine, pictures, report
from benchmarks.harness.databases import KINDS, Cluster, Content, make
from benchmarks.harness.groups import Run
from benchmarks.harness.places import RESULTS
from benchmarks.harness.rounds import Bench, Measured, Pace

GROUPS = ("hits", "misses", "writes", "waiting", "start_up", "growth")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
URL = "postgresql://postgres@127.0.0.1:5432/postgres"
WORDS, TAGS = 670, 5  # some 4 KB of body
SMALL_WORDS, SMALL_TAGS = 20, 1  # for growth: a million whole posts would fill 15 GB and tell nothing more


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description="Measures public reads, writes and peers.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--seconds", type=int, default=3, help="of one measurement (3)")
    parser.add_argument("--warm-up", type=int, default=1, help="seconds before each measurement; 0: none (1)")
    parser.add_argument("--rows", type=int, default=10_000, help="posts for everything but growth (10000)")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help="posts for growth (1000,10000,100000,1000000)")
    parser.add_argument("--only", type=_groups, default=GROUPS, help=f"some of {','.join(GROUPS)}")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where results are written (docs/performance)")
    parser.add_argument("--prefix", default="stitch_bench", help="what its databases' names begin with")
    parser.add_argument("--keep", action="store_true", help="leave the databases for the next run")
    parser.add_argument("--server-core", type=int, default=None, help="the core of the servers (the first there is)")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(","))
    if min(sizes) < 1000:
        raise argparse.ArgumentTypeError("at least 1000 posts each")
    return sizes


def _groups(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := set(wanted) - set(GROUPS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return wanted


def main() -> None:
    asked = arguments()
    load.require_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that servers and databases go, too
    cluster = Cluster(os.environ.get("DATABASE_URL", URL), asked.prefix)
    bench = Bench(_pace(asked), cluster)
    content = Content(asked.rows, WORDS, TAGS, is_whole=True)
    sizes = [Content(count, SMALL_WORDS, SMALL_TAGS, is_whole=False) for count in asked.sizes]
    began = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="stitch-bench-") as folder:
            run = Run(bench, cluster, content, Path(folder))
            _measure(run, asked.only, sizes)
            _write_down(run, asked, began)
    finally:
        if not asked.keep:
            for database in cluster.all():
                cluster.drop(database)


def _pace(asked: argparse.Namespace) -> Pace:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("Two cores are needed: one for the server, the others for PostgreSQL and the load.")
    server = cores[0] if asked.server_core is None else asked.server_core
    return Pace(asked.rounds, asked.seconds, asked.warm_up, server, set(cores) - {server})


def _measure(run: Run, only: tuple[str, ...], sizes: list[Content]) -> None:
    if set(only) - {"growth"}:
        print("Databases", flush=True)
        make(run.cluster, run.content, KINDS)
    for name in GROUPS:
        if name not in only:
            continue
        print(name.replace("_", " ").capitalize(), flush=True)
        if name == "growth":
            for content in sizes:
                make(run.cluster, content, ("stitch", "fastapi"))
            groups.growth(run, sizes)
        else:
            getattr(groups, name)(run)


def _write_down(run: Run, asked: argparse.Namespace, began: datetime) -> None:
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    about = {
        "began": f"{began:%Y-%m-%d %H:%M} UTC",
        "rounds": str(asked.rounds),
        "seconds of each": str(asked.seconds),
        "posts": f"{asked.rows:,}, of some 4 KB",
        "PostgreSQL off the server's core": "yes" if run.bench.is_database_pinned else "no",
        **machine.describe(run.cluster),
    }
    document = {
        "about": about,
        "questions": {one.key: one.as_dict() for one in run.measured},
        "memory": run.memory,
        "start_up_seconds": run.start_up,
    }
    (out / "benchmarks.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    text = _markdown(run, about, list(asked.sizes))
    (out / "benchmarks.md").write_text(text)
    growth = _growth(run.measured)
    if growth:
        (out / "growth.svg").write_text(pictures.growth(growth, list(asked.sizes)))
    print(f"\n{text}\nWritten to {out}: benchmarks.json, benchmarks.md{', growth.svg' if growth else ''}")


def _growth(measured: list[Measured]) -> dict[str, Measured]:
    return {one.key: one for one in measured if one.key.startswith("growth_")}


def _markdown(run: Run, about: dict[str, str], sizes: list[int]) -> str:
    parts = ["# Benchmarks", INTRODUCTION, report.table(("", ""), list(about.items()), are_numbers=False)]
    parts += ["## What public reads must reach", goals.table(run.measured, run.memory, run.start_up)]
    parts.append("## Requests")
    parts += [report.question_table(one) for one in run.measured if not one.key.startswith("growth_")]
    if growth := _growth(run.measured):
        parts += ["## Growth", GROWTH, "![Growth curves](growth.svg)", report.growth_table(growth, sizes)]
    if run.memory:
        parts += ["## Memory after load", report.memory_table(run.memory)]
    if run.start_up:
        parts += ["## Start-up", START_UP, report.start_up_table(run.start_up, _titles())]
    return "\n\n".join(parts) + "\n"


def _titles() -> dict[str, Any]:
    from benchmarks.harness import servers

    return {one.key: one.title for one in (servers.PRODUCTION, servers.FASTAPI, servers.DRF)}


INTRODUCTION = """Written by `python benchmarks/run.py`; `benchmarks/README.md` says how it measures. Medians of the
rounds. A ratio compares requests per second with the baseline of the same round (the line with ratio 1), and beside it
stand the lowest and the highest of them. "Server's core" is how busy the server kept its one core: where that is well
below 100 %, PostgreSQL or the load was the limit, and not the server."""
GROWTH = f"""Posts of {SMALL_WORDS} words with one tag, and only the tables that public reads touch. The cache
is off. Where a list has no page 500, its last pages are asked for."""
START_UP = "From the start of the process to the first answer, with warm files."


if __name__ == "__main__":
    main()
