"""The way of the microphone's blocks: what was admitted waits here until it may leave.

Also what the server made of them so far: which utterance is open, what it has taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from device.core.audio import Frames, MicBlock, frames_in
from device.core.gate import Uplink
from device.core.reply import Recent


class Backlog:
    """Admitted audio that must wait, oldest first. Bounded by the caller's limit at each `keep`."""

    def __init__(self) -> None:
        self._waiting: deque[Uplink] = deque()
        self._frames = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def keep(self, uplink: Uplink, *, limit: Frames) -> Frames:
        """Let it wait; what is older than `limit` is dropped: returns how much that was."""
        dropped = 0
        self._waiting.append(uplink)
        self._frames += frames_in(uplink.pcm)
        while self._frames > limit:
            gone = frames_in(self._waiting.popleft().pcm)
            self._frames -= gone
            dropped += gone
        return Frames(dropped)

    def take(self) -> Iterable[Uplink]:
        """All of it, in order; nothing is left."""
        while self._waiting:
            uplink = self._waiting.popleft()
            self._frames -= frames_in(uplink.pcm)
            yield uplink

    def clear(self) -> None:
        """Forget it."""
        self._waiting.clear()
        self._frames = 0


class PreRoll:
    """The last moments before the press: private blocks in RAM, at most `limit` frames."""

    def __init__(self, limit: Frames) -> None:
        self._limit = limit
        self._blocks: deque[MicBlock] = deque()
        self._frames = 0

    def keep(self, block: MicBlock) -> None:
        """Remember it in place of the oldest."""
        self._blocks.append(block)
        self._frames += block.frames
        while self._frames > self._limit:
            self._frames -= self._blocks.popleft().frames

    def take(self) -> Iterable[MicBlock]:
        """All of it, in order; nothing is left."""
        while self._blocks:
            yield self._blocks.popleft()
        self._frames = 0

    def clear(self) -> None:
        """Forget it."""
        self._blocks.clear()
        self._frames = 0


class Utterances:
    """The server's view of what we appended on this connection."""

    def __init__(self) -> None:
        self.open: str | None = None
        """The utterance the server hears now."""
        self._taken: Recent[str] = Recent()
        self._ours = 0

    def started(self, item: str) -> bool:
        """An onset. False when it is no news."""
        if item == self.open or item in self._taken:
            return False
        self.open = item
        return True

    def commit(self) -> None:
        """We end the turn ourselves."""
        self.open = None
        self._ours += 1

    def refused(self) -> None:
        """Our commit found nothing to take: the server was faster."""
        self._ours = max(0, self._ours - 1)

    def taken(self, item: str) -> bool:
        """The server has taken an utterance. True when it was its own decision, and is news."""
        if item in self._taken:
            return False
        self._taken.add(item)
        if self._ours:
            self._ours -= 1
            return False
        self.open = None
        return True
