"""One reply on its way to the speaker, and what the playout thread can be told about it."""

from __future__ import annotations

import audioop
import time
from collections import deque
from typing import Final

from msgspec import Struct

from device.core.audio import FRAME_BYTES, RATE, Frames, frames_in
from device.core.ledger import ItemId, Ledger
from device.core.limiter import Limiter
from device.core.loudness import Loudness
from device.drivers.thread import Ask

STEPS: Final = 64
STEP_BYTES: Final = RATE // 1000 * FRAME_BYTES
"""A change of volume within a reply takes 64 steps of a millisecond: no click."""
_KEPT: Final = 64
"""Pieces: more than a buffer has, each at least a part of a period."""


class Sound(Struct, frozen=True):
    """Sound of one item: mono, 24 kHz, S16_LE."""

    item: ItemId
    pcm: bytes


class End:
    """Nothing more comes."""


class Cut:
    """Silence at once."""


class Hold:
    """Silence at once, for a moment."""


class GoOn:
    """The moment is over."""


class Probe:
    """Can it be opened?"""


class Stop:
    """End the thread."""


Order = Sound | End | Cut | Hold | GoOn | Probe | Ask | Stop


class Reel:
    """What waits, what was written, and how it is to end."""

    def __init__(self, loudness: Loudness, limiter: Limiter | None = None) -> None:
        self.ledger = Ledger()
        self.waiting = 0
        """Frames not yet written."""
        self.ending: End | Cut | Stop | None = None
        self.started = False
        """The device holds sound of it, or has played some."""
        self.held = False
        self._written: deque[tuple[ItemId | None, memoryview]] = deque()
        """What the device may still hold, newest last."""
        self._loudness = loudness
        self._limiter = limiter
        self._last: tuple[ItemId, float] | None = None
        self._sounds: deque[tuple[ItemId, memoryview]] = deque()
        self._sounded: ItemId | None = None

    def take(self, order: Order) -> None:
        """One order. Sound after an `End` is the next part of the same reply."""
        match order:
            case Sound():
                if isinstance(self.ending, End):
                    self.ending = None
                self._sounds.append((order.item, memoryview(self._louder(order))))
                self.waiting += frames_in(order.pcm)
                self.ledger.received(order.item, frames_in(order.pcm))
            case Hold() | GoOn():
                self.held = isinstance(order, Hold)
            case End() | Cut() | Stop():
                if not isinstance(self.ending, Cut | Stop):
                    self.ending = order
            case Probe() | Ask():
                pass

    def _louder(self, order: Sound) -> bytes:
        """The sound as loud as it is to be; where that changes within a reply, without a click."""
        minute = 0
        if self._loudness.quiet is not None:
            now = time.localtime()
            minute = now.tm_hour * 60 + now.tm_min
        gain = self._loudness.of(order.item, minute=minute)
        item, before = self._last or (order.item, gain)
        before = before if item == order.item else gain
        self._last = (order.item, gain)
        sound = louder(order.pcm, gain, before=before)
        return sound if self._limiter is None else self._limiter.limit(sound)

    def next(self, room: int) -> tuple[ItemId, memoryview]:
        """The oldest sound, at most `room` frames of it."""
        item, sound = self._sounds[0]
        return item, sound[: room * FRAME_BYTES]

    def wrote(self, taken: int) -> bool:
        """The device took so many frames of the oldest sound. True when its item is a new one."""
        item, sound = self._sounds.popleft()
        self._remember(item, sound[: taken * FRAME_BYTES])
        if taken * FRAME_BYTES < len(sound):
            self._sounds.appendleft((item, sound[taken * FRAME_BYTES :]))
        self.waiting -= taken
        self.started = True
        self.ledger.wrote(item, Frames(taken))
        news = item != self._sounded
        self._sounded = item
        return news

    def bridged(self, silence: bytes) -> None:
        """The device took so much silence in between."""
        self.ledger.wrote(None, frames_in(silence))
        self._remember(None, memoryview(silence))

    def take_back(self, delay: Frames) -> None:
        """What the device was given and has not played waits again; it was dropped there."""
        self.ledger.settle(delay)
        left = self.ledger.take_back()
        while left > 0 and self._written:
            item, sound = self._written.pop()
            part = sound[-left * FRAME_BYTES :]
            left = Frames(left - len(part) // FRAME_BYTES)
            if item is not None:
                self._sounds.appendleft((item, part))
                self.waiting += len(part) // FRAME_BYTES
        self._written.clear()
        self.started = False

    def _remember(self, item: ItemId | None, sound: memoryview) -> None:
        self._written.append((item, sound))
        if len(self._written) > _KEPT:
            self._written.popleft()


def louder(sound: bytes, gain: float, *, before: float) -> bytes:
    """The sound times `gain`, which is 0 to 1; at first times `before`, and in steps from there."""
    if gain == before == 1.0:
        return sound
    if gain == before:
        return audioop.mul(sound, FRAME_BYTES, gain)
    steps = []
    for step in range(STEPS):
        part = sound[step * STEP_BYTES : (step + 1) * STEP_BYTES]
        factor = before + (gain - before) * (step + 1) / STEPS
        steps.append(audioop.mul(part, FRAME_BYTES, factor))
    return b"".join(steps) + audioop.mul(sound[STEPS * STEP_BYTES :], FRAME_BYTES, gain)
