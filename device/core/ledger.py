"""The ledger of playout: how much of each item has left the loudspeaker.

Signs and units, once: the stream position counts frames written since the PCM started. A frame is
*heard* when its position is below `written − delay`, where `delay` is what the device still holds.
Silence written to bridge a gap moves the position and belongs to no item. Everything rounds down:
we may say a person heard less than they did, never more.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NewType

from msgspec import Struct

from device.core.audio import Frames, Ms, whole_ms

ItemId = NewType("ItemId", str)
"""The server's name of one message of a reply."""

CUE: Final = ItemId("")
"""Our own tones: in the speaker's account, but nothing the server ever said."""


class Heard(Struct, frozen=True):
    """What became of one item: frames received, and frames that were audible."""

    item: ItemId
    heard: Frames
    received: Frames

    @property
    def heard_ms(self) -> Ms:
        """For the wire: `audio_end_ms`, rounded down."""
        return whole_ms(self.heard)

    @property
    def received_ms(self) -> Ms:
        """For people and for clamping."""
        return whole_ms(self.received)


class _Span(Struct):
    """A run of frames of one item (or of silence) in the stream, not yet known as heard."""

    item: ItemId | None
    frames: int


class Ledger:
    """Counts per item, from `received` over `wrote` to `heard`. One owner, no lock.

    Memory is bounded by the items in play: heard spans fold into their item's count, and `close`
    forgets everything.
    """

    def __init__(self) -> None:
        self._received: dict[ItemId, int] = {}
        self._heard: dict[ItemId, int] = {}
        self._spans: deque[_Span] = deque()
        self._pending = 0

    def received(self, item: ItemId, frames: Frames) -> None:
        """Audio of `item` came in and waits to be played."""
        self._received[item] = self._received.get(item, 0) + frames
        self._heard.setdefault(item, 0)

    def wrote(self, item: ItemId | None, frames: Frames) -> None:
        """The device took that much of `item`, or of bridging silence (`None`)."""
        self._pending += frames
        if self._spans and self._spans[-1].item == item:
            self._spans[-1].frames += frames
        else:
            self._spans.append(_Span(item, frames))

    def settle(self, delay: Frames) -> None:
        """The device now holds `delay` frames: all that was written before them is heard."""
        audible = self._pending - max(0, delay)
        while audible > 0:
            span = self._spans[0]
            taken = min(span.frames, audible)
            if span.item is not None:
                self._heard[span.item] += taken
            self._pending -= taken
            audible -= taken
            span.frames -= taken
            if not span.frames:
                self._spans.popleft()

    def take_back(self) -> Frames:
        """Everything that is not settled will not be heard now: how much that is."""
        pending, self._pending = self._pending, 0
        self._spans.clear()
        return Frames(pending)

    def close(self, delay: Frames) -> tuple[Heard, ...]:
        """The stream ends here with `delay` frames unheard: the account of every item, in order.

        The ledger is empty afterwards.
        """
        self.settle(delay)
        account = tuple(
            Heard(item, Frames(self._heard[item]), Frames(received))
            for item, received in self._received.items()
        )
        self._received.clear()
        self._heard.clear()
        self._spans.clear()
        self._pending = 0
        return account
