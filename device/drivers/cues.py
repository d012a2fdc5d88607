"""Cues: short tones of our own, made when they are first needed."""

from __future__ import annotations

import math
from array import array
from functools import cache
from typing import Final

from device.core.audio import RATE
from device.core.events import Cue

_LOUD: Final = 0.12
"""Of full scale: -18 dBFS, below speech."""
_SOFT_S: Final = 0.015
"""Each tone swells and fades so long: no click."""

NOTES: Final[dict[Cue, tuple[tuple[float, float], ...]]] = {
    Cue.THINKING: ((523.3, 0.08),),
    Cue.LOST_WORDS: ((440.0, 0.18), (349.2, 0.18), (261.6, 0.30)),
}
"""Hertz and seconds. Lost words fall, so that they cannot be taken for anything else."""


@cache
def tones(cue: Cue) -> bytes:
    """The sound of a cue: mono, 24 kHz, S16_LE."""
    samples = array("h")
    for hertz, seconds in NOTES[cue]:
        count = round(seconds * RATE)
        for at in range(count):
            edge = min(1.0, at / (_SOFT_S * RATE), (count - at) / (_SOFT_S * RATE))
            wave = math.sin(2 * math.pi * hertz * at / RATE)
            samples.append(round(32767 * _LOUD * edge * wave))
    return samples.tobytes()
