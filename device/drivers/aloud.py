"""What sounds in the room, and when: written by the playout thread, read by the capture thread.

A canceller takes our own voice out of the microphone's sound; for that it must know what the
loudspeaker plays at each moment. This is a ring of the last seconds on one scale of time,
monotonic time in frames, so nothing has to wait for anything: what was not played is silence, and
what a cut kept from sounding is taken back.
"""

from __future__ import annotations

import threading
from typing import Final

from device.core.audio import FRAME_BYTES, RATE, Frames

LENGTH: Final = Frames(2 * RATE)
"""More than the speaker's buffer and the microphone's block together."""
JUMP: Final = Frames(RATE // 50)
"""A reading of the clock this far from the count of frames is a gap and not an error of reading."""
STRAY: Final = Frames(RATE // 1000)
"""Up to this the count is trusted more; beyond it the clocks of the two drift apart."""


def frame_at(seconds: float) -> int:
    """A moment of monotonic time as a number of frames."""
    return round(seconds * RATE)


class Position:
    """Where a stream stands on the scale: counted by its own frames, held to the clock.

    One reading of the clock errs by a millisecond or so; frames do not. A gap sets it anew, and two
    clocks that drift apart are followed by one frame a time.
    """

    def __init__(self) -> None:
        self._next: int | None = None

    def take(self, at: float, frames: int) -> int:
        """The position of the first of so many frames that begin about `at` seconds."""
        read = frame_at(at)
        first = self._next
        if first is None or abs(read - first) > JUMP:
            first = read
        elif abs(read - first) > STRAY:
            first += 1 if read > first else -1
        self._next = first + frames
        return first

    def lose(self) -> None:
        """The stream has stopped."""
        self._next = None


class Aloud:
    """The loudspeaker's sound over time: mono, 24 kHz, S16_LE. Any thread may call.

    The last `length` frames of it are remembered.
    """

    def __init__(self, length: Frames = LENGTH) -> None:
        self._length = length
        self._ring = bytearray(length * FRAME_BYTES)
        self._end = 0
        """No sound is known from this position on."""
        self._lock = threading.Lock()

    def sounds(self, first: int, sound: bytes | memoryview) -> None:
        """From position `first` on this will be audible."""
        frames = len(sound) // FRAME_BYTES
        with self._lock:
            self._clear(self._end, first)
            self._put(first, sound)
            self._end = max(self._end, first + frames)

    def falls_silent(self, at: int) -> None:
        """What should have sounded from this position on will not."""
        with self._lock:
            self._clear(at, self._end)
            self._end = min(self._end, at)

    def heard(self, first: int, frames: int) -> bytes:
        """What sounds in so many frames from `first`; silence where nothing is known."""
        with self._lock:
            known = max(0, min(frames, self._end - first))
            sound = self._get(first, known) if first > self._end - self._length else b""
        return sound.ljust(frames * FRAME_BYTES, b"\0")

    def _put(self, first: int, sound: bytes | memoryview) -> None:
        at = first % self._length * FRAME_BYTES
        head = len(self._ring) - at
        view = memoryview(sound)[: len(self._ring)]
        self._ring[at : at + len(view[:head])] = view[:head]
        self._ring[: len(view[head:])] = view[head:]

    def _get(self, first: int, frames: int) -> bytes:
        at = first % self._length * FRAME_BYTES
        end = at + frames * FRAME_BYTES
        return bytes(self._ring[at:end] + self._ring[: max(0, end - len(self._ring))])

    def _clear(self, first: int, end: int) -> None:
        frames = min(end - first, self._length)
        if frames > 0:
            self._put(end - frames, bytes(frames * FRAME_BYTES))
