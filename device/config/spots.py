"""Where the secrets of a file stand, to the byte: what takes them off a card has to know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from device.config.characters import decode, encoding_of
from device.config.devices import Fleet, apart
from device.config.text import Scalar, inner, read
from device.errors import Problem

_SECRET: Final = ("server", "api_key")
_LINE_END: Final = re.compile("\r\n|\r|\n")

_LIKE_A_KEY: Final = re.compile(
    r"\b(sk|ek)-[\w-]{16,}"
    r"|(?<!\w)([0-9a-f]{32}|(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[0-9])\w{32,})(?!\w)",
    re.ASCII,
)
"""A whole key of OpenAI or of Azure. Narrower than what is masked: each find is worth a remark."""
_MOST: Final = 8
"""So many lines are remarked on; a list of keys does not fill a journal."""


class Spot(Struct, frozen=True):
    """One secret: its bytes are `raw[start:end]`, quotes included.

    `serial` names the device whose own it is, '' for that of all the others.
    """

    start: int
    end: int
    encoding: str
    serial: str
    text: str


def spots(raw: bytes) -> tuple[Spot, ...]:
    """The secrets of a file that `parse` or `survey` has accepted, in no particular order."""
    root = read(raw).root
    if root is None:
        return ()
    encoding, body = encoding_of(raw)
    text = body.decode(encoding)
    begins = [0, *(end.end() for end in _LINE_END.finditer(text))]
    found = []
    for serial, scalar in _secrets(apart(root)):
        first = begins[scalar.line - 1] + scalar.column - 1
        before = len(raw) - len(body) + len(text[:first].encode(encoding))
        length = len(text[first : first + scalar.width].encode(encoding))
        found.append(Spot(before, before + length, encoding, serial, scalar.text))
    return tuple(found)


def strays(raw: bytes, fleet: Fleet) -> tuple[Problem, ...]:
    """A note on each line with something like a key that is in no place of a secret of the fleet.

    It is no mistake, but nobody takes it off a card: it may be remarked out, or be a model's name.
    """
    lines = enumerate(decode(raw)[0].split("\n"), 1)
    found = [
        (number, one.start() + 1) for number, line in lines for one in _LIKE_A_KEY.finditer(line)
    ]
    secrets = [scalar for _, scalar in _secrets(fleet)]
    what, cure = "something like a key stands here, and stays in the file", "delete it"
    notes = {
        line: Problem(line, column, what, cure)
        for line, column in found
        if not any(_covers(one, line=line, column=column) for one in secrets)
    }
    return tuple(notes.values())[:_MOST]


def _covers(scalar: Scalar, *, line: int, column: int) -> bool:
    return scalar.line == line and scalar.column <= column < scalar.column + scalar.width


def _secrets(fleet: Fleet) -> Iterator[tuple[str, Scalar]]:
    for serial, tree in (("", fleet.common), *fleet.single.items()):
        node = inner(tree, *_SECRET)
        if isinstance(node, Scalar) and node.width:
            yield serial, node
