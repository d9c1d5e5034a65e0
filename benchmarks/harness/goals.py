"""What public reads must reach, held against what was measured in this run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from benchmarks.harness import report
from benchmarks.harness.rounds import Measured

Found = dict[str, Measured]


@dataclass(frozen=True)
class Goal:
    title: str
    at_least: float
    aim: float
    value: Callable[[Found], float]
    needs: tuple[str, ...]
    is_limit: bool = False  # the less, the better
    unit: str = "×"

    def line(self, found: Found) -> tuple[str, ...]:
        value = self.value(found)
        is_met = value <= self.at_least if self.is_limit else value >= self.at_least
        is_aim = value <= self.aim if self.is_limit else value >= self.aim
        verdict = "aim reached" if is_aim else "reached" if is_met else "**missed**"
        return (self.title, self._shown(self.at_least), self._shown(self.aim), self._shown(value), verdict)

    def _shown(self, value: float) -> str:
        return f"{value:.2f} ×" if self.unit == "×" else f"{value:,.0f} {self.unit}"


def _ratio(question: str, variant: str) -> Callable[[Found], float]:
    return lambda found: report.figures(found[question], variant).ratio


def _deep_against_first(found: Found) -> float:
    """Page 500 of a million posts in times of page 1 of a thousand: how many times slower. The median of the rounds."""
    first, deep = (
        found[f"growth_{question}"].cells["stitch_miss"].results for question in ("list_1000", "deep_list_1000000")
    )
    return median(
        one.requests_per_second / (other.requests_per_second or 1e-9) for one, other in zip(first, deep, strict=True)
    )


def _most(question: str, prefix: str, found: Found) -> float:
    """Requests per second of the best of some variants."""
    variants = [key for key in found[question].cells if key.startswith(prefix)]
    return max(report.figures(found[question], key).requests_per_second for key in variants)


GOALS = (
    Goal("hit, single, to bare uvicorn", 0.85, 0.95, _ratio("hit_single", "stitch_hit"), ("hit_single",)),
    Goal("hit, list, to bare uvicorn", 0.85, 0.95, _ratio("hit_list", "stitch_hit"), ("hit_list",)),
    Goal("miss, single by slug, to FastAPI", 2.0, 3.5, _ratio("single", "stitch_miss"), ("single",)),
    Goal("miss, list of 10 with total, to FastAPI", 2.0, 4.0, _ratio("list", "stitch_miss"), ("list",)),
    Goal(
        "page 500 of 1,000,000 posts: times slower than page 1 of 1,000",
        1.3,
        1.1,
        _deep_against_first,
        ("growth_list_1000", "growth_deep_list_1000000"),
        is_limit=True,
    ),
    Goal(
        "write of one post, p50, to FastAPI's time",
        1.0,
        0.8,
        lambda found: report.figures(found["write"], "stitch").p50_ratio,
        ("write",),
        is_limit=True,
    ),
    *(
        Goal(
            f"64 at once, each waiting 5 ms in the database, {where}",
            2500,
            3500,
            partial(_most, "waiting", prefix),
            ("waiting",),
            unit="/s",
        )
        for where, prefix in (
            ("past Django, the best of 8, 32 and 64 connections", "readers_"),
            ("in Django, the best of 8, 32 and 64 lanes", "lanes_"),
        )
    ),
)


def table(measured: list[Measured], memory: list[dict[str, Any]], start_up: dict[str, list[float]]) -> str:
    found = {one.key: one for one in measured}
    lines = [goal.line(found) for goal in GOALS if all(key in found for key in goal.needs)]
    lines += _memory(memory) + _start_up(start_up)
    return report.table(("", "at least", "aim", "measured", ""), lines)


def _memory(memory: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    ours = [one["worker_rss_mib"] for one in memory if one["variant"].startswith("stitch")]
    if not ours:
        return []
    goal = Goal("memory of one worker after load, the largest", 150, 100, lambda _: max(ours), (), True, "MiB")
    return [goal.line({})]


def _start_up(start_up: dict[str, list[float]]) -> list[tuple[str, ...]]:
    took = sorted(start_up.get("stitch", []))
    if not took:
        return []
    goal = Goal("start-up, warm", 2000, 2000, lambda _: took[len(took) // 2] * 1000, (), True, "ms")
    return [goal.line({})]
