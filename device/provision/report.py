"""What the person finds on the card: the verdict, each mistake with its cure, what the device is.

Plain text, at most 4 KiB, for whoever has nothing but the card and a computer to read it with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from device import board
from device.config import Config
from device.errors import Problem
from device.provision.card import STATUS_BYTES
from device.provision.store import Memory
from device.provision.unread import Unread

MAX_BYTES: Final = STATUS_BYTES - 2
_SHOWN: Final = 12
"""So many mistakes; correcting the first ones often corrects the rest."""
_CARD_NAME: Final = re.compile(r"CARD=([^,]+)|^(?:plug)?hw:(?!CARD=)([A-Za-z]\w*)")
_LOGS: Final = (
    "More is in the device's journal. With a keyboard and a screen, or over SSH:",
    "  journalctl -u pressel -u pressel-provision -b",
    "  pressel bundle     makes one file of all that helps to find a fault, without any secret",
)
BLINKS: Final = (
    "The light counts: 1 network, 2 sound, 3 settings, 4 key or account, 5 clock, 6 server, "
    "7 something was lost, 8 a bug."
)
COPIES: Final = (
    "Copies of it can remain on this card and on your computer: if you lose the card, revoke the "
    "key where you got it."
)


class Facts(Struct, frozen=True):
    """What is so now: the settings in force, whether there is a key, the machine, the daemon.

    `on_card`: the card has a file of settings; `nearly` are files that may be meant for it.
    `unread` is why nothing is known of what the card says, None when it is known. `late` is False
    before network and sound cards are there; `daemon` is what it says of itself.
    """

    version: str
    config: Config | None = None
    has_key: bool = False
    on_card: bool = True
    unread: Unread | None = None
    late: bool = False
    nearly: tuple[str, ...] = ()
    serial: str = ""
    model: str = ""
    system: str = ""
    cards: tuple[board.Card, ...] = ()
    addresses: tuple[str, ...] = ()
    network: str = ""
    daemon: tuple[str, ...] = ()


def report(memory: Memory, facts: Facts) -> str:
    """The text, with line ends of one character. Bounded whatever the mistakes are."""
    if facts.unread is not None:
        memory = Memory()  # it is of another file, or of half of this one
    shown = min(len(memory.refused), _SHOWN)
    while True:
        text = "\n".join(_lines(memory, facts, shown=shown)) + "\n"
        if len(text.encode()) + text.count("\n") <= MAX_BYTES or shown == 0:
            return text
        shown -= 1


def _lines(memory: Memory, facts: Facts, *, shown: int) -> Iterator[str]:
    yield "PRESSEL STATUS"
    yield ""
    yield from _verdict(memory, facts)
    if not facts.on_card:
        for name in facts.nearly:
            yield f"{name} was not read. If it holds your settings, save it as plain text with the"
            yield "name pressel.yaml."
    if memory.refused:
        yield ""
        yield f"Mistakes in {memory.name}, each with what to do:"
        yield from (f"  {place(problem)}" for problem in memory.refused[:shown])
        if len(memory.refused) > shown:
            yield f"  and {len(memory.refused) - shown} more. Correct these first."
    remarks = [*_still_there(memory, facts), *_cut(memory.notes), *_sound(facts)]
    if remarks:
        yield ""
        yield "Worth knowing:"
        yield from (f"  {remark}" for remark in remarks)
    yield ""
    yield from _key(memory, facts)
    yield ""
    yield from _device(facts)
    if memory.read_at:
        yield f"{memory.name} was last read: {memory.read_at}"
    yield ""
    yield BLINKS
    yield from _LOGS


def place(problem: Problem) -> str:
    """A complaint as people say it."""
    return f"line {problem.line}, column {problem.column}: {problem.what}; {problem.cure}."


def _verdict(memory: Memory, facts: Facts) -> Iterator[str]:
    if facts.unread is not None:
        yield f"STATUS: {facts.unread.verdict}. {_sentence(facts.unread.what)}"
        if facts.config is None:
            yield "The device has no settings: it does nothing until it has some."
        else:
            yield "The device goes on with the settings it has."
        yield _sentence(facts.unread.cure)
    elif memory.refused:
        count = len(memory.refused)
        mistakes = "a mistake" if count == 1 else f"{count} mistakes"
        yield f"STATUS: MISTAKES. {memory.name} has {mistakes} and is not in use."
        if facts.config is None:
            yield "The device has no other settings: it does nothing until this is corrected."
        else:
            yield "The last good settings are in use. Correct the file and start the device again."
    elif memory.name and facts.config is not None and not facts.on_card:
        yield f"STATUS: OK. The settings that {memory.name} held are in use."
        yield "The file is gone from the card; the device does not need it."
    elif memory.name and facts.config is not None:
        yield f"STATUS: OK. The settings of {memory.name} are in use."
    elif facts.config is not None:
        yield "STATUS: OK. The device has settings of its own; there are none on this card."
    elif memory.name and facts.on_card:
        yield f"STATUS: NO SETTINGS. Those of {memory.name} are lost or broken on the device."
        yield "Start the device again: it takes them from this card at its start."
    else:
        yield "STATUS: NO SETTINGS. There is no pressel.yaml on this card."
        yield "Copy pressel.example.yaml to pressel.yaml, change what you need, start the device."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _key(memory: Memory, facts: Facts) -> Iterator[str]:
    if memory.refused or (facts.unread is not None and facts.on_card):
        yield "A key in the file stays there until the file is in use."
    if not facts.has_key:
        yield "Key: none is stored on the device."
    elif memory.tail:
        yield f"Key: ...{memory.tail} is stored on the device. {COPIES}"
    else:
        yield f"Key: one is stored on the device. {COPIES if memory.stored else ''}".rstrip()


def _still_there(memory: Memory, facts: Facts) -> Iterator[str]:
    if memory.removal is not None and facts.on_card:
        yield "The key is still on this card, which could not be written. Tried at each start."


def _sound(facts: Facts) -> Iterator[str]:
    """Devices of the settings that are not there."""
    if facts.config is None or not facts.late:
        return
    names = {card.name for card in facts.cards}
    for part in ("microphone", "speaker"):
        device: str = getattr(facts.config, part).device
        found = _CARD_NAME.search(device)
        name = (found[1] or found[2]) if found else ""
        if name and name not in names and not name.isdigit():
            yield f"{part}.device is {device}, and there is no such card: type one of those below."


def _device(facts: Facts) -> Iterator[str]:
    yield "This device"
    known = " ".join(one for one in (facts.model, f"serial {facts.serial}") if one)
    if facts.serial:
        yield f"  board: {known}"
    yield f"  software: Pressel {facts.version}{', ' if facts.system else ''}{facts.system}"
    if facts.late:
        wifi = f', Wi-Fi "{facts.network}"' if facts.network else ""
        yield f"  network: {', '.join(facts.addresses) or 'no address'}{wifi}"
        yield from (f"  {line}" for line in _cards(facts.cards))
    else:
        yield "  network and sound: this was written before they start; look again in two minutes"
    yield from (f"  it says: {said}" for said in facts.daemon)


def _cards(cards: Iterable[board.Card]) -> Iterator[str]:
    none = True
    for card in cards:
        does = [name for name in ("microphone", "speaker") if getattr(card, name)]
        yield f'sound card "plughw:CARD={card.name}": {card.text} ({", ".join(does) or "neither"})'
        none = False
    if none:
        yield "sound cards: none"


def _cut(notes: tuple[str, ...]) -> Iterator[str]:
    yield from notes[:8]
    if len(notes) > 8:
        yield f"and {len(notes) - 8} more remarks: pressel provision --check shows all."
