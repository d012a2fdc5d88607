"""The device's own sentences: what it says, from its own files, when it cannot do its work.

Which trouble has which clip is in `device/troubles.py`; the texts are in `sentences.py` and the
recordings in a folder for each language. `README.md` tells whose voices they are. Nothing is read
before a sentence is to be spoken; who cares for a quick start also imports this only then.

A clip is a WAV file of G.711 mu-law: half the size of 16 bits, and good enough for words. `wave`
refuses that format, so a file is exactly what `wav` writes, or it is refused.
"""

from __future__ import annotations

import audioop
from pathlib import Path
from struct import pack
from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "ja", "zh")
"""The languages that have a voice; the first speaks for all others."""

RATE: Final = 24_000
"""Frames a second; one byte a frame in a file, two (S16_LE) in what `clip` gives."""

MOST_SECONDS: Final = 4
"""No sentence is longer; a file that claims to be is not read to its end."""

_HERE: Final = Path(__file__).parent
_MULAW: Final = 7
_HEADER_BYTES: Final = 58


def clip(name: str, language: str) -> bytes | None:
    """The sentence of this name as mono 24 kHz S16_LE, in the language of a code such as `pt-BR`.

    A language without a voice hears English. None if there is no such sentence, or if its file is
    damaged: the light and the journal still tell, so a worn SD card costs the sentence alone.
    """
    primary = language.partition("-")[0]
    spoken = primary if primary in LANGUAGES else LANGUAGES[0]
    try:
        with (_HERE / spoken / f"{name}.wav").open("rb") as file:
            found = file.read(_HEADER_BYTES + MOST_SECONDS * RATE + 1)
    except OSError:
        return None
    sound = found[_HEADER_BYTES:]
    if not 0 < len(sound) <= MOST_SECONDS * RATE or found != wav(sound):
        return None
    return audioop.ulaw2lin(sound, 2)


def wav(mulaw: bytes) -> bytes:
    """A clip's file: its 58 bytes of header, then the sound, one mu-law byte a frame.

    Source: RFC 2361 (format 7), in the RIFF chunks `fmt `, `fact` and `data`. These are of even
    length, so give it an even number of frames.
    """
    form = pack("<HHIIHHH", _MULAW, 1, RATE, RATE, 1, 8, 0)
    chunks = ((b"fmt ", form), (b"fact", pack("<I", len(mulaw))), (b"data", mulaw))
    body = b"".join(tag + pack("<I", len(held)) + held for tag, held in chunks)
    return b"RIFF" + pack("<I", len(b"WAVE" + body)) + b"WAVE" + body
