"""What each canceller takes of our own voice, as bars with the aim, and what the guard decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bench.picture import BAD, DARK, FAINT, GOOD, INK, MARGIN, MARK, RULE, WIDTH
from device.svg import Canvas

TITLE: Final = "What is taken of our own voice"
LEFT: Final = 310
SCALE: Final = 7.0
"""Pixels for a dB."""
BAR: Final = 11
ROW: Final = 46
TOP: Final = 112
PAINTS: Final = {"aec3": "#2563eb", "speex": "#94a3b8"}


def bars(result: Mapping[str, Any]) -> str:
    """An SVG document: for each condition a bar for each canceller."""
    canvas = Canvas()
    canvas.text(MARGIN, 40, TITLE, INK, size=20, weight=700)
    words = "ERLE in dB after 20 s, longer is better; beside it for how long a voice may interrupt."
    canvas.text(MARGIN, 62, f"{result['date']}. {words}", FAINT, size=12)
    legend = float(MARGIN)
    for name, paint in PAINTS.items():
        canvas.box(legend, 78, 12, 12, paint, round_=2)
        canvas.text(legend + 18, 88, name, INK)
        legend += 44 + 7.2 * len(name)
    canvas.line(legend, 77, legend, 91, MARK)
    canvas.text(legend + 8, 88, "aim", INK)
    conditions = dict.fromkeys(row["condition"] for row in result["rows"])
    for place, condition in enumerate(conditions):
        y = TOP + place * ROW
        canvas.line(MARGIN, y, WIDTH - MARGIN, y, RULE)
        canvas.text(MARGIN, y + 27, condition, INK)
        rows = [row for row in result["rows"] if row["condition"] == condition]
        for number, row in enumerate(rows):
            _bar(canvas, row, y=y + 10 + number * (BAR + 4))
        aim = LEFT + rows[0]["least_db"] * SCALE
        canvas.line(aim, y + 6, aim, y + ROW - 6, MARK)
    height = TOP + len(conditions) * ROW + 8
    return canvas.document(WIDTH, height, title=TITLE, dark=DARK)


def _bar(canvas: Canvas, row: Mapping[str, Any], *, y: float) -> None:
    taken, alone = max(0.0, row["erle_late"]), row["alone"]
    canvas.box(LEFT, y, max(2.0, taken * SCALE), BAR, PAINTS[row["canceller"]], round_=2)
    canvas.text(LEFT + taken * SCALE + 6, y + BAR - 1, f"{taken:.0f}", FAINT, size=12)
    paint = BAD if alone["guarded_starts"] else GOOD if alone["open_share"] else FAINT
    words = f"open {alone['open_share']:.0%}" if alone["open_share"] else "half duplex"
    if alone["guarded_starts"]:
        words += f", {alone['guarded_starts']} false"
    canvas.text(WIDTH - MARGIN, y + BAR - 1, words, paint, size=12, anchor="end")
