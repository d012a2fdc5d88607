"""A loudspeaker in virtual time. It knows, frame by frame, what was audible."""

from __future__ import annotations

import math
from collections import Counter, deque

from device.core.audio import RATE, Frames, MicBlock
from device.core.events import Echo
from device.core.ledger import CUE, Heard, ItemId, Ledger
from device.core.vad import levels

BORED_S = 3.0


class Speaker:
    """Plays what is queued at 24 kHz, bridges gaps with silence, and keeps a real ledger."""

    def __init__(self) -> None:
        self.audible: Counter[ItemId] = Counter()
        self.received: Counter[ItemId] = Counter()
        self.tones = 0
        self.sounding = False
        self.held = False
        self.spans: deque[tuple[float, float]] = deque(maxlen=64)
        """When it sounded, and until when."""
        self._queue: deque[tuple[ItemId, int]] = deque()
        self._ledger = Ledger()
        self._clock = 0
        self._began = 0.0
        self._over_at = 0.0
        self._ending = False

    def play(self, now: float, item: ItemId, frames: Frames) -> None:
        self.run(now)
        if not self.sounding:
            self.sounding, self._began = True, now
        self._ending = False
        self._over_at = max(self._over_at, now) + frames / RATE
        self.tones += item == CUE
        self.received[item] += frames
        self._queue.append((item, frames))
        self._ledger.received(item, frames)
        self._ledger.wrote(item, frames)

    def end(self) -> None:
        self._ending = True

    def run(self, now: float) -> None:
        """Let the time up to `now` sound."""
        due, self._clock = round(now * RATE) - self._clock, round(now * RATE)
        if not self.sounding or self.held:
            return
        while due > 0 and self._queue:
            item, frames = self._queue.popleft()
            taken = min(due, frames)
            self.audible[item] += taken
            due -= taken
            if frames > taken:
                self._queue.appendleft((item, frames - taken))
        if due:
            self._ledger.wrote(None, Frames(due))
        self._ledger.settle(Frames(self._waiting))

    def hold(self, now: float) -> None:
        """Fall silent for a moment, and keep what was not heard."""
        self.run(now)
        if self.sounding and not self.held:
            self.held = True
            self.spans.append((self._began, now))

    def go_on(self, now: float) -> None:
        """Go on with it."""
        self.run(now)
        if self.held:
            self.held = False
            self._began = now
            self._over_at = now + self._waiting / RATE

    def silent_at(self) -> float | None:
        """When it will have played out, or given up waiting for more; None while it is silent."""
        if not self.sounding or self.held:
            return None
        return self._over_at if self._ending else self._over_at + BORED_S

    def stop(self, now: float, *, unsure: bool = False) -> tuple[Heard, ...]:
        """Fall silent; the account of what was heard, or of what is settled when it failed."""
        self.run(now)
        account = self._ledger.close(Frames(1 << 60 if unsure else self._waiting))
        if self.sounding and not self.held:
            self.spans.append((self._began, now))
        self.held = False
        self._queue.clear()
        self.sounding = self._ending = False
        self._over_at = 0.0
        return account

    def sounded_between(self, start: float, end: float, *, begun_by: float = math.inf) -> bool:
        """Was it audible at any time of this span, by a sound that began before `begun_by`?"""
        spans = list(self.spans)
        if self.sounding and not self.held:
            spans.append((self._began, math.inf))
        return any(began < min(end, begun_by) and start < over for began, over in spans)

    def echo(self, began: float, block: MicBlock, *, taken_db: float | None) -> Echo | None:
        """Our voice is at -20 dBFS in the microphone; what a canceller leaves of it is quieter.

        The block holds the rest of the room.
        """
        if taken_db is None:
            return None
        own = -20.0 if self.sounded_between(began, block.at) else -120.0
        others = levels(block.pcm)
        return Echo(
            tuple(own for _ in others),
            tuple(max(own, other) for other in others),
            tuple(max(own - taken_db, other) for other in others),
        )

    @property
    def answering(self) -> bool:
        """Sound of an answer is queued, and not only of our own."""
        return any(item != CUE for item, _ in self._queue)

    @property
    def _waiting(self) -> int:
        return sum(frames for _, frames in self._queue)
