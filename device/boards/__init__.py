"""The sound boards that people own, as data: what each sets, what it wants, and who says so.

One file for each, `NAME.yaml`, of the form of `Board`. Its `settings` are what `board: NAME` puts
into the configuration (`device/config/boards.py`); the rest is for people: `hardware.md` and its
drawings are made of it, and `pressel devices` knows a board by it. No fact without a source: a
repository and path, the title of a page, or `memory`, which nobody has checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct, inspect

from device import board
from device.config.boards import Name, raw
from device.config.check import Checker
from device.config.model import Microphone, Speaker
from device.config.panel import Gpio, Panel
from device.config.text import read

NAMES: Final = tuple(name for name in get_args(Name) if name != "none")

Prose = Annotated[str, Meta(max_length=600, extra={"prose": True})]
Group = Literal[
    "recognised", "microphone", "geometry", "speaker", "echo", "panel", "setup", "pins", "mute",
    "notes",
]  # fmt: skip
"""What a source speaks of."""
_PIN: Final = Meta(ge=1, le=40, description="Position on the 40-pin header")


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a profile."""


class Recognised(_Part, frozen=True, kw_only=True):
    """How the machine shows the board: ALSA card names, its codec, USB ids as in `lsusb`.

    A USB id decides alone; `0b0e:*` is any device of that vendor. A card name wants the codec, too.
    """

    cards: tuple[str, ...] = ()
    codec: str = ""
    usb: tuple[str, ...] = ()


class Settings(_Part, frozen=True, kw_only=True):
    """What `board:` sets, as the configuration has it. A board without a speaker sets none."""

    microphone: Microphone
    speaker: Speaker | None = None
    panel: Panel = Panel()


class Sound(_Part, frozen=True, kw_only=True):
    """What the card itself does in one direction, before ALSA's `plughw` converts it."""

    rate: Annotated[str, Meta(max_length=40)]
    sample: Annotated[str, Meta(max_length=40)]
    what: Prose


class Pin(_Part, frozen=True, kw_only=True):
    """A GPIO that the board uses."""

    gpio: Gpio
    does: Annotated[str, Meta(max_length=24)]


class Wire(_Part, frozen=True, kw_only=True):
    """One net of a board that is wired by hand: a pin of the header and what joins it."""

    name: Annotated[str, Meta(max_length=24)]
    pin: Annotated[int, _PIN]
    to: tuple[str, ...]
    """`MODULE.TERMINAL`, as printed on the module."""


class Source(_Part, frozen=True, kw_only=True):
    """Who says so."""

    of: tuple[Group, ...]
    where: Prose


class Board(_Part, frozen=True, kw_only=True):
    """One profile."""

    name: str
    sold_as: tuple[str, ...]
    whom: Prose
    works: Prose
    price: Literal["low", "middle", "high", "second hand"]
    attached: Literal["header", "usb"]
    recognised: Recognised
    settings: Settings
    microphone: Sound
    speaker: Sound | Literal["none"]
    echo: Literal["hardware", "software", "two_clocks"]
    """Who can take the speaker out of the microphone: the board; any canceller, because both
    directions have one clock; only one that follows two clocks, the speaker being another card."""
    config_txt: tuple[str, ...] = ()
    driver: tuple[Prose, ...] = ()
    mixer: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    wires: tuple[Wire, ...] = ()
    mute: Prose
    notes: tuple[Prose, ...] = ()
    unknown: tuple[Prose, ...]
    sources: tuple[Source, ...]
    tested: Literal["no", "yes"]

    def __post_init__(self) -> None:
        """No fact without a source: ValueError names the groups that have none."""
        named = {group for source in self.sources for group in source.of}
        if missing := sorted(self._stated() - named):
            raise ValueError(f"no source for {', '.join(missing)}")

    def _stated(self) -> set[str]:
        ours = self.settings
        told = {
            "geometry": ours.microphone.geometry != "none",
            "speaker": self.speaker != "none",
            "setup": self.config_txt or self.driver or self.mixer,
            "pins": self.pins,
            "panel": ours.panel != Panel(),
            "notes": self.notes,
        }
        return {"recognised", "microphone", "echo", "mute"} | {one for one in told if told[one]}


def load(name: str) -> Board:
    """A profile by its name, which is one of `NAMES`. One that is not well formed is a bug."""
    document = read(raw(name))
    kind = inspect.type_info(Board)
    assert isinstance(kind, inspect.StructType)
    assert document.root is not None, name
    checker = Checker(whole=True)
    found = checker.check(document.root, kind)
    faults = [*document.problems, *checker.problems]
    assert not faults, f"{name}: {faults}"
    assert isinstance(found, Board)
    return found


def suggestions(cards: Iterable[board.Card]) -> Iterator[str]:
    """What to type for each card that some profile knows."""
    for card in cards:
        known = {name: profile for name in NAMES if fits(profile := load(name), card)}
        if not known:
            continue
        names = " or the ".join(profile.name for profile in known.values())
        line = f"{card.name}: this looks like the {names}: type board: {' or board: '.join(known)}"
        device = f'"plughw:CARD={card.name}"'
        if all(f"CARD={card.name}" not in one.settings.microphone.device for one in known.values()):
            speaks = all(one.speaker != "none" for one in known.values())
            line += f", and device: {device} below microphone:{' and speaker:' if speaks else ''}"
        yield line


def fits(profile: Board, card: board.Card) -> bool:
    """Whether the card is, or may be, this board."""
    signs = profile.recognised
    if card.usb:
        vendor = card.usb.partition(":")[0]
        return card.usb in signs.usb or f"{vendor}:*" in signs.usb
    return card.name in signs.cards and signs.codec in card.codec
