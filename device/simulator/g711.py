"""G.711 in both directions: telephone audio, 8 kHz, one byte a frame, mu-law or A-law.

The rest of the simulator knows only its own 24 kHz. Each frame from the line stands for three of
them; on the way back three are averaged into one.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

LAWS: Final = ("audio/pcmu", "audio/pcma")
"""The formats of this module, as a session names them: mu-law and A-law."""

_TIMES: Final = 3
"""Frames of 24 kHz to a frame of 8 kHz."""
_MU_BIAS: Final = 33
_MU_MOST: Final = 8158
_MU_ENDS: Final = [0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF]
_A_ENDS: Final = [0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF]


def from_line(data: bytes, law: str) -> bytes:
    """A client's G.711 as S16_LE at 24 kHz."""
    frames = decoding(law)[np.frombuffer(data, np.uint8)]
    return np.repeat(frames, _TIMES).astype("<i2").tobytes()


def to_line(pcm: bytes, law: str) -> bytes:
    """S16_LE at 24 kHz as G.711; a last incomplete group of three is filled with its last frame."""
    frames = np.frombuffer(pcm, "<i2")
    missing = -len(frames) % _TIMES
    frames = np.pad(frames, (0, missing), mode="edge") if missing else frames
    slow = frames.reshape(-1, _TIMES).mean(axis=1).round().astype(np.int16)
    return bytes(encoding(law)[slow.view(np.uint16)])


@cache
def encoding(law: str) -> NDArray[np.uint8]:
    """The byte for each sample, indexed by the sample as an unsigned 16-bit number."""
    samples = np.arange(1 << 16).astype(np.uint16).view(np.int16).astype(np.int32)
    return _mu_bytes(samples) if law == LAWS[0] else _a_bytes(samples)


@cache
def decoding(law: str) -> NDArray[np.int16]:
    """The sample for each byte."""
    codes = np.arange(256)
    if law == LAWS[0]:
        codes = ~codes & 0xFF
        size = ((((codes & 0x0F) << 3) + 4 * _MU_BIAS) << ((codes & 0x70) >> 4)) - 4 * _MU_BIAS
        return np.asarray(np.where(codes & 0x80, -size, size), np.int16)
    codes = codes ^ 0x55
    segment = (codes & 0x70) >> 4
    low = ((codes & 0x0F) << 4) + np.where(segment == 0, 8, 0x108)
    size = low << np.maximum(segment - 1, 0)
    return np.asarray(np.where(codes & 0x80, size, -size), np.int16)


def _mu_bytes(samples: NDArray[np.int32]) -> NDArray[np.uint8]:
    """ITU-T G.711, table 2: 14-bit sign and magnitude, biased, eight segments, all bits flipped."""
    wide = samples >> 2
    size = np.minimum(np.abs(wide), _MU_MOST) + _MU_BIAS
    segment = np.searchsorted(_MU_ENDS, size)
    code = (segment << 4) | ((size >> (segment + 1)) & 0x0F)
    return np.asarray(code ^ np.where(wide < 0, 0x7F, 0xFF), np.uint8)


def _a_bytes(samples: NDArray[np.int32]) -> NDArray[np.uint8]:
    """ITU-T G.711, table 1: 13 bits, the lowest two segments alike, even bits flipped."""
    wide = samples >> 3
    size = np.where(wide < 0, -wide - 1, wide)
    segment = np.searchsorted(_A_ENDS, size)
    code = (segment << 4) | ((size >> np.maximum(segment, 1)) & 0x0F)
    return np.asarray(code ^ np.where(wide < 0, 0x55, 0xD5), np.uint8)
