"""Whether the time that answers take tells two kinds of requests apart, beyond the noise of a busy machine."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles

TELLING = 0.15  # of the chance to be the slower one; by luck alone it is off a half by 0.03, with 200 of each


@dataclass(frozen=True)
class Comparison:
    ones: list[float]
    others: list[float]

    @property
    def difference(self) -> float:
        """Of the medians."""
        return abs(median(self.ones) - median(self.others))

    @property
    def noise(self) -> float:
        """The smaller of the interquartile ranges."""
        return min(_interquartile_range(self.ones), _interquartile_range(self.others))

    @property
    def slower(self) -> float:
        """The chance that one of the first is slower than one of the others (Mann and Whitney): one half for alike."""
        wins = sum((one > other) + (one == other) / 2 for one in self.ones for other in self.others)
        return wins / (len(self.ones) * len(self.others))

    @property
    def is_telling(self) -> bool:
        return self.difference >= self.noise or abs(self.slower - 0.5) > TELLING

    def __str__(self) -> str:
        middle = " and ".join(f"{median(times) * 1000:.1f} ms" for times in (self.ones, self.others))
        return f"{middle}, noise {self.noise * 1000:.1f} ms, slower in {self.slower:.0%} of pairs"


def compare(one: Callable[[], float], other: Callable[[], float], *, times: int) -> Comparison:
    """Takes turns, by chance the one or the other first, so that what else the machine does falls on both."""
    found: dict[Callable[[], float], list[float]] = {one: [], other: []}
    for _ in range(times):
        for measure in random.sample([one, other], 2):
            found[measure].append(measure())
    return Comparison(found[one], found[other])


def _interquartile_range(times: list[float]) -> float:
    low, _, high = quantiles(times, n=4)
    return high - low
