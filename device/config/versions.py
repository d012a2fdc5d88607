"""Formats of the file: older ones are brought up to date in memory, newer ones refused.

A step works on the tree and not on the text, so that every later complaint keeps its place; the
file itself is not rewritten.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from typing import Final

from msgspec import Struct, inspect
from msgspec.structs import replace

from device.config.model import VERSION
from device.config.scalars import MistypedError, read_number
from device.config.text import Entry, Mapping, Node, Scalar
from device.errors import Problem

Step = Callable[[Mapping], Mapping]
STEPS: Final[Table[int, Step]] = {}
"""From each old format to the next. None yet: version 1 is the first."""


class Upgraded(Struct, frozen=True):
    """The tree in the present format; `refusal` is the one complaint about a newer one."""

    root: Node
    refusal: Problem | None = None
    note: Problem | None = None


def upgraded(root: Node, *, steps: Table[int, Step] = STEPS, latest: int = VERSION) -> Upgraded:
    """Bring a tree to the `latest` format. What is no version at all is left to the checker."""
    entry = _version(root)
    if entry is None or not isinstance(root, Mapping) or not isinstance(entry.value, Scalar):
        return Upgraded(root)
    try:
        version = read_number(entry.value, inspect.IntType(ge=1, le=1000))
    except MistypedError:
        return Upgraded(root)
    place = (entry.value.line, entry.value.column)
    if version > latest:
        what = f"version {version}: this card was written for a newer Pressel"
        cure = f"update Pressel, or write the file for version: {latest}"
        return Upgraded(root, refusal=Problem(*place, what, cure))
    if version == latest:
        return Upgraded(root)
    for old in range(int(version), latest):
        root = steps[old](root)
    present = Entry(entry.key, replace(entry.value, text=str(latest)))
    entries = tuple(present if one.key.text == "version" else one for one in root.entries)
    what = f"format {version} is still understood; the present one is {latest}"
    cure = "start from the present pressel.example.yaml when you change it next"
    return Upgraded(replace(root, entries=entries), note=Problem(*place, what, cure))


def _version(root: Node) -> Entry | None:
    if not isinstance(root, Mapping):
        return None
    return next((entry for entry in root.entries if entry.key.text == "version"), None)
