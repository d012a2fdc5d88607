"""All runs of one client as one set of figures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bench import measure
from bench.measure import Interruption
from bench.scene import Run

NOISY_PERCENT: Final = 20.0
"""CPU pressure above which times and costs say more about the machine than about the client."""
NO_FIGURE: Final = math.nan


@dataclass(frozen=True, slots=True)
class Talk:
    """The conversations of one client. Times and costs come from its quiet rounds, if any."""

    late_p50_ms: float
    late_p99_ms: float
    delivered: float
    overruns: int
    wire_to_speaker_ms: float
    gaps_ms: float
    cuts: Sequence[Interruption]
    foreign: int
    cpu: float
    """Seconds per minute of microphone delivered: the least of the rounds, for noise only adds."""
    wakes: float
    peak_mb: float
    pss_mb: float
    threads: int
    start_s: float


@dataclass(frozen=True, slots=True)
class Drop:
    """What became of a conversation whose server went away."""

    back_s: float
    """From the server's return to the first audio; NaN: it never came."""
    lost_s: float


@dataclass(frozen=True, slots=True)
class Idle:
    """What it costs to be there."""

    cpu: float
    wakes: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything of one bench: by client where there are several."""

    talk: dict[str, Talk]
    cuts: Sequence[Interruption]
    """Of our daemon: the scene of many cuts."""
    drop: dict[str, Drop] = field(default_factory=dict)
    idle: dict[str, Idle] = field(default_factory=dict)


def talk(runs: Sequence[Run], *, starts: Sequence[float]) -> Talk:
    """Pool the conversations of one client."""
    judged = quiet(runs) or runs
    every = [measure.uplink(run) for run in runs]
    late = [ms for run in judged for ms in measure.uplink(run).lateness_ms]
    p50, p99 = np.percentile(late, (50, 99)) if late else (math.inf, math.inf)
    delivered = min(part.delivered for part in every)
    sounded = [ms for run in judged for ms in measure.wire_to_speaker_ms(run)]
    return Talk(
        float(p50),
        float(p99),
        delivered,
        sum(map(measure.overruns, runs)),
        statistics.median(sounded) if sounded else NO_FIGURE,
        sum(map(measure.gaps_ms, judged)) / len(judged),
        [cut for run in judged for cut in measure.interruptions(run)],
        sum(map(measure.foreign_frames, runs)),
        min(map(measure.cpu_s_per_min, judged)) / (delivered or NO_FIGURE),
        statistics.median(map(measure.wakes_per_s, judged)),
        max(run.after.peak_kb for run in runs) * 1024 / 1e6,
        max(run.after.pss_kb for run in runs) * 1024 / 1e6,
        max(run.after.threads for run in runs),
        min([*starts, *(run.start_s for run in runs)]),  # noise only ever adds
    )


def quiet(runs: Sequence[Run]) -> list[Run]:
    """The rounds in which the machine was not busy with others; all where nobody can tell."""
    return [run for run in runs if not run.pressure > NOISY_PERCENT]


def drop(run: Run) -> Drop:
    """The worst of a scene's outages."""
    back = [seconds for seconds in measure.back_in_s(run) if seconds is not None]
    returned = len(back) == len(run.returned)
    return Drop(max(back) if returned else NO_FIGURE, measure.uplink(run).lost_s)


def idle(run: Run) -> Idle:
    """The costs of a scene in which nothing happens."""
    return Idle(measure.cpu_s_per_min(run), measure.wakes_per_s(run))
