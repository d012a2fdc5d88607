"""Sound as the core sees it: formats, lengths with units, and one block of the microphone.

The wire speaks one language, and so does everything inside: PCM, signed 16 bit little endian,
mono, 24 000 frames a second (the Realtime API's `audio/pcm`). Only the edges know other formats.
"""

from __future__ import annotations

from array import array
from typing import Final, Literal, NewType

from msgspec import Struct

Frames = NewType("Frames", int)
"""A length in frames: one sample per channel. The unit of everything that must be exact."""

Ms = NewType("Ms", int)
"""A length in whole milliseconds, for the wire and for people."""

Sample = Literal["S16_LE", "S32_LE"]

RATE: Final = 24_000
"""Frames per second inside Pressel and on the wire."""

FRAME_BYTES: Final = 2

PERIOD: Final = Frames(RATE // 50)
"""20 ms: what ALSA moves at a time, in both directions."""

_SAMPLE_BYTES: Final[dict[Sample, int]] = {"S16_LE": 2, "S32_LE": 4}


class Format(Struct, frozen=True):
    """How a PCM lays its samples out: `rate` in Hz, interleaved `channels`, little endian."""

    rate: int = RATE
    channels: int = 1
    sample: Sample = "S16_LE"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.channels * _SAMPLE_BYTES[self.sample]

    def __str__(self) -> str:
        return f"{self.rate} Hz, {self.channels} ch, {self.sample}"


class MicBlock(Struct, frozen=True):
    """Microphone audio that is private: mono, 24 kHz, S16_LE.

    It cannot be sent. Only `OpenMic.admit` makes an `Uplink` of it.
    """

    pcm: bytes
    at: float
    """When its last frame was captured, monotonic seconds."""

    @property
    def began(self) -> float:
        """When its first frame was captured."""
        return self.at - self.frames / RATE

    @property
    def frames(self) -> Frames:
        """Its length."""
        return frames_in(self.pcm)


def frames_in(pcm: bytes) -> Frames:
    """Frames of mono 24 kHz S16_LE audio."""
    return Frames(len(pcm) // FRAME_BYTES)


def frames_of(ms: int) -> Frames:
    """Milliseconds to frames at 24 kHz: exact, since 24 frames are one millisecond."""
    return Frames(ms * RATE // 1000)


def whole_ms(frames: Frames) -> Ms:
    """Frames to milliseconds, rounded down: we may claim less than there was, never more."""
    return Ms(frames * 1000 // RATE)


def silence(frames: Frames) -> bytes:
    """That much of nothing."""
    return bytes(frames * FRAME_BYTES)


def to_mono(interleaved: bytes, form: Format, use: tuple[int, ...]) -> bytes:
    """Interleaved capture of `form` to mono S16_LE: one channel, or the average of several.

    Shape in: frames × channels; shape out: frames. S32_LE keeps its upper 16 bits. Averaging a
    wide array cancels high tones (a null near 4 kHz at 64 mm): the default is one channel.
    """
    return average(apart(interleaved, form, use))


def apart(interleaved: bytes, form: Format, use: tuple[int, ...]) -> list[bytes]:
    """These channels of an interleaved capture of `form`, each as mono S16_LE."""
    if form.channels == 1 and form.sample == "S16_LE":
        return [interleaved]
    halves = memoryview(interleaved).cast("h")
    width = form.frame_bytes // form.channels // FRAME_BYTES
    step = form.channels * width
    return [halves[channel * width + width - 1 :: step].tobytes() for channel in use]


def average(channels: list[bytes]) -> bytes:
    """The average of mono channels of one length; of one the channel itself."""
    if len(channels) == 1:
        return channels[0]
    sums = map(sum, zip(*(memoryview(one).cast("h") for one in channels), strict=True))
    return array("h", [total // len(channels) for total in sums]).tobytes()
