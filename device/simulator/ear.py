"""The server's ear: the audio clock, the input buffer and the energy VAD.

The clock counts appended frames and nothing else: without `append` no time passes, and the same
audio gives the same offsets however fast it is uploaded. Decisions fall on a grid of 32 ms
windows counted from the start of the session; clearing the buffer does not move the grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from .script import RATE

WINDOW: Final = 768
"""Frames per VAD window: 32 ms."""
_ONSET_WINDOWS: Final = 3
_FULL_SCALE: Final = 32_768.0


@dataclass(frozen=True, slots=True)
class Onset:
    """Speech began; `start_ms` includes the prefix padding."""

    start_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The turn is over; `end_ms` is where that was decided, silence included."""

    end_ms: int


class Ear:
    """What the server heard of one session so far. All positions are frames of the session."""

    def __init__(self, *, loud_dbfs: float) -> None:
        self.appended = 0
        self._loud_square = (_FULL_SCALE * 10 ** (loud_dbfs / 20)) ** 2
        self._unjudged = b""
        self._judged = 0
        self._first_kept = 0
        self._floor = 0
        self._loud_windows = 0
        self._quiet_windows: int | None = None
        self._patience_windows = 0

    @property
    def speaking(self) -> bool:
        """A turn is open: its onset was reported and its end was not."""
        return self._quiet_windows is not None

    @property
    def judged(self) -> int:
        """Frames the VAD has decided on: whole windows."""
        return self._judged

    @property
    def buffered(self) -> int:
        """Frames that a commit now would make an item of."""
        return self.appended - self._first_kept

    def hear(
        self, pcm: bytes, *, prefix_ms: int, patience_ms: Callable[[], float]
    ) -> Iterator[Onset | TurnEnd]:
        """Take audio with the VAD on; report what it decides, in the order of the audio.

        Each report must be handled before the next is asked for. `patience_ms` is asked once a
        turn, at its onset: how much silence will end it.
        """
        self.appended += len(pcm) // 2
        for loud in self._windows(pcm):
            self._judged += WINDOW
            if self._quiet_windows is not None:
                self._quiet_windows = 0 if loud else self._quiet_windows + 1
                if self._quiet_windows >= self._patience_windows:
                    self._quiet_windows, self._loud_windows = None, 0
                    yield TurnEnd(_ms(self._judged))
                continue
            self._loud_windows = self._loud_windows + 1 if loud else 0
            if self._loud_windows == _ONSET_WINDOWS:
                onset_ms = _ms(self._judged - _ONSET_WINDOWS * WINDOW)
                start_ms = max(0, onset_ms - prefix_ms)
                self._first_kept = max(self._floor, start_ms * RATE // 1000)
                self._quiet_windows = 0
                self._patience_windows = max(1, math.ceil(patience_ms() * RATE / 1000 / WINDOW))
                yield Onset(start_ms)
        if not self.speaking:
            padding = prefix_ms * RATE // 1000
            self._first_kept = max(self._first_kept, self._judged - padding)

    def store(self, pcm: bytes) -> None:
        """Take audio with the VAD off: it is kept until a commit or a clear."""
        self.appended += len(pcm) // 2
        self._judged += WINDOW * len(self._windows(pcm))

    def take_turn(self) -> tuple[int, int]:
        """The frames of the turn that just ended, first and one past the last; they leave."""
        return self._take(self._judged)

    def take_all(self) -> tuple[int, int]:
        """All buffered frames, first and one past the last; they leave, and an open turn ends."""
        self.hush()
        return self._take(self.appended)

    def hush(self) -> None:
        """Forget an open turn without reporting its end; what is buffered stays."""
        self._quiet_windows, self._loud_windows = None, 0

    def _take(self, last: int) -> tuple[int, int]:
        first, self._first_kept, self._floor = self._first_kept, last, last
        return first, last

    def _windows(self, pcm: bytes) -> list[bool]:
        self._unjudged += pcm
        whole = len(self._unjudged) // (2 * WINDOW)
        ready, self._unjudged = (
            self._unjudged[: whole * 2 * WINDOW],
            self._unjudged[whole * 2 * WINDOW :],
        )
        frames = np.frombuffer(ready, "<i2").astype(np.float64).reshape(whole, WINDOW)
        loud: list[bool] = (np.mean(frames**2, axis=1) > self._loud_square).tolist()
        return loud


def _ms(frames: int) -> int:
    return frames * 1000 // RATE
