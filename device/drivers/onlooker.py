"""The microphone's sound as a board has cleaned it, with what our own voice does meanwhile.

A board that cancels by itself may be the wrong channel of it, or play through another card. So what
it delivers is looked at while we speak, as with a canceller of ours; nothing of it is changed.
"""

from __future__ import annotations

from device.core.audio import FRAME_BYTES, PERIOD, RATE, MicBlock
from device.core.events import Echo
from device.core.vad import levels
from device.drivers.aloud import Aloud, Position
from device.drivers.ear import LEAD, Heard

SILENCE_DBFS = -120.0


class Onlooker:
    """Looks at the blocks of one microphone, in order. Used by the capture thread alone."""

    name = "hardware"

    def __init__(self, aloud: Aloud) -> None:
        self._aloud = aloud
        self._position = Position()

    def begin(self) -> None:
        """The microphone was opened: what comes next does not follow what came last."""
        self._position.lose()

    def hear(self, sound: bytes, at: float, loopback: bytes | None = None) -> Heard:  # noqa: ARG002
        """One block, whose last frame was captured at `at`. The board knows its loopback itself."""
        frames = len(sound) // FRAME_BYTES
        first = self._position.take(at - frames / RATE, frames) + LEAD
        heard = tuple(levels(sound))
        if self._aloud.silent(first):  # most of the time: it costs nothing then
            played = (SILENCE_DBFS,) * (frames // PERIOD)
        else:
            played = tuple(levels(self._aloud.heard(first, frames)))
        return Heard(MicBlock(sound, at), Echo(played, heard, heard))
