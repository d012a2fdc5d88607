"""What may be repeated of a file: a complaint quotes what was typed, and never a key."""

from __future__ import annotations

import re
from typing import Final

_KEY_SHAPE: Final = re.compile(r"\b(sk|ek)-\S{6,}|(?=[\w-]*?[a-z])(?=[\w-]*?[A-Z])[\w-]{16,}")
"""A key, or what is left of one after a slip: long, without a space, in small and large letters."""


def shown(text: str) -> str:
    """A text as it may stand in a complaint: quoted, short, and without anything like a key."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return f"'{_KEY_SHAPE.sub('(a key)', short)}'".replace("\n", " ")
