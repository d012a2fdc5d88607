"""Local energy VAD: is somebody speaking near the microphone?

It drives the light, the linger timer and "you held the button but said nothing". It never ends a
turn: that is the server's `semantic_vad` or the button.

One level per 20 ms: the energy between about 300 and 1400 Hz in dBFS, where voices are strongest.
A noise floor follows it, quick to fall and slow to rise. The numbers come from a table of
measurements (`tests/bench/README.md`: pink noise, fans, noise steps, clicks); babble of many voices
is its known limit.
"""

from __future__ import annotations

import audioop
import math
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

from msgspec import Struct

from device.core.audio import FRAME_BYTES, PERIOD, RATE, MicBlock, Ms

LOWEST_FLOOR_DBFS: Final = -78.0
LEARN_FRAMES: Final = 15
LEARNED_CEILING_DBFS: Final = -45.0
"""A person may speak at the very first press: what is learned is never taken for louder noise."""
HANGOVER_FRAMES: Final = 25
"""500 ms: shorter pauses are part of speaking."""
UNDOES_FRAMES: Final = 4
"""So many quiet frames a loud one takes back: clicks, two a second, do not keep a voice alive."""
LONGEST_FRAMES: Final = 1500
"""30 s without a pause is a machine, not a person: start afresh with its level as the floor."""

_FRAME_S: Final = PERIOD / RATE
_RISE_QUIET_DB: Final = 3.0 * _FRAME_S
_RISE_STUCK_DB: Final = 8.0 * _FRAME_S
_PEAK_FALL_DB: Final = 6.0 * _FRAME_S
_STUCK_FRAMES: Final = 60
_FULL: Final = 2.0**31
_NOTHING: Final = 1e-12
_MOST_WINDOW: Final = 6
_SHORT: Final = 8
"""Frames of a short mean: it loses 3 dB at 1.4 kHz, and hiss above. With half of it, five times
twelve people in pink noise as loud as they are were 49 and not 60 (measured)."""
_LONG: Final = 32
"""Frames of a long mean (1.3 ms): less these, a sound loses 4 dB at 300 Hz and 13 dB at 100 Hz."""
_WIDE: Final = 4
"""Bytes of a sample while it is averaged, so that rounding stays far below the quietest room."""


class Terms(Struct, frozen=True):
    """What counts as speech: `onset` of `window` frames that are `on_db` above the noise floor.

    Below `gate_dbfs` nothing counts, however quiet the room. It lasts while frames are `hold_db`
    above the floor.
    """

    gate_dbfs: float = -50.0
    on_db: float = 7.0
    hold_db: float = 5.5
    onset: int = 3
    window: int = 4


NORMAL: Final = Terms()
STRICT: Final = Terms(on_db=9.0, onset=4, window=6)
"""While we speak ourselves, and a canceller leaves something over."""


def levels(pcm: bytes) -> list[float]:
    """The band level of every whole 20 ms of mono 24 kHz S16_LE audio, in dBFS.

    The power of short means less the power of long ones, both made by averaging neighbours again
    and again (a Haar tree). `audioop` does that in 14 us a block: its loops are C and it makes no
    object a sample. numpy would be a quarter of the daemon's memory (both measured).
    """
    wide = audioop.lin2lin(pcm, FRAME_BYTES, _WIDE)
    short = _means(wide, _SHORT)
    long = _means(short, _LONG // _SHORT)
    powers = zip(_powers(short, PERIOD // _SHORT), _powers(long, PERIOD // _LONG), strict=False)
    return [10.0 * math.log10(max(high - low, 0.0) + _NOTHING) for high, low in powers]


def _means(samples: bytes, count: int) -> bytes:
    """The means of each `count` neighbours, a power of two: as if pairs were left and right."""
    for _ in range(count.bit_length() - 1):
        samples = samples[: len(samples) // (2 * _WIDE) * 2 * _WIDE]
        samples = audioop.tomono(samples, _WIDE, 0.5, 0.5)
    return samples


def _powers(samples: bytes, window: int) -> list[float]:
    """The mean power of each whole window; 1 is full scale."""
    size = window * _WIDE
    return [
        (audioop.rms(samples[at : at + size], _WIDE) / _FULL) ** 2
        for at in range(0, len(samples) - size + 1, size)
    ]


class Vad:
    """The detector. Feed it every block of an open microphone, in order.

    `hearing` is True from the onset (60 to 80 ms into speech) to the end of the hangover
    (500 ms after it). The noise floor outlives `reset`, so a person who speaks at the very press
    is heard: only the first 300 ms of the device's life are spent on learning.
    """

    def __init__(self, terms: Terms = NORMAL) -> None:
        self.terms = terms
        self.floor = 0.0
        self._learned = 0
        self._recent: deque[float] = deque(maxlen=_STUCK_FRAMES)
        self._loud: deque[bool] = deque(maxlen=_MOST_WINDOW)
        self._quiet = 0
        self._length = 0
        self._spoken = 0
        self._peak = terms.gate_dbfs
        self.hearing = False

    @property
    def spoken(self) -> Ms:
        """How much speech was heard since the last `reset`."""
        return Ms(round(self._spoken * _FRAME_S * 1000))

    def reset(self) -> None:
        """The gate opens anew: forget the last utterance, keep the noise floor."""
        self._loud.clear()
        self._recent.clear()
        self.hearing = False
        self._spoken = 0

    def feed(self, block: MicBlock) -> bool:
        """Listen to one block; True while somebody speaks. A rest of under 20 ms is passed over."""
        return self.hear(levels(block.pcm))

    def hear(self, levels: Iterable[float]) -> bool:
        """The same for sound whose levels are known."""
        for level in levels:
            self._follow(level)
            self._decide(level)
        return self.hearing

    def _follow(self, level: float) -> None:
        """Move the noise floor."""
        if self._learned < LEARN_FRAMES:
            known = self.floor if self._learned else LEARNED_CEILING_DBFS
            self.floor = max(LOWEST_FLOOR_DBFS, min(known, level))
            self._learned += 1
            return
        self._recent.append(level)
        stuck = (
            len(self._recent) == _STUCK_FRAMES and min(self._recent) > self.floor + 1.0
        )  # no dip for 1.2 s: it is noise that became louder
        if level < self.floor:
            self.floor += 0.3 * (level - self.floor)
        elif stuck:
            self.floor += _RISE_STUCK_DB
        elif not self.hearing:
            self.floor += min(_RISE_QUIET_DB, level - self.floor)
        self.floor = max(LOWEST_FLOOR_DBFS, self.floor)

    def _decide(self, level: float) -> None:
        """Move between hearing and not."""
        terms = self.terms
        if not self.hearing:
            self._loud.append(level > max(self.floor + terms.on_db, terms.gate_dbfs))
            if sum(islice(reversed(self._loud), terms.window)) >= terms.onset:
                self._spoken += terms.onset
                self.hearing, self._quiet, self._length, self._peak = True, 0, 0, level
            return
        self._length += 1
        self._peak = max(level, self._peak - _PEAK_FALL_DB)
        hold = max(self.floor + terms.hold_db, self._peak - 25.0, terms.gate_dbfs - 4.0)
        if level > hold:
            self._quiet = max(0, self._quiet - UNDOES_FRAMES)
            self._spoken += 1
        else:
            self._quiet += 1
        if self._length >= LONGEST_FRAMES:
            self.floor = min(self._recent)
        if self._quiet >= HANGOVER_FRAMES or self._length >= LONGEST_FRAMES:
            self.hearing = False
            self._loud.clear()
