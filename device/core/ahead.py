"""What is heard before the gate opens: the moments before a press, and a voice that wakes.

All of it stays in RAM. With `talk.wake: voice` speech opens the gate as a tap would; a noise that
begins and stays as it is does not, and neither does our own voice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from device.core.audio import Frames, MicBlock, Ms, frames_of
from device.core.habits import Habits
from device.core.uplinks import PreRoll
from device.core.vad import Vad, levels

WAKE_MS: Final = 1000
"""What was said until speech is known to be speech, with the breath before it."""
SPEECH: Final = 20
"""Frames of 20 ms of speech that wake: 400 ms."""
SPOKEN_MS: Final = 280
"""And so much of it must not be the silence after a slam."""
LIVELY_DB: Final = 8.0
"""Speech rises and falls by more than that within them; a fan that starts does not."""
REST_S: Final = 2.0
"""After a conversation has closed: its last words, and whoever walks away, do not open the next."""


class Waker(Protocol):
    """Whatever can wake the device. A wake word would be another one.

    It is asked in the event loop, between everything else: what takes longer than a millisecond a
    block is late for the button, so an engine that does wants a thread of its own, hands the block
    over here and answers of what that thread has found by now. It must not raise.
    """

    def hear(self, block: MicBlock) -> bool:
        """One block of the closed gate; True when it wakes."""
        ...

    def rest(self) -> None:
        """What comes next does not follow what came last."""
        ...


class VoiceWaker:
    """Wakes when somebody speaks near by."""

    def __init__(self) -> None:
        self._vad = Vad()
        self._speech: deque[float] = deque(maxlen=SPEECH)
        self._before = Ms(0)
        """What had been spoken before this utterance."""

    def hear(self, block: MicBlock) -> bool:
        """One block."""
        for level in levels(block.pcm):
            if not self._vad.hear((level,)):
                self._speech.clear()
                self._before = self._vad.spoken
                continue
            self._speech.append(level)
            lively = max(self._speech) - min(self._speech) >= LIVELY_DB
            enough = self._vad.spoken - self._before >= SPOKEN_MS
            if len(self._speech) == SPEECH and lively and enough:
                self.rest()
                return True
        return False

    def rest(self) -> None:
        """Begin anew, with the noise of the room as it is known."""
        self._vad.reset()
        self._speech.clear()
        self._before = Ms(0)


class Ahead:
    """The microphone before the press, where the owner wants that; `waker` makes what may wake."""

    def __init__(self, habits: Habits, waker: Callable[[], Waker]) -> None:
        self._waker = waker() if habits.wake == "voice" else None
        least = frames_of(WAKE_MS) if self._waker else Frames(0)
        self._preroll = PreRoll(max(habits.preroll, least))
        self._rests_until = 0.0

    def hear(self, block: MicBlock, *, at: float, ourselves: bool) -> bool:
        """One block while the gate is closed; True when it opens it. `ourselves`: we sound."""
        self._preroll.keep(block)
        if self._waker is None:
            return False
        if ourselves or at < self._rests_until:
            self._waker.rest()
            return False
        return self._waker.hear(block)

    def closed(self, at: float) -> None:
        """The gate has closed."""
        self._rests_until = at + REST_S

    def take(self) -> Iterable[MicBlock]:
        """What was heard before this opening."""
        return self._preroll.take()

    def forget(self) -> None:
        """What was heard so far is nobody's, and does not go on: muted, or a broken microphone."""
        self._preroll.clear()
        if self._waker is not None:
            self._waker.rest()
