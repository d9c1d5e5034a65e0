"""What is measured together: its servers run side by side, so that each round asks all of them in turn."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import checks, processes, questions, servers
from benchmarks.harness.databases import Cluster, Content
from benchmarks.harness.load import Load, write_lines
from benchmarks.harness.questions import Question
from benchmarks.harness.rounds import Bench, Measured, begin, rotated
from benchmarks.harness.servers import Program, Server, all_running, running

LANES = (8, 32, 64)
READERS = (8, 32, 64)


@dataclass
class Run:
    """One run of everything: where it works, and what it has found."""

    bench: Bench
    cluster: Cluster
    content: Content
    folder: Path
    measured: list[Measured] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    start_up: dict[str, list[float]] = field(default_factory=dict)

    @property
    def core(self) -> int:
        return self.bench.pace.server_core

    def database(self, kind: str) -> str:
        return self.cluster.name(kind, self.content)

    def url(self, program: Program) -> str:
        return self.cluster.url(self.database(program.database or "stitch"))

    def databases(self, programs: tuple[Program, ...]) -> dict[str, str]:
        return {one.key: self.database(one.database) for one in programs if one.database}

    def remember_memory(self, group: str, running_: dict[str, Server]) -> None:
        for server in running_.values():
            self.memory.append(
                {
                    "group": group,
                    "variant": server.program.key,
                    "title": server.program.title,
                    "worker_rss_mib": round(processes.resident_mib(server.worker), 1),
                    "all_pss_mib": round(processes.proportional_mib(server.pids), 1),
                }
            )


def hits(run: Run) -> None:
    """From memory, against an application that has nothing but the same bytes in memory."""
    captured, count = run.folder / "captured.json", run.content.count
    with running(servers.HIT, url=run.url(servers.HIT), core=run.core, folder=run.folder) as product:
        checks.capture(product, questions.hit_targets(count), captured)
        bare = (servers.bare(captured), servers.bare_guarded(captured))
        urls = {program: run.url(program) for program in bare}
        with all_running(urls, core=run.core, folder=run.folder) as others:
            for other in others.values():
                checks.same_bytes(product, other, questions.hit_targets(count)[:: questions.HOT // 20])
            together = {**others, servers.HIT.key: product}
            databases = {servers.HIT.key: run.database("stitch")}
            run.measured += run.bench.rounds(questions.hits(run.folder, count), together, databases)
            run.remember_memory("hits", together)
        _fill(product, count)
        run.remember_memory("hits, its memory full", {servers.HIT.key: product})


def _fill(product: Server, count: int) -> None:
    """More than there is room for, in all encodings, so that answers have come and gone."""
    print("  filling its memory", flush=True)
    for encoding in ("identity", "gzip", "br", "identity"):
        for target in questions.singles(count, some=count):
            product.ask("GET", target, headers={"Accept-Encoding": encoding})


def misses(run: Run) -> None:
    """From the database, each time. In two parts, which leaves PostgreSQL connections to spare."""
    count = run.content.count
    _miss(run, (servers.MISS, servers.FASTAPI, servers.DRF), questions.misses(run.folder, count), "misses")
    others = (servers.FILLING, servers.FASTAPI, servers.FASTAPI_CORE)
    _miss(run, others, questions.other_ways(run.folder, count), "misses, other ways")


def _miss(run: Run, programs: tuple[Program, ...], asked: list[Question], group: str) -> None:
    with all_running({one: run.url(one) for one in programs}, core=run.core, folder=run.folder) as together:
        product, *peers = (together[one.key] for one in programs)
        for peer in peers:
            if peer.program is servers.DRF:
                checks.compare_loosely(product, peer)
            else:
                checks.compare(product, peer, _samples(run.content.count))
        run.measured += run.bench.rounds(asked, together, run.databases(programs))
        run.remember_memory(group, together)


def _samples(count: int) -> list[str]:
    several = (questions.singles(count, some=20), questions.first_pages(), questions.deep_pages(count))
    more = (questions.searches(count), questions.tags(), ["/api/v1/settings"])
    return [target for targets in (*several, *more) for target in targets]


def writes(run: Run) -> None:
    """Into copies of the databases, so that what is read stays as it is."""
    programs = (servers.PRODUCTION, servers.WORKERS, servers.FASTAPI, servers.DRF)
    copies = {one.key: f"{run.cluster.prefix}_written_{one.key}" for one in programs}
    try:
        for one in programs:
            run.cluster.create(copies[one.key], template=run.database(one.database))
            run.cluster.settle(copies[one.key])
        urls = {one: run.cluster.url(copies[one.key]) for one in programs}
        with all_running(urls, core=run.core, folder=run.folder) as together:
            _write(run, together, copies)
            run.remember_memory("writes", together)
    finally:
        for database in copies.values():
            run.cluster.drop(database)


def _write(run: Run, together: dict[str, Server], databases: dict[str, str]) -> None:
    headers = {key: questions.authorization(server) for key, server in together.items()}
    for key, server in together.items():
        checks.write_once(server, headers[key])

    def load_for(question: Question, key: str) -> Load:
        connections = question.load.connections
        if question.key == "login":
            return questions.login_load(run.folder, connections=connections)
        return questions.write_load(run.folder, header=headers[key], connections=connections)

    run.measured += run.bench.rounds(WRITES, together, databases, load_for)


WRITERS = ("stitch", "stitch_workers", "fastapi", "drf")
WRITES = [
    Question("write", "write of one post, one client", Load("write", (), 1), WRITERS, "fastapi"),
    Question("write_8", "write of one post, 8 clients", Load("write", (), 8), WRITERS, "fastapi"),
    Question("login", "login (bcrypt), 4 clients", Load("write", (), 4), ("stitch", "fastapi"), "fastapi"),
]


def waiting(run: Run) -> None:
    """64 requests at a time, each of which waits 5 ms in the database."""
    ours = (*(servers.readers(count) for count in READERS), *(servers.lanes(count) for count in LANES))
    programs = (*ours, servers.STOCK)
    load = Load("read", (write_lines(run.folder / "waiting.txt", ["/wait"]),), 64)
    found = Measured("waiting", "64 at once, each waiting 5 ms in the database", "stock", load.connections)
    for number in range(run.bench.pace.rounds):
        for program in rotated(programs, number):  # one after the other: together they would need 136 connections
            with running(program, url=run.url(program), core=run.core, folder=run.folder) as server:
                found.add(program, run.bench.measure(server, load, run.database("stitch")))
                if number == 0:
                    run.remember_memory("waiting", {program.key: server})
    run.measured.append(found)


def start_up(run: Run) -> None:
    """Seconds from the start of the process to the first answer; the first time, which reads from disk, is left out."""
    programs = (servers.PRODUCTION, servers.FASTAPI, servers.DRF)
    for number in range(run.bench.pace.rounds + 1):
        for program in rotated(programs, number):
            before = time.monotonic()
            with running(program, url=run.url(program), core=run.core, folder=run.folder):
                took = time.monotonic() - before
            if number:
                run.start_up.setdefault(program.key, []).append(round(took, 3))
                print(f"  {number}  {program.title:42} {took:.2f} s", flush=True)


def growth(run: Run, contents: list[Content]) -> None:
    """The same three questions at every size; the servers of one size at a time, or there were too many connections."""
    programs = (servers.MISS, servers.FASTAPI)
    asked = {content.count: questions.growth(run.folder, content.count) for content in contents}
    found = {question.key: begin(question) for several in asked.values() for question in several}
    for number in range(run.bench.pace.rounds):
        for content in rotated(tuple(contents), number):
            names = {one.key: run.cluster.name(one.database, content) for one in programs}
            urls = {one: run.cluster.url(names[one.key]) for one in programs}
            with all_running(urls, core=run.core, folder=run.folder) as together:
                if number == 0:
                    same = [*questions.singles(content.count, some=5), *questions.deep_pages(content.count)]
                    checks.compare(together[servers.MISS.key], together[servers.FASTAPI.key], same)
                for question in asked[content.count]:
                    for key in rotated(question.asked, number):
                        result = run.bench.measure(together[key], question.load, names[key])
                        found[question.key].add(together[key].program, result)
    run.measured += found.values()
