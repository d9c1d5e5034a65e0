"""Counters and gauges for ``GET /metrics``: plain numbers of a process, summed over the workers of one machine.

Declare at the top of a module that ``asgi.py`` or ``urls.py`` loads, and count wherever it happens::

    hits = metrics.counter("stitch_edge_hits_total", "Answers from memory.")
    hits.value += 1

    metrics.gauge("stitch_edge_bytes", "What the kept answers weigh.", lambda: cache.bytes)

    purges = metrics.histogram("stitch_purge_seconds", "How long a purge takes.", (0.1, 1.0), provider="fastly")
    purges.observe(0.2)

A name may be declared several times, each time with other values of the same labels.

Under gunicorn every worker has a *slot*, a row of numbers in memory that fork shares, and writes it once a second and
when it is asked itself. Whoever is asked adds the rows up. When a worker has died, the next one goes on with its slot
and counts, so that counters never fall; gauges of the dead are left out. ``gunicorn.conf.py`` calls ``reserve``,
``adopt`` and ``release``; where nobody does, a process tells its own numbers (docs/metrics.md).
"""

import logging
import math
import mmap
import re
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from typing import Literal

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
SLOTS = 512  # twice the most that WEB_CONCURRENCY allows: at a reload the old workers stay for a while
STATM = Path("/proc/self/statm")  # Linux

Kind = Literal["counter", "gauge", "histogram"]
Fold = Callable[[Iterable[float]], float]
Labels = dict[str, str]

_NAME = re.compile(r"stitch_[a-z][a-z0-9_]*", re.ASCII)
_LABEL = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_VALUE = re.compile(r"[\w.+-]{1,64}", re.ASCII)  # nothing that would have to be escaped
_TEXT = re.compile(r"[^\\\n\r]+")
_RESERVED = {"le", "quantile", "worker"}
_NEVER_USED, _ALIVE, _DEAD = 0.0, 1.0, 2.0  # the first number of a slot


class Counter:
    """``counter.value += 1``, never less.

    No lock: CPython with its global lock changes threads between reading and storing an attribute only where a call or
    a loop comes in between, so lanes may count as well. ``tests/core/test_metrics.py`` watches over it.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Gauge:
    """Costs nothing until it is looked at: once a second, in a thread of its own, and when somebody asks."""

    __slots__ = ("_name", "_read")

    def __init__(self, name: str, read: Callable[[], float]) -> None:
        self._name, self._read = name, read

    @property
    def value(self) -> float:
        """NaN where it cannot be told: the other numbers are worth telling all the same."""
        try:
            return self._read()
        except Exception:
            logger.exception("%s cannot be read", self._name)
            return math.nan


class Histogram:
    """Of seconds, mostly. A bucket counts what is at most its bound and more than the one below it."""

    __slots__ = ("_bounds", "_buckets", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._buckets = [Counter() for _ in (*bounds, math.inf)]
        self._sum = Counter()

    @property
    def counters(self) -> list[Counter]:
        return [*self._buckets, self._sum]

    def observe(self, amount: float) -> None:
        self._buckets[bisect_left(self._bounds, amount)].value += 1
        self._sum.value += amount


@dataclass(frozen=True)
class Row:
    """The numbers of one worker, in the order of declaration."""

    worker: int
    is_alive: bool
    numbers: list[float]


class Slots:
    """Rows of doubles in memory that fork shares. Each has one writer, and eight aligned bytes are stored at once.

    The master alone hands slots out, before it forks, and takes them back after a death: no two workers have the same.
    """

    def __init__(self, count: int, width: int) -> None:
        self._count, self._width = count, width
        self._numbers = memoryview(mmap.mmap(-1, count * (width + 1) * 8)).cast("d")
        self._free = list(range(count))

    def reserve(self) -> int | None:
        """The lowest that is free. None: there are none left."""
        return heappop(self._free) if self._free else None

    def release(self, slot: int) -> None:
        """The counts stay."""
        self._numbers[self._start(slot)] = _DEAD
        heappush(self._free, slot)

    def write(self, slot: int, numbers: Iterable[float]) -> None:
        start = self._start(slot)
        for place, number in enumerate(numbers, start + 1):
            self._numbers[place] = number
        self._numbers[start] = _ALIVE  # last, so that nobody sees the gauges of the worker before

    def read(self, slot: int) -> Row:
        start = self._start(slot)
        state, *numbers = list(self._numbers[start : start + self._width + 1])
        return Row(slot, state == _ALIVE, numbers)

    def rows(self) -> list[Row]:
        """Of all that were ever used."""
        return [self.read(slot) for slot in range(self._count) if self._numbers[self._start(slot)] != _NEVER_USED]

    def _start(self, slot: int) -> int:
        return slot * (self._width + 1)


Samples = Callable[[list[Row]], Iterator[str]]


@dataclass
class Family:
    """What shares a name. ``samples`` makes the lines of each set of labels."""

    name: str
    text: str
    kind: Kind
    label_names: tuple[str, ...]
    samples: dict[str, Samples] = field(default_factory=dict)

    def lines(self, rows: list[Row]) -> Iterator[str]:
        yield f"# HELP {self.name} {self.text}\n"
        yield f"# TYPE {self.name} {self.kind}\n"
        for lines in self.samples.values():
            yield from lines(rows)


class Registry:
    """All that is declared. A process has one, and the functions of this module are its methods."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self._families: dict[str, Family] = {}
        self._cells: list[Counter | Gauge] = []
        self._slots: Slots | None = None
        self._reserved: dict[Hashable, int] = {}  # by worker; a worker has the master's as it was at the fork
        self._own_slot: int | None = None
        self._writing = threading.Lock()  # within a process: older numbers must not come over newer ones

    # --- Declaring: ValueError for what is no good name, text, label or bound, or is there already ------------------

    def counter(self, name: str, text: str, /, **labels: str) -> Counter:
        """Its name ends in ``_total``."""
        if not name.endswith("_total"):
            raise ValueError(f"The name of a counter ends in _total: {name!r}")
        place, counter = len(self._cells), Counter()

        def samples(rows: list[Row]) -> Iterator[str]:
            yield _line(name, labels, _total(rows, place))

        self._declare(Family(name, text, "counter", tuple(labels)), labels, samples, [counter])
        return counter

    def gauge(
        self, name: str, text: str, read: Callable[[], float], /, *, fold: Fold | None = sum, **labels: str
    ) -> None:
        """``read`` may be called in any thread: it looks at a number, and neither waits nor walks through anything.

        ``fold`` makes one number of those of all living workers. None tells each of them, with a label ``worker``.
        """
        place = len(self._cells)

        def samples(rows: list[Row]) -> Iterator[str]:
            living = {row.worker: row.numbers[place] for row in rows if row.is_alive}
            if fold is not None:
                yield _line(name, labels, fold(living.values()))
            else:
                yield from (_line(name, {**labels, "worker": str(one)}, living[one]) for one in living)

        self._declare(Family(name, text, "gauge", tuple(labels)), labels, samples, [Gauge(name, read)])

    def histogram(self, name: str, text: str, bounds: tuple[float, ...], /, **labels: str) -> Histogram:
        """``bounds`` grow. A last bucket for what is above them all comes by itself."""
        if not bounds or list(bounds) != sorted(set(bounds)) or not all(map(math.isfinite, bounds)):
            raise ValueError(f"The bounds of {name!r} have to be finite and to grow: {bounds!r}")
        place, histogram = len(self._cells), Histogram(bounds)

        def samples(rows: list[Row]) -> Iterator[str]:
            count = 0.0
            for offset, bound in enumerate((*bounds, math.inf)):
                count += _total(rows, place + offset)
                yield _line(f"{name}_bucket", {**labels, "le": _number(bound)}, count)
            yield _line(f"{name}_sum", labels, _total(rows, place + len(bounds) + 1))
            yield _line(f"{name}_count", labels, count)

        self._declare(Family(name, text, "histogram", tuple(labels)), labels, samples, histogram.counters)
        return histogram

    def _declare(self, new: Family, labels: Labels, samples: Samples, cells: Iterable[Counter | Gauge]) -> None:
        if self._slots is not None:
            raise RuntimeError(
                f"{new.name}: workers are forked already; declare it where asgi.py or urls.py imports it."
            )
        _check(new, labels)
        family = self._families.setdefault(new.name, new)
        if (family.text, family.kind, family.label_names) != (new.text, new.kind, new.label_names):
            raise ValueError(f"{new.name} is declared already, with another text, kind or labels.")
        if _shown(labels) in family.samples:
            raise ValueError(f"{new.name}{_shown(labels)} is declared already.")
        family.samples[_shown(labels)] = samples
        self._cells += cells

    # --- Sharing ---------------------------------------------------------------------------------------------------

    def reserve(self, worker: Hashable) -> None:
        """In the master, before it forks ``worker``. From the first time on nothing more can be declared."""
        if self._slots is None:
            self._slots = Slots(SLOTS, len(self._cells))
        slot = self._slots.reserve()
        if slot is None:
            logger.warning("More than %s workers: what the next one counts is left out of the metrics", SLOTS)
        else:
            self._reserved[worker] = slot

    def adopt(self, worker: Hashable) -> bool:
        """In the worker, before it counts anything: it goes on where the one before stopped. False: without a slot."""
        self.started_at, self._own_slot = time.time(), self._reserved.get(worker)
        if self._slots is None or self._own_slot is None:
            return False
        for cell, number in zip(self._cells, self._slots.read(self._own_slot).numbers, strict=True):
            if isinstance(cell, Counter):
                cell.value = number
        self.write()
        return True

    def release(self, worker: Hashable) -> None:
        """In the master, when the worker is dead."""
        slot = self._reserved.pop(worker, None)
        if self._slots is not None and slot is not None:
            self._slots.release(slot)

    def write(self) -> None:
        """What the others see of this process. Also the last thing that a worker does which leaves in peace."""
        if self._slots is not None and self._own_slot is not None:
            with self._writing:
                self._slots.write(self._own_slot, self._own())

    def _own(self) -> list[float]:
        return [cell.value for cell in self._cells]

    # --- Telling ---------------------------------------------------------------------------------------------------

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format 0.0.4."""
        self.write()
        rows = self._slots.rows() if self._slots is not None else [Row(0, True, self._own())]
        return "".join(line for family in self._families.values() for line in family.lines(rows)).encode()


def _check(family: Family, labels: Labels) -> None:
    if not _NAME.fullmatch(family.name) or not _TEXT.fullmatch(family.text):
        raise ValueError(f"No name or text of a metric: {family.name!r}, {family.text!r}")
    for label, value in labels.items():
        if not _LABEL.fullmatch(label) or label in _RESERVED or not _VALUE.fullmatch(value):
            raise ValueError(f"No label of a metric: {label}={value!r}")


def _total(rows: list[Row], place: int) -> float:
    """Of the living and the dead."""
    return sum(row.numbers[place] for row in rows)


def _line(name: str, labels: Labels, number: float) -> str:
    return f"{name}{_shown(labels)} {_number(number)}\n"


def _shown(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _number(number: float) -> str:
    """Whole numbers without a point, up to where doubles are exact."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) else repr(number)


def resident_bytes() -> int:
    """The memory of this process, what it shares with others included."""
    return int(STATM.read_text().split()[1]) * mmap.PAGESIZE


_registry = Registry()
counter, gauge, histogram = _registry.counter, _registry.gauge, _registry.histogram
reserve, release, write = _registry.reserve, _registry.release, _registry.write
exposition = _registry.exposition


def adopt(worker: Hashable) -> None:
    """In a worker of gunicorn, right after the fork. What it counts is written even while its event loop hangs."""
    if _registry.adopt(worker):
        threading.Thread(target=_keep_writing, name="metrics", daemon=True).start()


def _keep_writing() -> None:
    while True:
        time.sleep(WRITE_SECONDS)
        write()


gauge(
    "stitch_process_start_time_seconds",
    "When each worker started, in seconds since 1970.",
    lambda: _registry.started_at,
    fold=None,
)
if STATM.exists():
    gauge(
        "stitch_process_resident_memory_bytes",
        "Memory of each worker, what it shares with others included.",
        resident_bytes,
        fold=None,
    )
