"""Whether a reader ever sees what was there before a write that had been answered when the reader asked.

A writer numbers what it writes and notes in a ledger, which all processes share, the last number that was answered.
A reader looks at the ledger, asks, and compares. ``python -m tests.faults.staleness`` is one such reader: a process of
its own, over one connection to each server, so that between the answer to a write and the question of a reader there is
no lock.
"""

import json
import mmap
import random
import re
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event, Thread
from typing import Any, NamedTuple

import brotli

from tests.faults.client import Answer, Client, Dropped, NotConnected
from tests.faults.postgres import Cluster
from tests.faults.processes import BASE, HOST
from tests.faults.stitch import Site

LONG = "<p>" + "A sentence that comes again and again. " * 60 + "</p>"  # enough to be worth compressing
PAUSE = 0.02  # after a refusal
BREATH = 0.003  # between two reads: the machine has other things to do, a writer among them
MOST_TOLD = 10

SUBJECTS = ("single", "settings", "created", "toggled", "total")
_STOP = 2 * len(SUBJECTS)


class Ledger:
    """Of each subject: the last number that somebody tried to write, and the last one that was answered."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * (_STOP + 1)))
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    def tried(self, subject: str) -> int:
        return self._numbers[2 * SUBJECTS.index(subject)]

    def acknowledged(self, subject: str) -> int:
        return self._numbers[2 * SUBJECTS.index(subject) + 1]

    def try_next(self, subject: str) -> int:
        self._numbers[2 * SUBJECTS.index(subject)] += 1
        return self.tried(subject)

    def acknowledge(self, subject: str, number: int) -> None:
        self._numbers[2 * SUBJECTS.index(subject) + 1] = number

    @property
    def is_over(self) -> bool:
        return bool(self._numbers[_STOP])

    def end(self) -> None:
        self._numbers[_STOP] = 1


# --- Reading -------------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    subject: str
    path: str


QUESTIONS = (
    Question("single", "/posts/watched"),
    Question("single", "/posts?tag=watched"),
    Question("single", "/posts/watched?fields=title"),
    Question("settings", "/settings"),
    Question("created", "/posts?per_page=1"),
    Question("toggled", "/posts/toggled"),
    Question("total", "/posts?per_page=2&page=1"),
)
_NUMBERED = re.compile(rb"number (\d+)")
_TOTAL = re.compile(rb'"total":(\d+)')


class Line:
    """A connection that is kept alive. Raises OSError."""

    def __init__(self, port: int, *, encoding: str = "", patience: float = 40.0) -> None:
        self.port = port
        self._patience = patience
        self._headers = "\r\n".join(["Host: 127.0.0.1", *([f"Accept-Encoding: {encoding}"] if encoding else [])])
        self._socket: socket.socket | None = None
        self._came = b""

    def send(self, path: str) -> None:
        if self._socket is None:
            self._socket, self._came = socket.create_connection((HOST, self.port), self._patience), b""
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(f"GET /api/v1{path} HTTP/1.1\r\n{self._headers}\r\n\r\n".encode())

    def receive(self) -> tuple[int, bytes]:
        head = self._until(b"\r\n\r\n").lower()
        found = re.search(rb"content-length: (\d+)", head)
        body = self._exactly(int(found[1]) if found else 0)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), brotli.decompress(body) if b"content-encoding: br" in head else body

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _until(self, end: bytes) -> bytes:
        while end not in self._came:
            self._more()
        head, _, self._came = self._came.partition(end)
        return head

    def _exactly(self, length: int) -> bytes:
        while len(self._came) < length:
            self._more()
        body, self._came = self._came[:length], self._came[length:]
        return body

    def _more(self) -> None:
        assert self._socket is not None
        part = self._socket.recv(65_536)
        if not part:
            raise ConnectionResetError("The server has closed the connection.")
        self._came += part


@dataclass
class Reader:
    """One line to the server, and what came of it."""

    ledger: Ledger
    line: Line
    reads: int = 0
    dropped: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    _asked: tuple[Question, int] | None = None

    def read(self, question: Question) -> None:
        self.ask(question)
        self.look()

    def ask(self, question: Question) -> None:
        """``look`` has to follow; others may ask in between."""
        self._asked = (question, self.ledger.acknowledged(question.subject))
        try:
            self.line.send(question.path)
        except OSError:
            self._lose()

    def look(self) -> None:
        if self._asked is None:
            return
        (question, expected), self._asked = self._asked, None
        try:
            status, body = self.line.receive()
        except OSError:
            self._lose()
            return
        self.reads += 1
        self.statuses[status] += 1
        seen = _seen(question, status, body)
        if status < 500 and not self._may_be(question, expected, seen):
            self.stale.append(f"{question.path}: {expected} had been answered, and it said {seen} ({status})")

    def _may_be(self, question: Question, expected: int, seen: int | None) -> bool:
        if seen is not None:
            return seen >= expected
        if question.subject != "toggled":
            return expected == 0
        # Odd is public. Nothing is right where that is what was answered, or may have come after it.
        return expected % 2 == 0 or self.ledger.tried("toggled") > expected

    def _lose(self) -> None:
        self.line.close()
        self.dropped += 1
        self._asked = None

    def report(self) -> dict[str, Any]:
        stale = {"stale": len(self.stale), "examples": self.stale[:MOST_TOLD]}
        counts = {"reads": self.reads, "dropped": self.dropped, "statuses": self.statuses}
        return {"port": self.line.port, **counts, **stale}


def _seen(question: Question, status: int, body: bytes) -> int | None:
    """The number that the answer tells; None where it tells none."""
    if status != 200:
        return None
    found = (_TOTAL if question.subject == "total" else _NUMBERED).search(body)
    return int(found[1]) if found else None


def main(ports: Sequence[int], path: str, number: int) -> None:
    """Asks now the one server, now the other, and each time compares with what was answered by any of them."""
    ledger = Ledger(Path(path))
    readers = [Reader(ledger, Line(port, encoding="br" if number % 2 else "")) for port in ports]
    chance = random.Random(number)
    while not ledger.is_over:
        chance.choice(readers).read(chance.choice(QUESTIONS))
        time.sleep(BREATH)
    print(json.dumps([reader.report() for reader in readers]))


# --- Writing -------------------------------------------------------------------------------------------------------


class Writer(Thread):
    """Changes one post, the settings and what is public, one after another, and looks at once what is said of it.

    ``probes`` are lines of its own: no reader can ask sooner after a write than who has just been answered.
    """

    def __init__(self, ledger: Ledger, client: Client, probes: list[Line]) -> None:
        super().__init__(daemon=True)
        self.ledger, self.client = ledger, client
        self.answers: list[Answer] = []
        self.refused = 0
        self.probes = [Reader(ledger, probe) for probe in probes]
        self.is_over = Event()

    def prepare(self) -> None:
        """The posts that are written later; the total counts from here."""
        watched = {"title": "number 0", "slug": "watched", "tags": ["watched"], "published": True, "body": LONG}
        for content in (watched, {"title": "number 0", "slug": "toggled", "body": LONG}):
            answer = self.client.post("/posts", content)
            assert answer.status == 201, answer.content
        total = self.client.get("/posts").json()["total"] - 1  # the one that is toggled may be there or not
        self.ledger.acknowledge("total", max(total, 0))

    def run(self) -> None:
        turn = 0
        while not self.is_over.is_set():
            turn += 1
            self._write("single", "PATCH", "/posts/watched", {"title": "number {}"})
            self._write("settings", "PATCH", "/settings", {"tagline": "number {}"})
            if turn % 2:
                is_public = (self.ledger.tried("toggled") + 1) % 2 == 1
                self._write("toggled", "PATCH", self._toggled, {"title": "number {}", "published": is_public})
            if turn % 4 == 0 and self._write("created", "POST", "/posts", {"title": "number {}", "published": True}):
                self.ledger.acknowledge("total", self.ledger.acknowledged("total") + 1)

    _toggled = "/posts/toggled"

    def _write(self, subject: str, method: str, path: str, content: dict[str, Any]) -> bool:
        number = self.ledger.try_next(subject)
        body = {name: value.format(number) if isinstance(value, str) else value for name, value in content.items()}
        try:
            answer = self.client.ask(method, path, body)
        except (NotConnected, Dropped):
            answer = None
        if answer is None or answer.status >= 500:
            self.refused += 1
            time.sleep(PAUSE)
            return False
        assert answer.status in (200, 201), (method, path, answer.status, answer.content)
        self.answers.append(answer)
        self.ledger.acknowledge(subject, number)
        self._look(subject)
        return True

    def _look(self, subject: str) -> None:
        for number, probe in enumerate(self.probes):
            mine = [one for one in QUESTIONS if one.subject == subject]
            probe.ask(mine[number % len(mine)])
        for probe in self.probes:
            probe.look()


# --- Together ------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What came of a run; ``each``: what was read at each server, the one that is written at first."""

    seconds: float = 0.0
    reads: int = 0
    dropped: int = 0
    stale: int = 0
    examples: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    writes: list[float] = field(default_factory=list)  # how long each took
    refused: int = 0
    metrics: Counter[str] = field(default_factory=Counter)
    each: list["Seen"] = field(default_factory=list)

    def add(self, report: dict[str, Any]) -> None:
        self.reads += report["reads"]
        self.dropped += report["dropped"]
        self.stale += report["stale"]
        self.examples += report["examples"]
        self.statuses.update({int(status): count for status, count in report["statuses"].items()})

    @property
    def hits(self) -> float:
        """The share of public reads that came from memory. What a server has counted is lost when it is killed."""
        return share_of_hits(self.metrics)

    def took(self, share: float) -> float:
        """Milliseconds."""
        return 1000 * sorted(self.writes)[int(share * (len(self.writes) - 1))] if self.writes else 0.0

    def __str__(self) -> str:
        written = (
            f"{len(self.writes)} writes ({len(self.writes) / self.seconds:.0f}/s), p50 {self.took(0.5):.1f} ms, "
            f"p99 {self.took(0.99):.1f} ms, max {self.took(1):.0f} ms, {self.refused} refused"
        )
        each = self.each if len(self.each) > 1 else []
        return "; ".join([self._read, written, *(f"server {n}: {one._read}" for n, one in enumerate(each, 1))])

    @property
    def _read(self) -> str:
        return (
            f"{self.reads} reads in {self.seconds:.0f} s ({self.reads / self.seconds:.0f}/s) {dict(self.statuses)}, "
            f"{100 * self.hits:.0f} % hits, {self.stale} stale, {self.dropped} dropped"
        )


@contextmanager
def watched(
    site: Site, folder: Path, *, also_at: Sequence[Site] = (), readers: int = 8, probes: int = 8
) -> Iterator[Seen]:
    """A writer, at ``site``, and readers, at all, work until the block is left; then what they saw is complete."""
    sites = [site, *also_at]
    path, ports = folder / f"ledger-{time.monotonic_ns()}", [one.port for one in sites]
    ledger = Ledger(path)
    writer, seen = Writer(ledger, site.editor, lines(ports, probes)), Seen()
    writer.prepare()
    command = [sys.executable, "-m", "tests.faults.staleness", ",".join(map(str, ports)), str(path)]
    reading = [Popen([*command, str(n)], cwd=BASE, stdout=PIPE, text=True) for n in range(readers)]
    before, started = [edge_metrics(one) for one in sites], time.monotonic()
    writer.start()
    try:
        yield seen
    finally:
        seconds = time.monotonic() - started
        writer.is_over.set()
        writer.join(60)
        ledger.end()
        reports = [report for process in reading for report in json.loads(process.communicate(timeout=60)[0])]
        seen.seconds, seen.each = seconds, [Seen(seconds, metrics=Counter(edge_metrics(one))) for one in sites]
        for one, counted in zip(seen.each, before, strict=True):
            one.metrics.subtract(counted)
            seen.metrics.update(one.metrics)
        for report in (*reports, *(probe.report() for probe in writer.probes)):
            seen.add(report)
            seen.each[ports.index(report["port"])].add(report)
        for probe in writer.probes:
            probe.line.close()
        seen.writes, seen.refused = [answer.seconds for answer in writer.answers], writer.refused


def lines(ports: list[int], count: int) -> list[Line]:
    """To the servers in turn; to each of them every other one asks for what is compressed."""
    return [Line(ports[n % len(ports)], encoding="br" if n // len(ports) % 2 else "") for n in range(count)]


TOKEN = "a-token-of-many-letters"


def edge_metrics(site: Site) -> dict[str, int]:
    """Of all workers. A site has to be started with METRICS_TOKEN."""
    with suppress(NotConnected, Dropped):
        answer = site.visitor.ask("GET", "//metrics", None, {"Authorization": f"Bearer {TOKEN}"})
        lines = [line.rpartition(" ") for line in answer.content.decode().splitlines()]
        return {name: int(value) for name, _, value in lines if name.startswith("stitch_edge_")}
    return {}


def share_of_hits(counted: Mapping[str, int]) -> float:
    """Of all public reads."""
    hits, *others = (counted.get(f"stitch_edge_{name}_total", 0) for name in ("hits", "misses", "passed"))
    return hits / max(hits + sum(others), 1)


def restart(cluster: Cluster, how: signal.Signals) -> None:
    """``SIGINT`` is what ``pg_ctl restart`` does, ``SIGQUIT`` what a crash does."""
    process = cluster._running()
    process.send_signal(how)
    process.wait(20)
    cluster.start()


if __name__ == "__main__":
    main([int(port) for port in sys.argv[1].split(",")], sys.argv[2], int(sys.argv[3]))
