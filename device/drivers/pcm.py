"""Opening an ALSA PCM by name, and checking that it grants what was asked.

alsa-lib is asked through pyalsaaudio, which silently takes another rate, channel count or format
when the card cannot do the wish. So everything granted is compared with the wish; a difference is
an error that names the device, the wish, the grant and the cure.
"""

from __future__ import annotations

import ctypes
import re
from typing import Final, Protocol

import alsaaudio

from device.core.audio import Format, Frames, Sample
from device.errors import AudioDeviceError
from device.troubles import TROUBLES

SAMPLES: Final[dict[Sample, int]] = {
    "S16_LE": alsaaudio.PCM_FORMAT_S16_LE,
    "S32_LE": alsaaudio.PCM_FORMAT_S32_LE,
}
CAPTURE: Final = alsaaudio.PCM_CAPTURE
PLAYBACK: Final = alsaaudio.PCM_PLAYBACK
Error = alsaaudio.ALSAAudioError
"""What every call of a `Pcm` may raise: the device is gone, or broken."""

XRUN: Final = -32
"""-EPIPE, as a return value: the stream stopped because we were late, and is prepared again."""

STALL_S: Final = 1.0
"""A stream in which no frame has moved for so long will not move any more."""


class Pcm(Protocol):
    """An open PCM, as far as we use it (pyalsaaudio 0.11). One thread owns it, no other calls it.

    `close` of a playback PCM plays out what it holds: call `drop` first.
    """

    def read(self) -> tuple[int, bytes]:
        """Frames and bytes of at most one period: 0 when there are none; the first one starts it.

        `(XRUN, b"")` after an overrun.
        """

    def write(self, data: bytes | memoryview, /) -> int:
        """Frames taken: 0 when there is no room, `XRUN` after an underrun (nothing taken)."""

    def avail(self) -> int:
        """Frames of room in the buffer, from the device itself; negative: an errno."""

    def drop(self) -> None:
        """Silence at once; what was not yet audible is lost."""

    def close(self) -> None:
        """Give the device back."""


def open_pcm(
    kind: int, device: str, wish: Format, *, period: Frames, periods: int
) -> tuple[Pcm, Format]:
    """Open `device` for `CAPTURE` or `PLAYBACK`; returns it with the format it granted.

    No call of it ever waits: a device that has stalled must not take our thread along.

    Rate, channels and period must be granted as wished; the sample format may be granted as
    S32_LE instead of S16_LE where the caller can convert. Raises `AudioDeviceError` whose code
    ends in `-absent`, `-busy` or `-terms`.
    """
    part = "microphone" if kind == CAPTURE else "speaker"
    try:
        pcm = alsaaudio.PCM(
            kind,
            alsaaudio.PCM_NONBLOCK,
            device=device,
            rate=wish.rate,
            channels=wish.channels,
            format=SAMPLES[wish.sample],
            periodsize=period,
            periods=periods,
        )
    except Error as problem:
        raise _cannot_open(part, device, str(problem)) from None
    granted = pcm.info()
    terms = Format(granted["rate"], granted["channels"], granted["format_name"])
    fits = (terms.rate, terms.channels) == (wish.rate, wish.channels) and terms.sample in SAMPLES
    if not fits or granted["period_size"] != period:
        pcm.close()
        raise _other_terms(part, device, wish, f"{terms}, period {granted['period_size']}", period)
    return pcm, terms


def _cannot_open(part: str, device: str, reason: str) -> AudioDeviceError:
    reason = re.sub(r" \[.*\]$", "", reason)
    busy = "busy" in reason.lower()
    cure = (
        f"another program uses it: stop that one, or set {part}.device to another card"
        if busy
        else f"plug it in, or set {part}.device to a name that `pressel devices` lists"
    )
    return AudioDeviceError(
        f"cannot open {part} {device!r} ({reason})",
        cure=cure,
        code=f"{part}-busy" if busy else f"{part}-absent",
    )


def _other_terms(
    part: str, device: str, wish: Format, grant: str, period: Frames
) -> AudioDeviceError:
    name = device.removeprefix("hw:")
    cure = (
        f"set {part}.device to 'plughw:{name}', which converts"
        if device.startswith("hw:")
        else f"use a device of {part}.channels: {wish.channels} that converts ('plughw:...')"
    )
    return AudioDeviceError(
        f"{part} {device!r} grants {grant} instead of {wish}, period {period}",
        cure=cure,
        code=f"{part}-terms",
    )


def stalled(part: str, device: str, *, does: str) -> AudioDeviceError:
    """The error for a device that is open and in which no frame moves."""
    return AudioDeviceError(
        f"{part} {device!r} is open and {does} nothing for {STALL_S:.0f} s",
        cure=TROUBLES[f"{part}-stalled"].cure,
        code=f"{part}-stalled",
    )


def quieten_alsa() -> None:
    """Keep alsa-lib from writing its own lines to stderr, between ours.

    Every failure it would talk about reaches us as an error with a reason. The handler must not
    be Python: alsa-lib calls it with a lock held that a thread with the interpreter's lock may be
    waiting for, and both would wait for ever (seen with two absent devices). Any C function that
    takes no notice of its arguments will do, and getpid is one.
    """
    deaf = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p)
    ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(deaf)
