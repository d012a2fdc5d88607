"""The channels of a running array and of a recording: how loud each is, measured with numpy.

Samples are floats from -1 to 1. What the levels mean is in `channels`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.core.channels import CLIPPED, RAIL, WINDOW, Level, Verdicts, decibels
from device.core.events import Event

Signal = NDArray[np.floating[Any]]


def level_of(channel: Signal) -> Level:
    """How loud a channel is. Shape: frames, at least one."""
    offset = float(np.mean(channel))
    return Level(
        rms=decibels(float(np.std(channel))),
        peak=decibels(float(np.max(np.abs(channel)))),
        offset=offset,
        clips=clips(channel),
    )


def clips(channel: Signal) -> bool:
    """Whether it stays at the rail anywhere."""
    rail = np.abs(channel) >= RAIL
    return bool((np.convolve(rail, np.ones(CLIPPED)) >= CLIPPED).any())


class Glance:
    """One period of several channels, measured once for all who ask. Shape: channels × frames."""

    def __init__(self, samples: NDArray[np.float32]) -> None:
        self.samples = samples
        self.high = samples.max(axis=1)
        self.low = samples.min(axis=1)
        self.sum = samples.sum(axis=1)
        self.power = np.einsum("ij,ij->i", samples, samples)
        self.still = self.high == self.low
        """Which of them have not moved."""
        rail = np.maximum(self.high, -self.low) >= RAIL
        self.clips = [bool(touches) and clips(samples[n]) for n, touches in enumerate(rail)]


class Health:
    """Measures the channels of a running array; `channels` are their numbers."""

    def __init__(self, channels: Sequence[int]) -> None:
        self._verdicts = Verdicts(channels)
        self._channels = len(channels)
        self._begin()

    @property
    def ill(self) -> dict[int, str]:
        """The present complaints, by the place of a channel in the list."""
        return self._verdicts.ill

    def _begin(self) -> None:
        self._periods = 0
        self._frames = 0
        self._quiet = True
        self._sum = np.zeros(self._channels)
        self._power = np.zeros(self._channels)
        self._high = np.full(self._channels, -math.inf)
        self._low = np.full(self._channels, math.inf)
        self._clips = [False] * self._channels

    def hear(self, seen: Glance, *, quiet: bool) -> None:
        """Take one period; `quiet`: nobody spoke in it."""
        self._periods += 1
        self._frames += seen.samples.shape[1]
        self._quiet &= quiet
        self._sum += seen.sum
        self._power += seen.power
        np.maximum(self._high, seen.high, out=self._high)
        np.minimum(self._low, seen.low, out=self._low)
        if any(seen.clips):
            self._clips = [one or now for one, now in zip(self._clips, seen.clips, strict=True)]
        if self._periods == WINDOW:
            self._verdicts.judge([self._level(n) for n in range(self._channels)], quiet=self._quiet)
            self._begin()

    def take(self, at: float) -> list[Event]:
        """What is new, once."""
        return self._verdicts.take(at)

    def _level(self, n: int) -> Level:
        offset = self._sum[n] / self._frames
        still = self._high[n] == self._low[n]
        rms = 0.0 if still else math.sqrt(max(self._power[n] / self._frames - offset**2, 0.0))
        peak = float(max(self._high[n], -self._low[n]))
        return Level(decibels(rms), decibels(peak), float(offset), self._clips[n])
