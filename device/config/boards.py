"""`board: NAME` in the file: the settings of a board profile, below those that the file has itself.

    board: respeaker-2mic-v2
    microphone: {use: 1}

It happens in the tree, key by key, so every complaint keeps its line: what the board brings stands
where its name does. What a profile holds besides its settings is told in `device/boards`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from device.config.devices import merged
from device.config.text import Entry, Mapping, Node, Scalar, Sequence, inner, read

Name = Literal[
    "none",
    "adafruit-voice-bonnet",
    "aiy-voice-hat",
    "codec-zero",
    "inmp441-max98357a",
    "playstation-eye",
    "respeaker-2mic-v1",
    "respeaker-2mic-v2",
    "respeaker-4mic-hat",
    "respeaker-6mic-kit",
    "respeaker-usb-4mic",
    "respeaker-xvf3800",
    "usb-speakerphone",
]
FOLDER: Final = Path(__file__).parents[1] / "boards"
_LIGHTS: Final = frozenset(("led", "rgb", "ring"))
_Any = TypeVar("_Any", bound=Node)


class Fitted(Struct, frozen=True):
    """A tree with the settings of its board; not `known` when what should name it is wrong."""

    root: Node
    known: bool = True


def fitted(root: Node) -> Fitted:
    """Put the board's settings below those of the tree. A wrong name is left to the checker."""
    name = inner(root, "board")
    if not isinstance(root, Mapping) or name is None:
        return Fitted(root, known=not _misspelled(root))
    if isinstance(name, Scalar) and name.text == "none":
        return Fitted(root)
    if not isinstance(name, Scalar) or name.text not in get_args(Name):
        return Fitted(root, known=False)
    settings = inner(read(raw(name.text)).root, "settings")
    assert isinstance(settings, Mapping), name.text
    panel = inner(root, "panel")
    own = {entry.key.text for entry in panel.entries} if isinstance(panel, Mapping) else set()
    if own & _LIGHTS:
        settings = _without_light(settings)
    return Fitted(merged(_moved(settings, to=name), root))


def _misspelled(root: Node) -> bool:
    """Whether a key of the tree is meant to be `board`: then what a board brings is not missing."""
    keys = {entry.key.text for entry in root.entries} if isinstance(root, Mapping) else set()
    if keys >= {"microphone", "speaker"}:
        return False
    from difflib import get_close_matches  # only a wrong file pays for it

    return any(get_close_matches(key.lower().strip(), ("board",), cutoff=0.6) for key in keys)


def raw(name: str) -> bytes:
    """The profile of a board as it is written."""
    return (FOLDER / f"{name}.yaml").read_bytes()


def _without_light(settings: Mapping) -> Mapping:
    """A light of one's own takes the place of the board's, of whatever kind both are."""
    entries = []
    for entry in settings.entries:
        value = entry.value
        if entry.key.text == "panel" and isinstance(value, Mapping):
            kept = tuple(one for one in value.entries if one.key.text not in _LIGHTS)
            value = replace(value, entries=kept)
        entries.append(Entry(entry.key, value))
    return replace(settings, entries=tuple(entries))


def _moved(node: _Any, *, to: Scalar) -> _Any:
    """The same tree at one place of another file. As deep as the tree, which `text` bounds."""
    moved = replace(node, line=to.line, column=to.column)
    if isinstance(moved, Mapping):
        entries = (Entry(_moved(one.key, to=to), _moved(one.value, to=to)) for one in moved.entries)
        return replace(moved, entries=tuple(entries))
    if isinstance(moved, Sequence):
        return replace(moved, items=tuple(_moved(item, to=to) for item in moved.items))
    return moved
