"""Growth over hours: one long conversation on a card whose time runs faster.

ALSA, sockets, threads and the daemon are real; only the frames come faster, so three hours pass
in 22 minutes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.process import Usage
from bench.report import Row

SLOPE_KB_PER_H: Final = 64.0
LEAST_SAMPLES: Final = 16
MORE_CPU: Final = 1.15
"""CPU time of the last quarter to that of the second, at most."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a long run did to a process. Hours are those of the card."""

    hours: float
    rss_kb_per_h: float
    rss_doubt: float
    """Standard error of the slope."""
    pss_kb_per_h: float
    first_kb: int
    last_kb: int
    more_threads: int
    more_fds: int
    more_cpu: float
    """CPU time of the last quarter to that of the second."""


def growth(samples: Sequence[Usage], *, speed: float) -> Growth:
    """Fit lines after the first quarter, which warms up. ValueError when it was too short."""
    if len(samples) < LEAST_SAMPLES:
        raise ValueError(f"{len(samples)} samples say nothing: soak for longer")
    quarter = len(samples) // 4
    warm, second, last = samples[quarter:], samples[quarter : 2 * quarter], samples[-quarter:]
    hours = [(usage.at - samples[0].at) * speed / 3600 for usage in samples]
    rss, doubt = slope(hours[quarter:], [usage.rss_kb for usage in warm])
    pss, _ = slope(hours[quarter:], [usage.pss_kb for usage in warm])
    return Growth(
        hours[-1],
        rss,
        doubt,
        pss,
        warm[0].rss_kb,
        warm[-1].rss_kb,
        # The most of each: an outage in the middle of a quarter has fewer for a moment.
        max(usage.threads for usage in last) - max(usage.threads for usage in second),
        max(usage.fds for usage in last) - max(usage.fds for usage in second),
        _cpu_share(last) / _cpu_share(second),
    )


def rows(found: Growth, *, overruns: int, turns: int, interrupted: int) -> list[Row]:
    """The table of a soak. A slope is judged by what it surely is: two standard errors off."""
    surely = found.rss_kb_per_h - 2 * found.rss_doubt
    return [
        Row("hours of sound", found.hours, digits=2),
        Row("turns", turns, digits=0),
        Row("of them interrupted", interrupted, digits=0),
        # Told, not judged: a compressed buffer is that much shorter for the machine's clock.
        Row("capture overruns", overruns, digits=0),
        Row("memory (RSS) after warm-up, MB", found.first_kb * 1024 / 1e6),
        Row("memory (RSS) at the end, MB", found.last_kb * 1024 / 1e6),
        Row("slope of RSS, kB/h", found.rss_kb_per_h, limit=f"<= {SLOPE_KB_PER_H:.0f}",
            kept=surely <= SLOPE_KB_PER_H, count=True, digits=0),
        Row("its standard error, kB/h", found.rss_doubt, digits=0),
        Row("slope of PSS, kB/h", found.pss_kb_per_h, digits=0),
        Row("more threads", found.more_threads, limit="0", kept=found.more_threads <= 0,
            count=True, digits=0),
        Row("more file descriptors", found.more_fds, limit="0", kept=found.more_fds <= 0,
            count=True, digits=0),
        Row("CPU of the last quarter to the second", found.more_cpu, limit=f"<= {MORE_CPU}",
            kept=found.more_cpu <= MORE_CPU, digits=2),
    ]  # fmt: skip


def slope(hours: Sequence[float], sizes: Sequence[int]) -> tuple[float, float]:
    """Slope of the line through the points, and its standard error."""
    at, size = np.array(hours), np.array(sizes, dtype=float)
    spread = float(np.sum((at - at.mean()) ** 2))
    slope = float(np.sum((at - at.mean()) * (size - size.mean()))) / spread
    rest = size - size.mean() - slope * (at - at.mean())
    return slope, math.sqrt(float(np.sum(rest**2)) / (len(at) - 2) / spread)


def _cpu_share(part: Sequence[Usage]) -> float:
    return (part[-1].cpu_s - part[0].cpu_s) / (part[-1].at - part[0].at)
