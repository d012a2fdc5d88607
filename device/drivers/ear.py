"""The microphone's sound without our own voice in it: a canceller, fed with what sounds aloud.

Used by the capture thread alone. Blocks come in and go out at the same length; what the canceller
adds in delay is taken off the time of the block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from device.core.audio import FRAME_BYTES, RATE, Frames, MicBlock
from device.core.events import Echo
from device.core.vad import levels
from device.drivers.aloud import Aloud, Position

if TYPE_CHECKING:
    from device.drivers.echo import Canceller

STEP: Final = Frames(RATE // 100)
"""Frames that a canceller takes at a time: 10 ms."""
LEAD: Final = Frames(RATE // 200)
"""The canceller is told 5 ms early what sounds: a cause comes before its effect, whatever the two
clocks were read as."""


class Heard(Struct, frozen=True):
    """One block with what was found in it."""

    block: MicBlock
    echo: Echo


class Ear:
    """Takes the sound of the loudspeaker out of the blocks of one microphone, in order."""

    def __init__(self, canceller: Canceller, aloud: Aloud) -> None:
        self.name = canceller.name
        self._canceller = canceller
        self._aloud = aloud
        self._position = Position()

    def begin(self) -> None:
        """The microphone was opened: what comes next does not follow what came last."""
        self._position.lose()

    def hear(self, sound: bytes, at: float) -> Heard:
        """One block, whose last frame was captured at `at`; a short last step is filled up."""
        frames = len(sound) // FRAME_BYTES
        first = self._position.take(at - frames / RATE, frames)
        played = self._aloud.heard(first + LEAD, frames)
        size = STEP * FRAME_BYTES
        clean = b"".join(
            self._canceller.cancel(
                sound[start : start + size].ljust(size, b"\0"),
                played[start : start + size].ljust(size, b"\0"),
            )
            for start in range(0, len(sound), size)
        )[: len(sound)]
        echo = Echo(tuple(levels(played)), tuple(levels(sound)), tuple(levels(clean)))
        return Heard(MicBlock(clean, at - self._canceller.delay / RATE), echo)
