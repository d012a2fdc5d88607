"""The figures against the limits: a table for people, JSON for machines."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from bench.measure import Interruption, foreign_frames, interruptions, overruns, uplink
from bench.scene import Run

NOISY_PERCENT: Final = 30.0
"""CPU pressure above which times and costs say more about the machine than about us."""
LEAST_CUTS: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `count`: load does not excuse it, so it is judged in a noisy run too."""

    name: str
    ours: float
    reference: float
    limit: str = ""
    kept: bool | None = None
    """Whether the limit is kept; None: not judged."""
    count: bool = False
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """All runs of one client as one."""

    late_p50_ms: float
    late_p99_ms: float
    delivered: float
    overruns: int
    cuts: list[Interruption]
    foreign: int
    cpu: float
    peak_mb: float
    threads: int
    start_s: float


def figures(runs: Sequence[Run], *, starts: Sequence[float]) -> Figures:
    """Pool the runs of one client; costs and starts by their median."""
    uplinks = [uplink(run) for run in runs]
    late = [ms for part in uplinks for ms in part.lateness_ms]
    p50, p99 = np.percentile(late, (50, 99)) if late else (float("inf"), float("inf"))
    return Figures(
        float(p50),
        float(p99),
        min(part.delivered for part in uplinks),
        sum(map(overruns, runs)),
        [cut for run in runs for cut in interruptions(run)],
        sum(map(foreign_frames, runs)),
        statistics.median(run.cost.cpu_s_per_min for run in runs),
        max(run.cost.peak_mb for run in runs),
        max(run.cost.threads for run in runs),
        statistics.median([*starts, *(run.start_s for run in runs)]),
    )


def rows(ours: Figures, reference: Figures, *, cuts: Sequence[Interruption]) -> list[Row]:
    """The table: what was measured, and what must be reached."""
    late = max(5.0, 1.5 * reference.late_p99_ms)
    return [
        Row("mic to wire beyond the chunk, p50 ms", ours.late_p50_ms, reference.late_p50_ms),
        Row("mic to wire beyond the chunk, p99 ms", ours.late_p99_ms, reference.late_p99_ms,
            f"<= {late:.1f}", ours.late_p99_ms <= late),
        Row("microphone delivered, %", 100 * ours.delivered, 100 * reference.delivered,
            "100", ours.delivered == 1.0, count=True, digits=2),
        Row("capture overruns", ours.overruns, reference.overruns,
            "0", ours.overruns == 0, count=True, digits=0),
        Row("foreign frames played", ours.foreign, reference.foreign,
            "0", ours.foreign == 0, count=True, digits=0),
        *_cut_rows(ours, reference, cuts),
        Row("CPU s per minute", ours.cpu, reference.cpu,
            f"<= {1.5 * reference.cpu:.2f}", ours.cpu <= 1.5 * reference.cpu, digits=2),
        Row("peak memory, MB", ours.peak_mb, reference.peak_mb,
            "<= 45", ours.peak_mb <= 45, count=True),
        Row("threads", ours.threads, reference.threads, digits=0),
        Row("start to session.update, s", ours.start_s, reference.start_s,
            f"<= {2 * reference.start_s:.2f}", ours.start_s <= 2 * reference.start_s, digits=2),
    ]  # fmt: skip


def _cut_rows(ours: Figures, reference: Figures, cuts: Sequence[Interruption]) -> list[Row]:
    every = [*cuts, *ours.cuts]
    silence, theirs = _silences(every), _silences(reference.cuts)
    errors, other = _errors(every), _errors(reference.cuts)
    silent = sum(cut.claim_ms is None for cut in every)
    over = sum(error > 0 for error in errors)
    return [
        Row("cuts", len(every), len(reference.cuts), f">= {LEAST_CUTS}",
            len(every) >= LEAST_CUTS, count=True, digits=0),
        Row("event to silence, p50 ms", float(np.median(silence)), float(np.median(theirs))),
        Row("event to silence, p95 ms", float(np.percentile(silence, 95)),
            float(np.percentile(theirs, 95)), "<= 30", float(np.percentile(silence, 95)) <= 30),
        Row("cuts without a truncate", silent, sum(c.claim_ms is None for c in reference.cuts),
            "0", silent == 0, count=True, digits=0),
        Row("heard claimed minus true, min ms", min(errors), min(other),
            ">= -3", min(errors) >= -3, digits=2),
        Row("heard claimed minus true, mean ms", float(np.mean(errors)), float(np.mean(other)),
            digits=2),
        Row("heard claimed minus true, max ms", max(errors), max(other), digits=2),
        Row("over-claims", over, sum(error > 0 for error in other),
            "0", over == 0, count=True, digits=0),
    ]  # fmt: skip


def _silences(cuts: Sequence[Interruption]) -> list[float]:
    return [cut.silence_ms for cut in cuts] or [float("inf")]


def _errors(cuts: Sequence[Interruption]) -> list[float]:
    known = [cut.claim_ms - cut.heard_ms for cut in cuts if cut.claim_ms is not None]
    return known or [float("inf")]


def missed(table: Sequence[Row], *, pressure: float | None) -> list[Row]:
    """The rows whose limit is not kept; in a noisy run only the counts among them."""
    noisy = pressure is not None and pressure > NOISY_PERCENT
    return [row for row in table if row.kept is False and (row.count or not noisy)]


def text(table: Sequence[Row], *, pressure: float | None) -> str:
    """The table as people read it."""
    bad = missed(table, pressure=pressure)
    lines = [f"{'':36}{'ours':>10}{'reference':>11}{'ratio':>8}  {'limit':10}"]
    for row in table:
        share = row.digits and row.reference > 0 and row.ours > 0
        ratio = row.ours / row.reference if share else None
        verdict = "" if row.kept is None else "ok" if row.kept else "MISSED"
        verdict = "too noisy to tell" if row.kept is False and row not in bad else verdict
        lines.append(
            f"{row.name:36}{_number(row.ours, row.digits):>10}"
            f"{_number(row.reference, row.digits):>11}{_number(ratio, 2):>8}  "
            f"{row.limit:10}{verdict}".rstrip()
        )
    lines.append(_noise(pressure))
    return "\n".join(lines)


def _noise(pressure: float | None) -> str:
    if pressure is None:
        return "noise unknown: this kernel does not report CPU pressure"
    level = "noisy: only counts are judged" if pressure > NOISY_PERCENT else "quiet"
    return f"CPU pressure {pressure:.0f} % ({level})"


def as_data(table: Sequence[Row], *, pressure: float | None) -> dict[str, object]:
    """The same for machines."""
    return {"pressure_percent": pressure, "rows": [asdict(row) for row in table]}


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
