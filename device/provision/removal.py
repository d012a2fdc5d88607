"""Taking secrets off a card: their bytes are overwritten where they stand.

The text put there is valid for itself, means *keep what is stored*, and is as long as what it
replaces, so no byte moves and no sector but theirs is written. What is going to be written is kept
on the device first: a cut in the middle is found at the next start and finished, instead of half a
secret being taken for a new one.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from msgspec import Struct

from device.config import Spot, is_kept
from device.errors import Secret

STORED: Final = "stored on device"
_PLAIN: Final = re.compile(r"[\w-]{4}", re.ASCII)
"""Last letters that can be shown between double quotes: a quote or a backslash would end them."""

_PIECE: Final = 4
"""So many letters of a patch show that it was begun; a key shares fewer with it in one place."""


class Removal(Struct, frozen=True):
    """What to write over a file, each (offset, bytes), and a digest of all the other bytes."""

    patches: tuple[tuple[int, bytes], ...]
    rest: str

    def fits(self, raw: bytes) -> bool:
        """Whether this is the file it was made for, with any part of the patches written."""
        return self.rest == _rest(raw, self.patches)

    def begun(self, raw: bytes) -> bool:
        """Whether a piece of a patch stands in this file already, by a cut in the middle of it."""
        return any(
            _begun(content, raw[start : start + len(content)]) for start, content in self.patches
        )

    def applied(self, raw: bytes) -> bytes:
        """The file without its secrets. Of the same length."""
        whole = bytearray(raw)
        for offset, content in self.patches:
            whole[offset : offset + len(content)] = content
        return bytes(whole)


def removal(raw: bytes, found: tuple[Spot, ...], *, own: Spot | None) -> Removal:
    """Of the secrets `found` in a file; of them `own` goes into this device."""
    patches = tuple(
        (spot.start, _instead(spot, mine=spot is own)) for spot in found if not is_kept(spot.text)
    )
    return Removal(patches, _rest(raw, patches))


def _instead(spot: Spot, *, mine: bool) -> bytes:
    """A quoted text of the same length. Another device's secret is hidden without a word."""
    length = spot.end - spot.start
    tail = Secret(spot.text).tail
    words = (f"{STORED} (...{tail})", STORED) if _PLAIN.fullmatch(tail) else (STORED,)
    for word in words if mine else ():
        text = f'"{word}"'.encode(spot.encoding)
        if len(text) <= length:
            return text + _padding(length - len(text), spot.encoding)
    quotes = len('""'.encode(spot.encoding))
    stars = "*" * ((length - quotes) // (quotes // 2))
    return f'"{stars}"'.encode(spot.encoding)


def _begun(patch: bytes, there: bytes) -> bool:
    """Whether a piece of it is there that no key has in this place.

    Padding alone is a piece only where the value before it has lost its closing quote, or never
    had any: behind a whole one somebody has typed it, to align a comment.
    """
    letters, found = (one.replace(b"\0", b"") for one in (patch, there))  # those of UTF-16, too
    value = found.rstrip()
    whole = value[:1] in (b'"', b"'") and value.endswith(value[:1]) and len(value) > 1
    size = min(_PIECE, len(letters))
    for at in range(len(letters) - size + 1):
        piece = letters[at : at + size]
        if piece == found[at : at + size] and (piece.strip() or not whole):
            return True
    return False


def _padding(length: int, encoding: str) -> bytes:
    space = " ".encode(encoding)
    return space * (length // len(space))


def _rest(raw: bytes, patches: tuple[tuple[int, bytes], ...]) -> str:
    digest = hashlib.sha256()
    end = 0
    for offset, content in sorted(patches):
        digest.update(raw[end:offset] + b"\0secret\0")
        end = offset + len(content)
    digest.update(raw[end:])
    return digest.hexdigest()
