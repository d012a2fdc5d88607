"""What the microphones of an array hear: voices from a bearing, exact to a part of a frame."""

from __future__ import annotations

import math
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from device.core import events as ev
from device.core.array import Array
from device.core.audio import PERIOD, RATE, Format, MicBlock, Sample
from device.core.beam import SOUND, Geometry
from device.core.plain import Plain
from device.core.vad import Vad

Signal = NDArray[np.float64]

CIRCLE: Final[Geometry] = {0: (0.032, 0.0), 1: (0.0, 0.032), 2: (-0.032, 0.0), 3: (0.0, -0.032)}
"""Four microphones, 64 mm across."""
PAIR: Final[Geometry] = {0: (-0.029, 0.0), 1: (0.029, 0.0)}
DEMO: Final = Path(__file__).parents[2] / "device/demo"
LATE: Final = 3
"""Periods until the VAD's word on a period is back at the capture thread."""


def voice(name: str = "question_sum") -> Signal:
    """A recorded voice at -24 dBFS, of 1.7 s."""
    with wave.open(str(DEMO / f"{name}.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 65536


def hush(seconds: float) -> Signal:
    return np.zeros(round(seconds * RATE))


def white(dbfs: float, *, frames: int, channels: int = 4, seed: int = 0) -> Signal:
    """The noise of the microphones themselves: another one in each."""
    return np.random.default_rng(seed).normal(0, 10 ** (dbfs / 20), (channels, frames))


def late(sound: Signal, frames: float) -> Signal:
    """The sound, later or earlier by a part of a frame too."""
    size = len(sound) + 4096
    turn = np.exp(-2j * math.pi * np.fft.rfftfreq(size) * frames)
    moved: Signal = np.fft.irfft(np.fft.rfft(sound, size) * turn, size)[: len(sound)]
    return moved


def toward(place: tuple[float, float], bearing: float) -> float:
    """By how many frames a microphone hears what comes from there before the middle does."""
    turned = math.radians(bearing)
    return (place[0] * math.cos(turned) + place[1] * math.sin(turned)) / SOUND * RATE


def arriving(sound: Signal, bearing: float, geometry: Geometry = CIRCLE) -> Signal:
    """Channels × frames."""
    return np.stack([late(sound, -toward(geometry[n], bearing)) for n in sorted(geometry)])


def off(found: float, bearing: float) -> float:
    """Degrees between two bearings."""
    return abs((found - bearing + 180) % 360 - 180)


def interleaved(channels: Signal, sample: Sample = "S16_LE") -> bytes:
    whole = np.rint(channels.T * 32768).clip(-32768, 32767).astype("<i2")
    return (whole.astype("<i4") << 16).tobytes() if sample == "S32_LE" else whole.tobytes()


def always(said: bool | None) -> Callable[[int], bool | None]:
    """The same in every period."""
    return lambda _: said


@dataclass
class Run:
    """What became of a sound: the mono that was heard, and what was told."""

    mono: Signal
    told: list[ev.Event] = field(default_factory=list)

    @property
    def bearings(self) -> list[float]:
        return [event.degrees for event in self.told if isinstance(event, ev.Bearing)]

    @property
    def turned(self) -> list[tuple[int, str]]:
        """Each change of a channel's health."""
        found = [event for event in self.told if isinstance(event, ev.ChannelTurned)]
        return [(event.channel, event.ill) for event in found]


def run(
    array: Array | Plain,
    channels: Signal,
    hearing: Callable[[int], bool | None] | None = None,
) -> Run:
    """Let a microphone hear; `hearing` by period, or else the real VAD on what comes out of it."""
    form, vad, heard = Format(channels=len(channels)), Vad(), [False] * LATE
    pieces, told = [], []
    for n in range(channels.shape[1] // PERIOD):
        period = interleaved(channels[:, n * PERIOD : (n + 1) * PERIOD])
        known = heard[-LATE] if hearing is None else hearing(n)
        pieces.append(array.mix(period, form, hearing=known))
        heard.append(vad.feed(MicBlock(pieces[-1], 0.0)))
        told += array.take(n * PERIOD / RATE)
    return Run(np.frombuffer(b"".join(pieces), "<i2") / 32768, told)
