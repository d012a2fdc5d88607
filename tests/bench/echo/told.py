"""The run of the echo lab that was kept, as the bench's README tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

JSON: Final = Path(__file__).with_name("measured.json")
SVG: Final = JSON.with_suffix(".svg")
SOON: Final = 0.95
MOST_CPU: Final = 0.025
Result = Mapping[str, Any]


def kept() -> dict[str, Any]:
    """The run itself."""
    result: dict[str, Any] = json.loads(JSON.read_text())
    return result


def reached(row: Result) -> list[str]:
    """What of the aims was missed; an empty list when nothing was."""
    return [
        *(["ERLE"] if row["erle_late"] < row["least_db"] else []),
        *(["false starts"] if row["alone"]["guarded_starts"] > row["allowed"] else []),
        *(["300 ms"] if row["over_0"]["soon"] < SOON else []),
        *(["CPU"] if row["cpu"] > MOST_CPU else []),
    ]


def safe(result: Result) -> bool:
    """Nowhere did the device interrupt itself while a voice could interrupt."""
    return all(row["alone"]["guarded_starts"] <= row["allowed"] for row in result["rows"])


def told() -> str:
    """The part of the bench's README that the kept run fills."""
    result = kept()
    machine = result["machine"]
    where = (
        f"{result['date']}, {machine['cpus']} shared {machine['machine']} cores, Python "
        f"{machine['python']}; {result['alone_s'] / 60:.0f} minutes of our own voice alone and "
        f"{result['count']} interruptions at each level, for each line."
    )
    picture = f"![What is taken of our own voice](echo/{SVG.name})"
    return "\n\n".join([where, picture, cancellers(result), detector(result)])


def cancellers(result: Result) -> str:
    """A line for each condition and canceller."""
    lines = [
        "| condition | canceller | ERLE 0–5 s | 20–43 s | false starts | let through | guard open "
        "| ≤ 300 ms at 0 dB | at −10 dB | near loss | CPU | missed |",
        "|" + " --- |" * 12,
    ]
    for row in result["rows"]:
        alone, even, soft = row["alone"], row["over_0"], row["over_10"]
        opened = alone["opened_s"]
        after = "never" if opened is None else f"{opened:.0f} s, {alone['open_share']:.0%}"
        cells = [
            row["condition"], row["canceller"],
            f"{row['erle_early']:.0f} dB", f"{row['erle_late']:.0f} dB",
            str(alone["false_starts"]), str(alone["guarded_starts"]), after,
            f"{even['soon']:.0%}", f"{soft['soon']:.0%}",
            f"{even['loss_db']:.0f} / {soft['loss_db']:.0f} dB".replace("-", "−"),
            f"{row['cpu']:.1%}", ", ".join(reached(row)) or "–",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def detector(result: Result) -> str:
    """A line for each noise: the terms of every day, and the strict ones."""
    lines = [
        "| noise, dB below the voices | heard of 12 | after | false starts | heard for nobody "
        "| strict: heard | after | false | for nobody |",
        "|" + " --- |" * 9,
    ]
    rows = result["noises"]
    for normal, strict in zip(rows[::2], rows[1::2], strict=True):
        cells = [f"{normal['noise']}, {normal['below_db']}"]
        for row in (normal, strict):
            late = row["late_ms"]
            cells += [
                str(row["heard"]), "–" if late is None else f"{late:.0f} ms",
                str(row["false_starts"]), f"{row['false_share']:.0%}",
            ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
