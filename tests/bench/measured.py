"""The run that was kept (`--keep`), as README tells it: where, the picture, the table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.report import Row, number, verdict_of

JSON: Final = Path(__file__).with_name("measured.json")
SVG: Final = JSON.with_suffix(".svg")

DRAWN: Final = {
    "mic to wire beyond the chunk, p99 ms": ("microphone to wire beyond the chunk, p99", "ms"),
    "wire to speaker, p50 ms": ("wire to loudspeaker, median", "ms"),
    "event to silence, p95 ms": ("interruption to silence, p95", "ms"),
    "CPU s per minute delivered": ("CPU time per minute", "s"),
    "peak memory (RSS), MB": ("peak memory", "MB"),
    "start to session.update, s": ("start to session.update", "s"),
}
"""The figures to compare at a glance: what they are called before strangers, and the unit."""

COUNTED: Final = {
    "microphone delivered, %": ("microphone delivered", "%"),
    "capture overruns": ("capture overruns", ""),
    "heard claimed minus true, min ms": ("heard as told less what was audible, least", "ms"),
    "heard claimed minus true, max ms": ("the same, most", "ms"),
    "over-claims": ("interruptions with more told than audible", ""),
}
"""What is told in the table only."""


def kept() -> dict[str, Any]:
    """The run itself."""
    result: dict[str, Any] = json.loads(JSON.read_text())
    return result


def rows(result: Mapping[str, Any]) -> dict[str, Row]:
    """The rows of a run by their names."""
    return {data["name"]: _row(data) for data in result["rows"]}


def where(result: Mapping[str, Any]) -> str:
    """On which machine a run was made, and whether it can be trusted."""
    machine = result["machine"]
    noise = "quiet" if result["quiet"] else "noisy: times are not judged"
    return (
        f"{result['date']}, {result['form']} form, {machine['cpus']} shared {machine['machine']} "
        f"cores, Python {machine['python']}; the machine was {noise}"
    )


def told() -> str:
    """The part of README that the kept run fills."""
    result = kept()
    lines = [
        f"{where(result)}.",
        "",
        f"![The same figures as bars, with their limits](tests/bench/{SVG.name})",
        "",
        "| | Pressel | plain client | C client | limit |",
        "| --- | --- | --- | --- | --- |",
        *_lines(rows(result), quiet=result["quiet"]),
    ]
    return "\n".join(lines)


def limit(row: Row, unit: str, *, quiet: bool) -> str:
    """The limit as people write it, with a word when it was not kept."""
    text = row.limit.replace("<=", "≤").replace(">=", "≥").replace("-", "−")
    verdict = verdict_of(row, quiet=quiet)
    words = f"{text} {unit}".strip()
    return words if verdict in {"", "ok"} else f"{words}, {verdict.lower()}"


def figures(row: Row, unit: str) -> Sequence[str]:
    """Ours, the plain client's, the bound's; a dash where there is none."""
    return [
        f"{number(value, row.digits)} {unit}".strip().replace("-", "−")
        if math.isfinite(value)
        else "–"
        for value in (row.ours, row.reference, row.bound)
    ]


def _lines(table: Mapping[str, Row], *, quiet: bool) -> Iterator[str]:
    for name, (words, unit) in (DRAWN | COUNTED).items():
        row = table[name]
        cells = [words, *figures(row, unit), limit(row, unit, quiet=quiet) if row.limit else ""]
        yield f"| {' | '.join(cells)} |"


def _row(data: dict[str, Any]) -> Row:
    absent = {name: math.nan for name in ("ours", "reference", "bound") if data[name] is None}
    return Row(**(data | absent))
