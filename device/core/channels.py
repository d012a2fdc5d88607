"""The channels of a microphone: how loud each is, and what is wrong with which.

The one judgement of a channel, for `pressel check` on a recording (`level_of`, `complaints`) and
for a running array on what it hears (`Health`). Samples are floats from -1 to 1; levels are in
dBFS: 0 is a full-scale square wave, minus infinity is digital silence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from device.core.audio import PERIOD, RATE

Signal = NDArray[np.floating[Any]]

WEAK_DB: Final = 20.0
"""Channels of one array differ by 3 dB; one so far below the others is broken or covered."""
NOISY_DB: Final = 15.0
"""So far above the others while nobody speaks: a bad contact, or the wind on one of them."""
OFFSET: Final = 0.01
"""-40 dBFS of direct current: no healthy converter has a tenth of it."""
RAIL: Final = 32766 / 32768
CLIPPED: Final = 3
"""So many frames in a row at the rail: a loud sound touches it once, a clipped one stays."""

_CURES: Final = {
    "is dead": "unmute it (alsamixer)",
    "clips": "lower its gain: alsamixer, capture",
    "is weak": "see what covers it, and its gain: alsamixer, capture",
    "is noisy": "see its wiring, its power supply, and what blows on it",
    "has": "the microphone or its wiring is damaged; switch its high-pass on, or replace it",
}

WINDOW: Final = RATE // 2 // PERIOD
"""Periods of one judgement of a running channel: half a second."""
ILL_WINDOWS: Final = 2
WELL_WINDOWS: Final = 4
"""What is ill for a second is ill; it is well again after two without a complaint."""


@dataclass(frozen=True, slots=True)
class Level:
    """One channel for a while: RMS without its offset and peak in dBFS, offset as a share."""

    rms: float
    peak: float
    offset: float
    clips: bool


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


def decibels(ratio: float) -> float:
    """Of an amplitude; less than a thousandth of a 16 bit step is nothing."""
    return 20 * math.log10(ratio) if ratio > 1e-8 else -math.inf


def complaints(levels: Sequence[Level], *, quiet: bool = True) -> dict[int, str]:
    """What is wrong with which channels, by their places in the list.

    `quiet`: nobody spoke, so that a channel can be held against the others.
    """
    told = {n: said for n, one in enumerate(levels) if (said := _alone(one))}
    if quiet:
        for n in range(len(levels)):
            if n not in told and (said := _beside(n, levels)):
                told[n] = said
    return told


def _alone(one: Level) -> str:
    if one.rms == -math.inf:
        return f"is dead ({'stuck at one value' if one.offset else 'nothing but zeros'})"
    if one.clips:
        return "clips"
    if abs(one.offset) > OFFSET:
        return f"has a DC offset of {one.offset:+.0%}"
    return ""


def _beside(number: int, levels: Sequence[Level]) -> str:
    """Against the median of the others. Of two, the weak one is told, for one must be."""
    one = levels[number]
    others = [other.rms for n, other in enumerate(levels) if n != number]
    alive = sorted(rms for rms in others if rms > -math.inf)
    if not alive:
        return ""
    above = one.rms - alive[len(alive) // 2]
    if above < -WEAK_DB:
        return f"is weak ({-above:.0f} dB below the others)"
    if above > NOISY_DB and len(alive) > 1:
        return f"is noisy ({above:.0f} dB above the others)"
    return ""


def cure_of(said: str) -> str:
    """What to do about a complaint; '' about none."""
    return next((cure for begin, cure in _CURES.items() if said.startswith(begin)), "")


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
    """What is wrong with the channels of a running array, judged twice a second.

    While all are dead nothing is told: that is a muted microphone, not a broken channel.
    """

    def __init__(self, channels: int) -> None:
        self.ill: dict[int, str] = {}
        """The present complaints, by channel."""
        self._channels = channels
        self._streak = [0] * channels
        self._begin()

    def _begin(self) -> None:
        self._periods = 0
        self._frames = 0
        self._quiet = True
        self._sum = np.zeros(self._channels)
        self._power = np.zeros(self._channels)
        self._high = np.full(self._channels, -math.inf)
        self._low = np.full(self._channels, math.inf)
        self._clips = [False] * self._channels

    def hear(self, seen: Glance, *, quiet: bool) -> Mapping[int, str]:
        """Take one period; returns news: what is wrong with a channel by now, '' for nothing."""
        self._periods += 1
        self._frames += seen.samples.shape[1]
        self._quiet &= quiet
        self._sum += seen.sum
        self._power += seen.power
        np.maximum(self._high, seen.high, out=self._high)
        np.minimum(self._low, seen.low, out=self._low)
        if any(seen.clips):
            self._clips = [one or now for one, now in zip(self._clips, seen.clips, strict=True)]
        if self._periods < WINDOW:
            return {}
        levels = [self._level(n) for n in range(self._channels)]
        quiet = self._quiet
        self._begin()
        if all(one.rms == -math.inf for one in levels):
            return {}
        told = complaints(levels, quiet=quiet)
        changed = [n for n in range(self._channels) if self._turned(n, told.get(n, ""), quiet)]
        return {n: self.ill.get(n, "") for n in changed}

    def _level(self, n: int) -> Level:
        offset = self._sum[n] / self._frames
        still = self._high[n] == self._low[n]
        rms = 0.0 if still else math.sqrt(max(self._power[n] / self._frames - offset**2, 0.0))
        peak = float(max(self._high[n], -self._low[n]))
        return Level(decibels(rms), decibels(peak), float(offset), self._clips[n])

    def _turned(self, n: int, said: str, quiet: bool) -> bool:
        """Whether a channel falls ill or gets well with this judgement."""
        before = self.ill.get(n, "")
        if not quiet and before.startswith(("is weak", "is noisy")) and not said:
            return False  # speech does not tell
        if bool(said) == bool(before):
            self._streak[n] = 0
            return False
        self._streak[n] += 1
        if self._streak[n] < (ILL_WINDOWS if said else WELL_WINDOWS):
            return False
        self._streak[n] = 0
        if said:
            self.ill[n] = said
        else:
            del self.ill[n]
        return True
