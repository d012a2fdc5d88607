"""A plain microphone: one channel, or the average of several that its owner has named.

Its channels are watched as those of an array are, by the same judgement. One that is ill is left
out of an average, so that it spoils the others no longer; a single one is heard as it is. Without
numpy, which would be a quarter of the daemon's memory: `audioop` measures a period in 3 us.
"""

from __future__ import annotations

import audioop
import math
from typing import Final

from device.core.audio import FRAME_BYTES, Format, apart, average, frames_in
from device.core.channels import CLIPPED, RAIL, WINDOW, Level, Verdicts, decibels
from device.core.events import Event

_FULL: Final = 32768
_RAIL: Final = round(RAIL * _FULL)
_APART: Final = 5
"""Periods from look to look: 100 ms. A judgement has five."""
_WIDE: Final = 4
_WHOLE: Final = 2.0**31
"""Bytes of a sample while it is measured, and its full scale: `audioop` rounds to whole numbers,
and a large offset is taken off a small sound."""
_HARDLY: Final = 1e-14
"""The power of what moves at all: less would be called dead."""


class Plain:
    """The front end of a plain microphone. Feed it every period, in order.

    The same contract as that of `array.Array`; `use` are the channels that are heard.
    """

    def __init__(self, use: tuple[int, ...]) -> None:
        self._use = use
        self._verdicts = Verdicts(use)
        self._begin()

    def _begin(self) -> None:
        self._periods = 0
        self._quiet = True
        self._gauges = [_Gauge() for _ in self._use]

    def mix(self, interleaved: bytes, form: Format, *, hearing: bool | None) -> bytes:
        """Interleaved capture of `form` to mono S16_LE; `hearing` as `array.Array.mix` has it."""
        channels = apart(interleaved, form, self._use)
        if not channels[0]:
            return b""
        self._periods += 1
        if self._periods % _APART == 0:
            self._look(channels, quiet=hearing is False)
        ill = self._verdicts.ill
        if ill:
            channels = [one for n, one in enumerate(channels) if n not in ill] or channels
        return average(channels)

    def take(self, at: float) -> list[Event]:
        """What is new, once: the health of channels."""
        return self._verdicts.take(at)

    def _look(self, channels: list[bytes], *, quiet: bool) -> None:
        for gauge, sound in zip(self._gauges, channels, strict=True):
            gauge.take(sound)
        self._quiet &= quiet
        if self._periods == WINDOW:
            self._verdicts.judge([gauge.level for gauge in self._gauges], quiet=self._quiet)
            self._begin()


class _Gauge:
    """How loud one channel is for a while."""

    def __init__(self) -> None:
        self._frames = 0
        self._sum = 0
        self._power = 0
        self._low, self._high = _FULL, -_FULL
        self._clips = False

    def take(self, sound: bytes) -> None:
        """Mono S16_LE, at least one frame."""
        frames = frames_in(sound)
        low, high = audioop.minmax(sound, FRAME_BYTES)
        wide = audioop.lin2lin(sound, FRAME_BYTES, _WIDE)
        self._frames += frames
        self._sum += audioop.avg(wide, _WIDE) * frames
        self._power += audioop.rms(wide, _WIDE) ** 2 * frames
        self._low, self._high = min(low, self._low), max(high, self._high)
        if max(high, -low) >= _RAIL and not self._clips:
            self._clips = _clips(sound)

    @property
    def level(self) -> Level:
        """What was taken so far."""
        offset = self._sum / self._frames / _WHOLE
        power = self._power / self._frames / _WHOLE**2 - offset**2
        moves = self._low < self._high
        rms = math.sqrt(max(power, _HARDLY)) if moves else 0.0
        peak = max(self._high, -self._low) / _FULL
        return Level(decibels(rms), decibels(peak), offset, self._clips)


def _clips(sound: bytes) -> bool:
    """Whether it stays at the rail anywhere, as `health.clips` says it of floats."""
    run = 0
    for sample in memoryview(sound).cast("h"):
        run = run + 1 if abs(sample) >= _RAIL else 0
        if run == CLIPPED:
            return True
    return False
