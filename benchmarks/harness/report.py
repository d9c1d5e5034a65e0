"""From rounds to figures: medians, and ratios to the baseline of the same round, so that a slow minute hits both."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from benchmarks.harness.load import Result
from benchmarks.harness.rounds import Cell, Measured

Document = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    requests_per_second: float
    p50: float
    p99: float
    ratio: float  # of requests per second, to the baseline
    ratio_low: float
    ratio_high: float
    p50_ratio: float
    server_cpu: float
    cpu_microseconds: float  # of the server, for each request
    failed: int


def figures(measured: Measured, key: str) -> Figures:
    cell, base = measured.cells[key], measured.cells[measured.baseline]
    rates = _ratios(cell, base, "requests_per_second")
    return Figures(
        requests_per_second=_median(cell, "requests_per_second"),
        p50=_median(cell, "p50"),
        p99=_median(cell, "p99"),
        ratio=median(rates),
        ratio_low=min(rates),
        ratio_high=max(rates),
        p50_ratio=median(_ratios(cell, base, "p50")),
        server_cpu=_median(cell, "server_cpu"),
        cpu_microseconds=median(
            one.server_cpu / one.requests_per_second * 1e6 if one.requests else 0.0 for one in cell.results
        ),
        failed=sum(result.failed for result in cell.results),
    )


def _median(cell: Cell, name: str) -> float:
    return median(float(getattr(result, name)) for result in cell.results)


def _ratios(cell: Cell, base: Cell, name: str) -> list[float]:
    def value(result: Result) -> float:
        return float(getattr(result, name))

    pairs = zip(cell.results, base.results, strict=True)
    return [value(one) / value(other) if value(other) else inf for one, other in pairs]


# --- Markdown ------------------------------------------------------------------------------------------------------


def table(header: tuple[str, ...], lines: Sequence[tuple[str, ...]], *, are_numbers: bool = True) -> str:
    """The first column is text, the others are numbers unless it is said."""
    ruler = ("---", *("---:" if are_numbers else "---" for _ in header[1:]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *lines))


def question_table(measured: Measured) -> str:
    header = ("", "requests/s", "p50 ms", "p99 ms", "ratio", "lowest–highest", "server's core", "CPU µs each")
    clients = f"{measured.connections} connection{'s' if measured.connections > 1 else ''}"
    return f"### {measured.title}\n\n{clients}.\n\n" + table(header, [_line(measured, key) for key in measured.cells])


def _line(measured: Measured, key: str) -> tuple[str, ...]:
    found = figures(measured, key)
    title = measured.cells[key].title
    title = f"{title} (**{found.failed} failed**)" if found.failed else title
    is_base = key == measured.baseline
    return (
        title,
        rate(found.requests_per_second),
        f"{found.p50:.2f}",
        f"{found.p99:.2f}",
        "1" if is_base else f"**{found.ratio:.2f}**",
        "" if is_base else f"{found.ratio_low:.2f}–{found.ratio_high:.2f}",
        f"{found.server_cpu:.0%}",
        f"{found.cpu_microseconds:,.0f}",
    )


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def growth_table(measured: dict[str, Measured], counts: list[int]) -> str:
    variants = {key: cell.title for one in measured.values() for key, cell in one.cells.items()}
    lines = []
    for name, title in (("list", "list, page 1"), ("deep_list", "list, page 500"), ("single", "single by slug")):
        for variant, variant_title in variants.items():
            several = [figures(measured[f"growth_{name}_{count}"], variant) for count in counts]
            rates = tuple(rate(one.requests_per_second) for one in several)
            last = several[-1].requests_per_second / (several[0].requests_per_second or inf)
            lines.append((f"{title}: {variant_title}", *rates, f"{last:.2f}"))
    return table(("requests/s", *(f"{count:,} posts" for count in counts), "last / first"), lines)


def memory_table(memory: list[dict[str, Any]]) -> str:
    lines = [
        (f"{one['title']} ({one['group']})", f"{one['worker_rss_mib']:.0f}", f"{one['all_pss_mib']:.0f}")
        for one in memory
    ]
    return table(("", "worker, RSS, MiB", "all its processes, shared pages once, MiB"), lines)


def start_up_table(start_up: dict[str, list[float]], titles: dict[str, str]) -> str:
    lines = [(titles[key], f"{median(took):.2f}", f"{max(took):.2f}") for key, took in start_up.items()]
    return table(("", "seconds, median", "slowest"), lines)
