"""On either side of the words: the moments before them, and what the server makes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from device.core.audio import Frames, MicBlock, frames_of
from device.core.reply import Recent


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
        self._ends: dict[str, Frames] = {}
        self._ours = 0

    def stopped(self, item: str, end_ms: int) -> None:
        """The server says where an utterance ends, in frames of its audio clock."""
        if item == self.open:
            self._ends = {item: frames_of(end_ms)}

    def end_of(self, item: str) -> Frames | None:
        """Where that was; None when it did not say."""
        return self._ends.get(item)

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
