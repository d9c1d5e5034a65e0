"""Rounds: in each one every variant is measured once, and another one begins each time."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.harness import load, processes
from benchmarks.harness.databases import Cluster
from benchmarks.harness.load import Load, Result
from benchmarks.harness.questions import Question
from benchmarks.harness.servers import Program, Server


@dataclass(frozen=True)
class Pace:
    rounds: int
    seconds: float
    warm_up: float
    server_core: int
    load_cores: set[int]


@dataclass
class Cell:
    """One variant's results for one question, a round after the other."""

    title: str
    results: list[Result] = field(default_factory=list)


@dataclass
class Measured:
    """One question: what each variant that was asked made of it."""

    key: str
    title: str
    baseline: str
    connections: int
    cells: dict[str, Cell] = field(default_factory=dict)

    def add(self, program: Program, result: Result) -> None:
        cell = self.cells.setdefault(program.key, Cell(program.title))
        cell.results.append(result)
        say(len(cell.results), self.title, program.title, result)

    def as_dict(self) -> dict[str, Any]:
        cells = {
            key: {"title": cell.title, "rounds": [one.as_dict() for one in cell.results]}
            for key, cell in self.cells.items()
        }
        return {
            "title": self.title,
            "baseline": self.baseline,
            "connections": self.connections,
            "variants": cells,
        }


class Bench:
    """Measures servers that run, and keeps PostgreSQL off their core."""

    def __init__(self, pace: Pace, cluster: Cluster) -> None:
        self.pace, self._cluster = pace, cluster
        self.is_database_pinned = True

    def measure(self, server: Server, load_: Load, database: str) -> Result:
        """Warm-up first; then PostgreSQL's processes for this server are there, and can be moved."""
        pace = self.pace
        self._cluster.wait_until_quiet()
        if pace.warm_up:
            load.put(load_, server.url, seconds=pace.warm_up, cores=pace.load_cores)
        if database and not processes.pin_postgres(self._cluster.backends(database), pace.load_cores):
            self.is_database_pinned = False
        pids = server.pids
        before = processes.cpu_seconds(pids)
        result = load.put(load_, server.url, seconds=pace.seconds, cores=pace.load_cores)
        used = processes.cpu_seconds(pids) - before
        return replace(result, server_cpu=used * result.requests_per_second / max(result.requests, 1))

    def rounds(
        self,
        questions: list[Question],
        servers: dict[str, Server],
        databases: dict[str, str],
        load_for: Callable[[Question, str], Load] | None = None,
    ) -> list[Measured]:
        """``databases`` and ``servers`` by the key of a program; ``load_for`` where each variant has its own load."""
        measured = [begin(question) for question in questions]
        for number in range(self.pace.rounds):
            for question, found in zip(questions, measured, strict=True):
                for key in rotated(question.asked, number):
                    load_ = load_for(question, key) if load_for else question.load
                    found.add(servers[key].program, self.measure(servers[key], load_, databases.get(key, "")))
        return measured


def begin(question: Question) -> Measured:
    return Measured(question.key, question.title, question.baseline, question.load.connections)


def rotated[T](several: tuple[T, ...], by: int) -> tuple[T, ...]:
    start = by % len(several)
    return several[start:] + several[:start]


def say(number: int, question: str, variant: str, result: Result) -> None:
    failed = f"  FAILED {result.failed}" if result.failed else ""
    print(
        f"  {number}  {question[:44]:44}  {variant[:42]:42} {result.requests_per_second:9,.0f}/s"
        f"  p50 {result.p50:8.2f} ms  p99 {result.p99:8.2f} ms  cpu {result.server_cpu:4.0%}{failed}",
        flush=True,
    )
