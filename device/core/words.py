"""The words of the person: every block that was admitted, until the answer to it begins to sound.

A block first waits (for the link, for the echo to fade), then it is sent, and even then it stays
here: a server that is lost takes what it heard along. So when the link drops, all that was not
answered waits again, in order, and the next server hears the turn from its first sample.

                keep            leave          took, answered
    microphone ──────▶ waiting ──────▶ sent ───────────────────▶ forgotten
                          ▲              │
                          └─ link_lost ──┘

Positions are frames that this connection has got, our silence included: the server's own audio
clock (`audio_end_ms`).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from msgspec import Struct

from device.core.audio import RATE, Frames, Ms, frames_in
from device.core.gate import Uplink

KEPT: Final = Frames(30 * RATE)
"""Words are kept for 30 s of sound (1.4 MB), those that wait and those that were sent."""


class _Word(Struct):
    """One block: what of it was speech, and where the server's clock stood after it."""

    uplink: Uplink
    frames: int
    spoken: int
    end: int = 0


class Words:
    """The audio of the turns that nobody has answered yet. Bounded by `KEPT`, twice."""

    def __init__(self) -> None:
        self.repeats = 0
        """How often these words were put to a further server after one had taken them."""
        self._waiting: deque[_Word] = deque()
        self._waiting_frames = 0
        self._sent: deque[_Word] = deque()
        self._sent_frames = 0
        self._position = 0
        self._taken = 0
        self._gone = 0
        self._lost = 0

    @property
    def waiting(self) -> bool:
        """Something waits to leave."""
        return bool(self._waiting)

    @property
    def waiting_s(self) -> float:
        """How many seconds of sound wait."""
        return self._waiting_frames / RATE

    @property
    def waiting_spoken(self) -> Ms:
        """Speech among what waits."""
        return Ms(sum(word.spoken for word in self._waiting))

    @property
    def untaken_spoken(self) -> Ms:
        """Speech that no server has taken as a turn."""
        sent = sum(word.spoken for word in self._sent if word.end > self._taken)
        return Ms(sent + self.waiting_spoken)

    def keep(self, uplink: Uplink, *, spoken: Ms, limit: Frames = KEPT) -> None:
        """Let it wait; what has waited longest goes when that is more than `limit`."""
        word = _Word(uplink, frames_in(uplink.pcm), spoken)
        self._waiting.append(word)
        self._waiting_frames += word.frames
        self._trim_waiting(limit)

    def leave(self) -> list[Uplink]:
        """All that waits, in order: it is sent now."""
        leaving = []
        while self._waiting:
            word = self._waiting.popleft()
            self._position += word.frames
            word.end = self._position
            self._sent.append(word)
            self._sent_frames += word.frames
            leaving.append(word.uplink)
        self._waiting_frames = 0
        while self._sent_frames > KEPT:
            word = self._sent.popleft()
            self._sent_frames -= word.frames
            self._gone += _loss(word, after=self._gone)
        return leaving

    def silence(self, frames: Frames) -> None:
        """So much silence of ours was sent."""
        self._position += frames

    def took(self, until: Frames | None = None) -> None:
        """The server has taken a turn that ends there; None: with all that was sent."""
        end = self._position if until is None else min(until, self._position)
        self._taken = max(self._taken, end)

    def answered(self) -> None:
        """The answer to what was taken sounds, or the person gave it up: never send it again."""
        until = self._taken or self._position
        while self._sent and self._sent[0].end <= until:
            self._sent_frames -= self._sent.popleft().frames
        self._gone = self.repeats = 0

    def link_lost(self) -> None:
        """The server is lost, and with it all it heard: what was not answered waits again."""
        self._waiting.extendleft(reversed(self._sent))
        self._waiting_frames += self._sent_frames
        self._lost += self._gone
        self._sent.clear()
        self._sent_frames = self._position = self._taken = self._gone = 0
        self._trim_waiting(KEPT)

    def take_loss(self) -> Frames:
        """How much speech was lost since this was asked last: too old to be kept."""
        lost, self._lost = self._lost, 0
        return Frames(lost)

    def hold_back(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._waiting_frames = 0

    def clear(self) -> None:
        """Forget everything but the server's clock."""
        self.hold_back()
        self._sent.clear()
        self._sent_frames = self._gone = self._lost = self.repeats = 0

    def _trim_waiting(self, limit: Frames) -> None:
        while self._waiting_frames > limit:
            word = self._waiting.popleft()
            self._waiting_frames -= word.frames
            self._lost += _loss(word, after=self._lost)


def _loss(word: _Word, *, after: int) -> int:
    """Frames of speech that go with this block: all of it, once somebody had begun to speak."""
    return word.frames if word.spoken or after else 0
