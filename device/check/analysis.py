"""What recorded sound says: pure functions of samples, which are floats from -1 to 1.

Levels are in dBFS: 0 is a full-scale square wave, minus infinity is digital silence.
"""

from __future__ import annotations

import math
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

CLEAR: Final = 10.0
"""An echo stands out so many times above the noise of the correlation; noise alone reaches 5."""


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
