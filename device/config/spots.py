"""Where the secrets of a file stand, to the byte: what takes them off a card has to know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from device.config.characters import encoding_of
from device.config.devices import apart
from device.config.text import Node, Scalar, inner, read

_SECRET: Final = ("server", "api_key")
_LINE_END: Final = re.compile("\r\n|\r|\n")


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
    for serial, scalar in _secrets(root):
        first = begins[scalar.line - 1] + scalar.column - 1
        before = len(raw) - len(body) + len(text[:first].encode(encoding))
        length = len(text[first : first + scalar.width].encode(encoding))
        found.append(Spot(before, before + length, encoding, serial, scalar.text))
    return tuple(found)


def _secrets(root: Node) -> Iterator[tuple[str, Scalar]]:
    fleet = apart(root)
    for serial, tree in (("", fleet.common), *fleet.single.items()):
        node = inner(tree, *_SECRET)
        if isinstance(node, Scalar) and node.width:
            yield serial, node
