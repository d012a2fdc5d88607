"""Cancellers: they take what the loudspeaker plays out of what the microphone hears.

`aec3`   WebRTC's AEC3, by LiveKit's package (extra `aec`): finds the delay by itself, follows
         clocks that drift and loudspeakers that distort. The choice for cheap hardware.
`speex`  libspeexdsp by ctypes, where Debian has it installed: a linear filter of 300 ms with
         suppression of the rest. Good on one clock and an honest loudspeaker, else it leaves much.

Used by one thread, the one that captures. Both were measured (`tests/bench/README.md`).
"""

from __future__ import annotations

import ctypes
from typing import Any, Final, Protocol

from device.core.audio import FRAME_BYTES, RATE, Frames
from device.drivers.ear import STEP
from device.errors import EchoError

TAIL: Final = Frames(RATE * 3 // 10)
"""How long a room may ring for a linear filter."""


class Canceller(Protocol):
    """One microphone's. `delay` is what it adds to the microphone's way."""

    name: str
    delay: Frames

    def cancel(self, microphone: bytes, reference: bytes) -> bytes:
        """One step of each, mono 24 kHz S16_LE; returns the microphone's without the echo."""
        ...


def canceller() -> Canceller:
    """The best that is installed. Raises `EchoError` when there is none."""
    try:
        return Aec3()
    except ImportError:
        pass
    try:
        return Speex()
    except OSError:
        what = "no echo canceller is installed: only the button interrupts"
        cure = "install pressel[aec], or libspeexdsp1"
        raise EchoError(what, cure=cure) from None


class Aec3:
    """WebRTC's audio processing with nothing but the canceller; no suppression, no gain control."""

    name = "aec3"
    delay = Frames(RATE * 8 // 1000)
    """Of its filter bank (measured)."""

    def __init__(self) -> None:
        from livekit import rtc  # 14 MB and 0.1 s, for those who want it

        self._frame: Any = rtc.AudioFrame
        self._apm = rtc.AudioProcessingModule(echo_cancellation=True)

    def cancel(self, microphone: bytes, reference: bytes) -> bytes:
        """One step."""
        played = self._frame(bytearray(reference), RATE, 1, STEP)
        heard = self._frame(bytearray(microphone), RATE, 1, STEP)
        self._apm.process_reverse_stream(played)
        self._apm.process_stream(heard)
        return bytes(heard.data.cast("B"))


class Speex:
    """libspeexdsp's echo canceller, and its preprocessor for what that leaves over."""

    name = "speex"
    delay = STEP

    _SAMPLING_RATE, _DENOISE, _ECHO_STATE = 24, 0, 24
    """speex_echo.h: SPEEX_ECHO_SET_SAMPLING_RATE; speex_preprocess.h: SPEEX_PREPROCESS_SET_..."""

    def __init__(self) -> None:
        self._library = _declared(ctypes.CDLL("libspeexdsp.so.1"))
        self._echo = self._library.speex_echo_state_init(STEP, TAIL)
        self._rest = self._library.speex_preprocess_state_init(STEP, RATE)
        rate, on = ctypes.c_int(RATE), ctypes.c_int(1)
        self._library.speex_echo_ctl(self._echo, self._SAMPLING_RATE, ctypes.byref(rate))
        # Without its noise suppression the echo's is without effect (measured).
        self._library.speex_preprocess_ctl(self._rest, self._DENOISE, ctypes.byref(on))
        self._library.speex_preprocess_ctl(self._rest, self._ECHO_STATE, self._echo)

    def __del__(self) -> None:
        if hasattr(self, "_rest"):
            self._library.speex_preprocess_state_destroy(self._rest)
            self._library.speex_echo_state_destroy(self._echo)

    def cancel(self, microphone: bytes, reference: bytes) -> bytes:
        """One step."""
        clean = ctypes.create_string_buffer(STEP * FRAME_BYTES)
        self._library.speex_echo_cancellation(self._echo, microphone, reference, clean)
        self._library.speex_preprocess_run(self._rest, clean)
        return clean.raw


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """The library with the types of what is used of it (speex_echo.h, speex_preprocess.h)."""
    state, sound, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, returns, takes in (
        ("speex_echo_state_init", state, (number, number)),
        ("speex_echo_state_destroy", None, (state,)),
        ("speex_echo_cancellation", None, (state, sound, sound, sound)),
        ("speex_echo_ctl", number, (state, number, state)),
        ("speex_preprocess_state_init", state, (number, number)),
        ("speex_preprocess_state_destroy", None, (state,)),
        ("speex_preprocess_run", number, (state, sound)),
        ("speex_preprocess_ctl", number, (state, number, state)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library
