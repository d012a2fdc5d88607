"""What recorded sound says: pure functions of samples, which are floats from -1 to 1.

Levels are in dBFS: 0 is a full-scale square wave, minus infinity is digital silence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device.core.audio import RATE

Signal = NDArray[np.float64]

CHIRP_S: Final = 0.4
CHIRP_HZ: Final = (300.0, 4000.0)
"""What every small speaker can play; a wide band is what makes the instant of an echo sharp."""
CHIRP_PEAK: Final = 0.25

WEAK_DB: Final = 20.0
"""Channels of one array differ by 3 dB; one so far below the others is broken or covered."""
OFFSET: Final = 0.01
"""-40 dBFS of direct current: no healthy converter has a tenth of it."""
RAIL: Final = 32766 / 32768
CLIPPED: Final = 3
"""So many frames in a row at the rail: a loud sound touches it once, a clipped one stays."""
CLEAR: Final = 10.0
"""An echo stands out so many times above the noise of the correlation; noise alone reaches 5."""


@dataclass(frozen=True, slots=True)
class Level:
    """One channel for a while: RMS without its offset and peak in dBFS, offset as a share."""

    rms: float
    peak: float
    offset: float
    clips: bool


def level_of(channel: Signal) -> Level:
    """How loud a channel is. It clips when it stays at the rail; shape: frames, at least one."""
    offset = float(np.mean(channel))
    size = np.abs(channel)
    rail = np.convolve(size >= RAIL, np.ones(CLIPPED)) >= CLIPPED
    return Level(
        rms=decibels(float(np.std(channel))),
        peak=decibels(float(np.max(size))),
        offset=offset,
        clips=bool(rail.any()),
    )


def decibels(ratio: float) -> float:
    """Of an amplitude; less than a thousandth of a 16 bit step is nothing."""
    return 20 * math.log10(ratio) if ratio > 1e-8 else -math.inf


def complaints(levels: Sequence[Level]) -> dict[int, str]:
    """What is wrong with which channels, by their numbers."""
    return {n: said for n in range(len(levels)) if (said := _complaint(n, levels))}


def _complaint(number: int, levels: Sequence[Level]) -> str:
    one = levels[number]
    if one.rms == -math.inf:
        return "dead (nothing but zeros)" if not one.offset else "dead (stuck at one value)"
    if one.clips:
        return "clips"
    if abs(one.offset) > OFFSET:
        return f"has a DC offset of {one.offset:+.0%}"
    others = [other.rms for n, other in enumerate(levels) if n != number]
    alive = sorted(rms for rms in others if rms > -math.inf)
    if alive and one.rms < alive[len(alive) // 2] - WEAK_DB:
        return f"weak ({alive[len(alive) // 2] - one.rms:.0f} dB below the others)"
    return ""


def chirp() -> Signal:
    """A short upward sweep that begins and ends softly."""
    t = np.arange(round(CHIRP_S * RATE)) / RATE
    low, high = CHIRP_HZ
    phase = 2 * math.pi * (low * t + (high - low) * t**2 / (2 * CHIRP_S))
    sweep: Signal = CHIRP_PEAK * np.hanning(len(t)) * np.sin(phase)
    return sweep


@dataclass(frozen=True, slots=True)
class Match:
    """Where a known sound is in a recording, and how sure that is.

    `frame` is where it begins, to a fraction of a frame; `gain` is its size against the known
    sound; `clarity` is how far it stands above everything else, in times the noise.
    """

    frame: float
    gain: float
    clarity: float

    @property
    def clear(self) -> bool:
        """It is there: chance does not reach so high."""
        return self.clarity >= CLEAR

    @property
    def least_gain(self) -> float:
        """A smaller one would not have been found."""
        return self.gain * CLEAR / self.clarity if self.clarity else 0.0


def match(sound: Signal, recording: Signal) -> Match:
    """The best place of `sound` in `recording`, by cross-correlation.

    The recording must be longer than the sound.
    """
    size = len(recording) + len(sound)
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(sound, size))
    alike = np.fft.irfft(spectrum, size)[: len(recording) - len(sound) + 1]
    alike /= float(np.sum(sound**2))
    at = int(np.argmax(np.abs(alike)))
    gain = float(abs(alike[at]))
    if gain < 1e-6:
        return Match(0.0, 0.0, 0.0)
    noise = 1.4826 * float(np.median(np.abs(alike)))  # of a normal distribution: its deviation
    return Match(at + _between(np.abs(alike), at), gain, gain / max(noise, 1e-9))


def _between(curve: Signal, at: int) -> float:
    """Where the top of a parabola through three points lies, from the middle one."""
    if not 0 < at < len(curve) - 1:
        return 0.0
    left, middle, right = (float(value) for value in curve[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend else 0.0


def drift_ppm(*, played: float, recorded: float) -> float:
    """How much faster the microphone's clock runs: frames between two sounds on either side."""
    return (recorded / played - 1) * 1e6
