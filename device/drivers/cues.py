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
    Cue.LISTENING: ((523.3, 0.06), (784.0, 0.06)),
    Cue.DONE: ((784.0, 0.06), (523.3, 0.06)),
    Cue.THINKING: ((523.3, 0.08),),
    Cue.LOST_WORDS: ((440.0, 0.18), (349.2, 0.18), (261.6, 0.30)),
    Cue.ERROR: ((196.0, 0.16), (0.0, 0.08), (196.0, 0.16)),
}
"""Hertz (0 is a pause) and seconds. Listening rises, done falls; lost words fall far and slowly, an
error knocks twice, low: none can be taken for another."""


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
