"""Telephone sound (G.711) at the edge of the wire: 8 kHz, one byte a frame, mu-law or A-law.

Everything inside stays 24 kHz S16_LE. `Telephone` has the two words of `wire` that deal in sound,
`append` and `decode`, and stands in their place when a session was asked for in its format. One
byte of a delta is exactly three frames, however it was cut into deltas, so the ledger and
`audio_end_ms` stay exact.

Between the rates stands one low-pass for both directions: flat within 0.6 dB up to 3 kHz, 42 dB
down from 4 kHz on (images of what comes, folding of what goes), `DELAY` frames late. It is summed
by `audioop` over shifted slices, a coefficient at a time: C loops over bytes, as everywhere here.

Sources: ITU-T G.711; the coefficients are an equiripple design (39 taps, pass 3 kHz, stop 4 kHz).
"""

from __future__ import annotations

import audioop
from array import array
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from msgspec import structs

from device.core import wire
from device.core.audio import FRAME_BYTES, RATE, Frames
from device.core.gate import Uplink

Law = Literal["pcmu", "pcma"]

TIMES: Final = 3
"""Frames of ours to a frame of the line."""

# fmt: off
_HALF: Final = (
    -59, 220, 414, 522, 378, -19, -453, -601, -267, 407,
    950, 845, -57, -1288, -1908, -1038, 1531, 5051, 8099,
)
# fmt: on
TAPS: Final = tuple(tap / 32768 for tap in (*_HALF, 9303, *reversed(_HALF)))
"""The low-pass at 24 kHz; symmetric, so every tone is late by the same time."""

DELAY: Final = Frames(len(TAPS) // 2)
"""19 frames, 0.8 ms, in each direction: what was written that recently is not heard yet."""

LINE_RATE: Final = RATE // TIMES
MOST_BYTES: Final = 60 * LINE_RATE
"""The longest delta accepted: a minute, as much as a message of our own sound can hold."""

_WIDE: Final = 4
"""Bytes of a sample while it is filtered, so that rounding stays below the last of 16 bits."""
_ROOM: Final = 0.5
"""Sums may exceed full scale on their way to a result that does not; that one is clipped."""


class _Coding(NamedTuple):
    encode: Callable[[bytes, int], bytes]
    decode: Callable[[bytes, int], bytes]


_CODINGS: Final[dict[Law, _Coding]] = {
    "pcmu": _Coding(audioop.lin2ulaw, audioop.ulaw2lin),
    "pcma": _Coding(audioop.lin2alaw, audioop.alaw2lin),
}


class Telephone:
    """Both directions of one line. Start afresh (`reset`) with each session."""

    def __init__(self, law: Law) -> None:
        self._coding = _CODINGS[law]
        self.reset()

    def reset(self) -> None:
        """A new session: nothing that was said in the last one may sound on in it."""
        self._going = _Thinner()
        self._coming = _Filler()
        self._item = ""

    def append(self, uplink: Uplink) -> wire.Message:
        """As `wire.append`, in the format of the line."""
        return wire.append(uplink, through=self.compress)

    def decode(self, text: bytes) -> wire.ServerEvent | wire.Unknown:
        """As `wire.decode`; the sound of a delta is 24 kHz S16_LE again."""
        event = wire.decode(text, frame_bytes=1)
        if isinstance(event, wire.AudioDelta):
            if len(event.delta) > MOST_BYTES:
                raise wire.WireError(f"audio delta of {len(event.delta) // LINE_RATE} s")
            return structs.replace(event, delta=self.expand(event.delta, item=event.item_id))
        return event

    def compress(self, pcm: bytes) -> bytes:
        """Our sound as the line's: a third of its frames. What is left over goes with the next."""
        return self._coding.encode(self._going.feed(pcm), FRAME_BYTES)

    def expand(self, coded: bytes, *, item: str) -> bytes:
        """The line's sound as ours: three frames a byte. Each item begins in silence."""
        if item != self._item:
            self._item, self._coming = item, _Filler()
        return self._coming.feed(self._coding.decode(coded, FRAME_BYTES))


class _Thinner:
    """24 kHz to 8 kHz: every third value of the filtered stream."""

    def __init__(self) -> None:
        self._past = bytes((len(TAPS) - 1) * _WIDE)

    def feed(self, pcm: bytes) -> bytes:
        """S16_LE in and out."""
        line = self._past + _widened(pcm)
        size = (len(line) // _WIDE - len(TAPS) + 1) // TIMES * _WIDE
        self._past = line[size * TIMES :]
        lanes = [memoryview(line).cast("i")[lane::TIMES].tobytes() for lane in range(TIMES)]

        def under(tap: int) -> bytes:
            """What the tap meets, for all results at once."""
            at = tap // TIMES * _WIDE
            return lanes[tap % TIMES][at : at + size]

        last = len(TAPS) - 1
        total = audioop.mul(under(DELAY), _WIDE, TAPS[DELAY])
        for tap in range(DELAY):
            pair = audioop.add(under(tap), under(last - tap), _WIDE)
            total = audioop.add(total, audioop.mul(pair, _WIDE, TAPS[tap]), _WIDE)
        return _narrowed(total)


class _Filler:
    """8 kHz to 24 kHz: two zeros after every value, then the filter, which never sees them."""

    def __init__(self) -> None:
        self._past = bytes((len(TAPS) // TIMES - 1) * _WIDE)

    def feed(self, pcm: bytes) -> bytes:
        """S16_LE in and out."""
        line = self._past + _widened(pcm)
        size = len(line) - len(self._past)
        self._past = line[size:]
        # Symmetric taps: most products serve two of the three lanes.
        scaled = {tap: audioop.mul(line, _WIDE, TIMES * tap) for tap in set(TAPS)}
        filled = array("h", bytes(TIMES * size // _WIDE * FRAME_BYTES))
        for lane in range(TIMES):
            total = bytes(size)
            for at, tap in enumerate(reversed(TAPS[lane::TIMES])):
                total = audioop.add(total, scaled[tap][at * _WIDE : at * _WIDE + size], _WIDE)
            filled[lane::TIMES] = array("h", _narrowed(total))
        return filled.tobytes()


def _widened(pcm: bytes) -> bytes:
    return audioop.mul(audioop.lin2lin(pcm, FRAME_BYTES, _WIDE), _WIDE, _ROOM)


def _narrowed(samples: bytes) -> bytes:
    return audioop.lin2lin(audioop.mul(samples, _WIDE, 1 / _ROOM), _WIDE, FRAME_BYTES)
