"""The figures as a picture: for each three bars, and a mark where the limit is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.measured import DRAWN, figures, limit, rows, where
from bench.process import Usage
from bench.report import Row, verdict_of
from device.svg import Canvas

TITLE: Final = "Pressel against a plain client"
WIDTH: Final = 920
MARGIN: Final = 28
LEFT: Final = 330
"""Where bars begin."""
LONGEST: Final = 470
BAR: Final = 10
ROW: Final = 62
TOP: Final = 122
PAPER, INK, FAINT, RULE = "#ffffff", "#1f2430", "#6b7280", "#e5e7eb"
ROOM, MARK, GOOD, BAD = "#f1f5f9", "#c2410c", "#15803d", "#b91c1c"
PAINTS: Final = (
    ("Pressel", "#2563eb"),
    ("plain Python client", "#94a3b8"),
    ("C client, the lower bound", "#cbd5e1"),
)
DARK: Final = {
    PAPER: "#0d1117", INK: "#e6edf3", FAINT: "#9aa4b2", RULE: "#30363d",
    ROOM: "#1a212c", MARK: "#fb923c", GOOD: "#4ade80", BAD: "#f87171",
    "#2563eb": "#4c8dff", "#94a3b8": "#7d8aa0", "#cbd5e1": "#465366",
}  # fmt: skip
"""The paints for readers who prefer dark pages."""
CURVE: Final = 160


def bars(result: Mapping[str, Any]) -> str:
    """An SVG document of the figures that compare sizes; the others are left to the table."""
    shown = [row for name, row in rows(result).items() if name in DRAWN]
    canvas = Canvas()
    canvas.text(MARGIN, 40, TITLE, INK, size=20, weight=700)
    canvas.text(MARGIN, 62, f"{where(result)}. Shorter is better.", FAINT, size=12)
    legend = float(MARGIN)
    for name, paint in PAINTS:
        canvas.box(legend, 82, 12, 12, paint, round_=2)
        canvas.text(legend + 18, 92, name, INK)
        legend += 44 + 7.2 * len(name)
    canvas.line(legend, 81, legend, 95, MARK)
    canvas.text(legend + 8, 92, "limit for Pressel", INK)
    for place, row in enumerate(shown):
        _row(canvas, row, y=TOP + place * ROW, quiet=result["quiet"])
    height = TOP + len(shown) * ROW + 8
    return canvas.document(WIDTH, height, title=TITLE, dark=DARK)


def _row(canvas: Canvas, row: Row, *, y: float, quiet: bool) -> None:
    words, unit = DRAWN[row.name]
    most = _limit(row)
    values = (row.ours, row.reference, row.bound)
    scale = LONGEST / max(filter(math.isfinite, (*values, most)), default=1.0)
    canvas.line(MARGIN, y, WIDTH - MARGIN, y, RULE)
    canvas.text(MARGIN, y + 28, words, INK)
    if row.limit:
        paint = {"ok": GOOD, "MISSED": BAD}.get(verdict_of(row, quiet=quiet), FAINT)
        canvas.text(MARGIN, y + 46, limit(row, unit, quiet=quiet), paint, size=12)
        canvas.box(LEFT, y + 9, most * scale, ROW - 18, ROOM, round_=2)
    for place, (value, figure) in enumerate(zip(values, figures(row, unit), strict=True)):
        top, ours = y + 12 + place * (BAR + 4), place == 0
        if math.isfinite(value):
            canvas.box(LEFT, top, max(2.0, value * scale), BAR, PAINTS[place][1], round_=2)
        ink, weight = (INK, 700) if ours else (FAINT, 400)
        canvas.text(WIDTH - MARGIN, top + BAR, figure, ink, size=12, weight=weight, anchor="end")
    if row.limit:
        canvas.line(LEFT + most * scale, y + 7, LEFT + most * scale, y + ROW - 7, MARK)


def _limit(row: Row) -> float:
    found = re.search(r"[\d.]+", row.limit)
    return float(found[0]) if found else math.nan


def curve(samples: Sequence[Usage], *, speed: float, title: str) -> str:
    """An SVG document of the memory over the hours of a soak."""
    canvas = Canvas()
    canvas.text(24, 34, title, INK, size=20, weight=700)
    hours = [(usage.at - samples[0].at) * speed / 3600 for usage in samples]
    sizes = [usage.rss_kb * 1024 / 1e6 for usage in samples]
    top_mb = math.ceil(max(sizes) / 10) * 10
    across, up = (WIDTH - 100) / max(hours[-1], 1e-9), CURVE / top_mb
    for mb in range(0, top_mb + 1, 10):
        y = 64 + CURVE - mb * up
        canvas.line(60, y, WIDTH - 40, y, RULE)
        canvas.text(
            52, y + 4, f"{mb} MB" if mb == top_mb else str(mb), FAINT, size=11, anchor="end"
        )
    for hour, size in zip(hours, sizes, strict=True):
        canvas.disc(60 + hour * across, 64 + CURVE - size * up, 1.6, PAINTS[0][1])
    canvas.text(60, CURVE + 86, "0", FAINT, size=11, anchor="middle")
    end = f"{hours[-1]:.1f} h of sound"
    canvas.text(WIDTH - 40, CURVE + 86, end, FAINT, size=11, anchor="end")
    return canvas.document(WIDTH, CURVE + 104, title=title, dark=DARK)
