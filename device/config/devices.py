"""One file for many devices: settings that one board, known by its serial number, has otherwise.

    devices:
      "10000000abcd1234":
        speaker: {volume: 40}

What stands there goes over the rest of the file, key by key; lists are replaced. It happens in the
tree, so every complaint keeps its line.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from device.config.masked import shown
from device.config.text import Entry, Mapping, Node
from device.errors import Problem

SECTION: Final = "devices"
_SERIAL: Final = re.compile(r"[0-9a-f]{8,16}")
_COMMON: Final = ("version", SECTION)


class Fleet(Struct, frozen=True):
    """A file taken apart: what all devices share, what single ones have, complaints about that."""

    common: Node
    single: dict[str, Mapping] = {}
    problems: tuple[Problem, ...] = ()

    def tree(self, serial: str) -> Node:
        """The settings of this device; the common ones for a device that is not named."""
        over = self.single.get(serial.lower())
        if over is None or not isinstance(self.common, Mapping):
            return self.common
        return merged(self.common, over)


def apart(root: Node) -> Fleet:
    """Take the section `devices` out of a tree."""
    if not isinstance(root, Mapping):
        return Fleet(root)
    section = next((entry for entry in root.entries if entry.key.text == SECTION), None)
    if section is None:
        return Fleet(root)
    common = replace(root, entries=tuple(one for one in root.entries if one is not section))
    if not isinstance(section.value, Mapping):
        cure = "type serial numbers below it, each with its own settings"
        problem = Problem(section.key.line, section.key.column, "devices has no device", cure)
        return Fleet(common, problems=(problem,))
    single: dict[str, Mapping] = {}
    problems = []
    for entry in section.value.entries:
        fault = _fault(entry, single)
        if fault is None and isinstance(entry.value, Mapping):
            single[entry.key.text.lower()] = entry.value
        elif fault is not None:
            problems.append(fault)
    return Fleet(common, single, tuple(problems))


def _fault(entry: Entry, known: dict[str, Mapping]) -> Problem | None:
    """What is wrong with one device's entry."""
    key = entry.key
    serial = key.text.lower()
    if not _SERIAL.fullmatch(serial):
        what = f"{shown(key.text)} is not the serial number of a board"
        cure = "type the 16 digits that pressel-status.txt shows, in quotes"
        return Problem(key.line, key.column, what, cure)
    if serial in known:
        what, cure = f"the device {shown(key.text)} is named twice", "keep one of the two"
        return Problem(key.line, key.column, what, cure)
    if not isinstance(entry.value, Mapping):
        cure = "type its own settings below it, or delete the line"
        return Problem(key.line, key.column, f"the device {shown(key.text)} has no settings", cure)
    for inner in entry.value.entries:
        if inner.key.text in _COMMON:
            what = f"{inner.key.text} belongs to the whole file, not to one device"
            return Problem(inner.key.line, inner.key.column, what, "move it to the left margin")
    return None


def merged(base: Mapping, over: Mapping) -> Mapping:
    """`over` goes over `base`. As deep as the tree, which `text` bounds."""
    own = {entry.key.text: entry for entry in over.entries}
    entries = []
    for entry in base.entries:
        mine = own.pop(entry.key.text, None)
        if mine is None:
            entries.append(entry)
        elif isinstance(mine.value, Mapping) and isinstance(entry.value, Mapping):
            entries.append(Entry(entry.key, merged(entry.value, mine.value)))
        else:
            entries.append(mine)
    return replace(base, entries=(*entries, *own.values()))
