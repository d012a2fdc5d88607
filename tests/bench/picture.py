"""The table as a picture: for each figure three bars, and a mark where the limit is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from bench.process import Usage
from bench.report import Row, number, verdict_of
from device.demo.svg import Canvas

WIDTH: Final = 920
LEFT: Final = 300
"""Where bars begin."""
LONGEST: Final = 440
BAR: Final = 9
ROW: Final = 50
TOP: Final = 84
INK, FAINT, MARK, GOOD, BAD = "#1f2430", "#8a909c", "#c2410c", "#15803d", "#b91c1c"
PAINTS: Final = (
    ("ours", "#2563eb"),
    ("plain Python", "#94a3b8"),
    ("C, the lower bound", "#cbd5e1"),
)
CURVE: Final = 160


def bars(table: Sequence[Row], *, title: str, quiet: bool) -> str:
    """An SVG document of all rows that compare sizes; equal counts are left to the table."""
    shown = [row for row in table if row.digits and _largest(row) > 0 and "claimed" not in row.name]
    canvas = Canvas()
    canvas.text(24, 34, title, INK, size=20, weight=700)
    legend = 24.0
    for name, paint in PAINTS:
        canvas.box(legend, 50, 12, 12, paint, round_=2)
        canvas.text(legend + 18, 60, name, INK)
        legend += 40 + 7.2 * len(name)
    canvas.line(legend, 50, legend, 62, MARK)
    noise = "" if quiet else "; the machine was noisy: times are not judged"
    canvas.text(legend + 8, 60, f"limit{noise}", INK)
    for place, row in enumerate(shown):
        _row(canvas, row, y=TOP + place * ROW, quiet=quiet)
    return canvas.document(WIDTH, TOP + len(shown) * ROW + 12, title=title)


def _row(canvas: Canvas, row: Row, *, y: float, quiet: bool) -> None:
    limit = _limit(row)
    scale = LONGEST / max(_largest(row), limit or 0.0)
    canvas.text(24, y + 20, row.name, INK)
    verdict = verdict_of(row, quiet=quiet)
    paint = {"ok": GOOD, "MISSED": BAD}.get(verdict, FAINT)
    if row.limit:
        canvas.text(WIDTH - 24, y + 20, f"{row.limit}  {verdict}", paint, anchor="end", size=12)
    for place, (figure, (_, fill)) in enumerate(zip(_values(row), PAINTS, strict=True)):
        if math.isnan(figure):
            continue
        top = y + 4 + place * (BAR + 4)
        length = max(1.0, figure * scale)
        canvas.box(LEFT, top, length, BAR, fill, round_=2)
        canvas.text(LEFT + length + 6, top + BAR, number(figure, row.digits), FAINT, size=11)
    if limit is not None:
        canvas.line(LEFT + limit * scale, y, LEFT + limit * scale, y + 3 * BAR + 14, MARK)


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
        canvas.line(60, y, WIDTH - 40, y, "#e5e7eb")
        canvas.text(
            52, y + 4, f"{mb} MB" if mb == top_mb else str(mb), FAINT, size=11, anchor="end"
        )
    for hour, size in zip(hours, sizes, strict=True):
        canvas.disc(60 + hour * across, 64 + CURVE - size * up, 1.6, PAINTS[0][1])
    canvas.text(60, CURVE + 86, "0", FAINT, size=11, anchor="middle")
    end = f"{hours[-1]:.1f} h of sound"
    canvas.text(WIDTH - 40, CURVE + 86, end, FAINT, size=11, anchor="end")
    return canvas.document(WIDTH, CURVE + 104, title=title)


def _values(row: Row) -> tuple[float, float, float]:
    return row.ours, row.reference, row.bound


def _largest(row: Row) -> float:
    return max((value for value in _values(row) if math.isfinite(value)), default=0.0)


def _limit(row: Row) -> float | None:
    found = re.search(r"[\d.]+", row.limit)
    return float(found[0]) if found else None
