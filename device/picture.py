"""`pressel stats --svg`: how long turns took, as a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from device.stats import TIMES, Stats, percentile
from device.svg import Canvas

WIDTH: Final = 720
ROW: Final = 130
LEFT: Final = 24
TOP: Final = 48
BARS: Final = 40
INK: Final = "#1a1a1a"
BAR: Final = "#2f6fb0"
MARK: Final = "#c2410c"
DARK: Final = {"#ffffff": "#121212", INK: "#e8e8e8", BAR: "#6aa5df", MARK: "#fb923c"}
"""What replaces each paint where the reader prefers dark pages."""


def drawn(stats: Stats) -> str:
    """An SVG document: a histogram of each time of a turn, with its p50 and p95."""
    page = Canvas()
    page.text(LEFT, 28, f"{stats.turns} turns, {stats.interrupted} interrupted", INK, size=17)
    for row, (name, label) in enumerate(TIMES.items()):
        _histogram(page, TOP + row * ROW, label, sorted(stats.times.get(name, [])))
    return page.document(WIDTH, TOP + len(TIMES) * ROW + 8, title="Pressel: turns", dark=DARK)


def _histogram(page: Canvas, top: float, label: str, values: Sequence[float]) -> None:
    page.text(LEFT, top + 14, label, INK)
    base, width = top + ROW - 26, WIDTH - 2 * LEFT
    page.line(LEFT, base, LEFT + width, base, INK)
    if not values:
        page.text(LEFT, base - 8, "no figure", INK, size=11)
        return
    longest = max(values[-1], 1.0)
    counts = [0] * BARS
    for value in values:
        counts[min(BARS - 1, int(value / longest * BARS))] += 1
    step, room = width / BARS, base - top - 40
    for number, count in enumerate(counts):
        tall = room * count / max(counts)
        page.box(LEFT + number * step + 1, base - tall, step - 2, tall, BAR)
    for line, percent in enumerate((50, 95)):
        at = percentile(list(values), percent)
        x = LEFT + width * at / longest
        page.line(x, top + 20, x, base, MARK, dashes="3 3")
        side: Literal["end", "start"] = "end" if x > WIDTH / 2 else "start"
        said = f" p{percent} {at:.0f} ms "
        page.text(x, top + 28 + 11 * line, said, MARK, size=10, anchor=side)
    page.text(LEFT, base + 14, "0", INK, size=10)
    page.text(LEFT + width, base + 14, f"{longest:.0f} ms", INK, size=10, anchor="end")
