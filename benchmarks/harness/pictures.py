"""Growth curves as SVG, written by hand: small, readable in a diff, the same on every machine."""

from html import escape
from math import ceil, floor, log10

from benchmarks.harness import report
from benchmarks.harness.rounds import Measured

PANELS = (("list", "list, page 1"), ("deep_list", "list, page 500"), ("single", "single by slug"))
COLOURS = {"stitch_miss": "#0b6e4f", "fastapi": "#b3541e"}
WIDTH, HEIGHT = 300, 220  # of a panel's plot
LEFT, TOP, GAP, BOTTOM = 60, 50, 50, 80


def growth(measured: dict[str, Measured], counts: list[int]) -> str:
    """One panel a question, one line a variant; both axes are logarithmic, so that equal factors look equal."""
    rates = {
        (panel, variant): [
            report.figures(measured[f"growth_{panel}_{count}"], variant).requests_per_second for count in counts
        ]
        for panel, _ in PANELS
        for variant in COLOURS
    }
    values = [value for several in rates.values() for value in several if value > 0]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    width, height = LEFT + len(PANELS) * (WIDTH + GAP), TOP + HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        "<title>Requests per second by number of posts</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (panel, title) in enumerate(PANELS):
        left = LEFT + number * (WIDTH + GAP)
        parts += _frame(left, title, counts, low, high)
        for variant, colour in COLOURS.items():
            points = [_point(left, counts, n, value, low, high) for n, value in enumerate(rates[panel, variant])]
            parts += _line(points, rates[panel, variant], colour)
    titles = {key: cell.title for one in measured.values() for key, cell in one.cells.items()}
    return "\n".join([*parts, *_legend(titles, height), "</svg>", ""])


def _x(left: float, counts: list[int], number: int) -> float:
    return left + WIDTH * number / max(len(counts) - 1, 1)


def _y(power: float, low: int, high: int) -> float:
    return TOP + HEIGHT * (high - power) / max(high - low, 1)


def _point(left: float, counts: list[int], number: int, value: float, low: int, high: int) -> tuple[float, float]:
    return _x(left, counts, number), _y(log10(max(value, 10**low)), low, high)


def _frame(left: float, title: str, counts: list[int], low: int, high: int) -> list[str]:
    parts = [f'<text x="{left}" y="{TOP - 20}" font-size="15" font-weight="bold">{escape(title)}</text>']
    for power in range(low, high + 1):
        y = _y(power, low, high)
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{10**power:,}</text>')
    for number, count in enumerate(counts):
        x = _x(left, counts, number)
        parts.append(
            f'<text x="{x:.1f}" y="{TOP + HEIGHT + 20}" text-anchor="middle" fill="#555">{_short(count)}</text>'
        )
    return parts


def _line(points: list[tuple[float, float]], rates: list[float], colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>']
    for (x, y), value in zip(points, rates, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle" fill="{colour}">{report.rate(value)}</text>'
        )
    return parts


def _legend(titles: dict[str, str], height: int) -> list[str]:
    parts = []
    for number, (variant, colour) in enumerate(COLOURS.items()):
        x, y = LEFT + number * 300, height - 25
        parts.append(f'<line x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<text x="{x + 32}" y="{y}">{escape(titles[variant])}</text>')
    parts.append(f'<text x="{LEFT + 620}" y="{height - 25}" fill="#555">requests per second, by number of posts</text>')
    return parts


def _short(count: int) -> str:
    return f"{count // 1_000_000} M" if count >= 1_000_000 else f"{count // 1000} k"
