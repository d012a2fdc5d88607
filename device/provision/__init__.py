"""From the SD card to the device: reads `pressel.yaml` there, keeps what is right, answers on it.

A card is a directory: the boot partition of the board, `/boot/firmware` or `/bootfs`, which any
computer can read and write. `card` is that side and `store` the device's; `intake` brings what is
right from one to the other, `removal` takes the secrets off the card, `report` tells the person
who reads it, and `unread` why the device does not know what is on it. Nothing here touches sound
or pins, and all but the import itself runs on macOS and Windows, too: `pressel provision --check
FILE`.

The folder `card/` holds the files that go onto one, and `example` puts them there.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from device import __version__, board
from device.config import Config, load_file
from device.errors import EXIT_UNAVAILABLE, ConfigError, PresselError
from device.provision.card import PLACES, STATUS, Card
from device.provision.example import EXAMPLES, write_example
from device.provision.intake import Taken, look, take_in
from device.provision.report import Facts, place, report
from device.provision.store import Store

if TYPE_CHECKING:
    from device.drivers.journal import Journal

__all__ = ["EXAMPLES", "DiskFault", "provision", "write_example"]

PATIENCE_S: Final = 10.0
"""With the service manager."""


class DiskFault(PresselError):
    """The device's own disk cannot be written: what was in force stays so, and the card is told."""

    code = "state"
    exit_status = EXIT_UNAVAILABLE


def provision(journal: Journal, *, root: Path, late: bool) -> None:
    """Import the card, if it has changed, and answer on it; `late` only answers.

    `root` is where the device's file system begins. A mistake on the card, or a card that fails, is
    no failure of this: it is told, and what was in force stays. Raises `DiskFault`.
    """
    store = Store(root)
    card = Card([root / place for place in PLACES])
    taken = look(card, store, why=store.fault()) if late else _take_in(journal, card, store)
    facts = _facts(store, card, taken, late=late)
    _tell_journal(journal, taken, facts)
    if _awaited(taken, facts, card):
        _answer(journal, card, taken, facts)


def _take_in(journal: Journal, card: Card, store: Store) -> Taken:
    """The import. The answer to a disk that fails is given here: nothing comes after it."""
    try:
        return take_in(card, store, serial=board.serial(), now=_now)
    except OSError as error:
        why = error.strerror or str(error)
        taken = look(card, store, why=why)
        with contextlib.suppress(OSError):  # its directory is in memory, which may be full as well
            store.tell_fault(why)
            if taken.unread is not None:
                store.announce(card.name, [taken.unread.problem])
        _answer(journal, card, taken, _facts(store, card, taken, late=False))
        what = f"{error.filename or 'the disk'} cannot be written: {why}"
        raise DiskFault(what, cure="see whether the disk is full or read-only") from error


def _answer(journal: Journal, card: Card, taken: Taken, facts: Facts) -> None:
    try:
        card.tell(report(taken.memory, facts))
    except OSError as error:
        what = f"{STATUS} cannot be written: {error.strerror or error}"
        journal.write("warning", "card", f"{what}; see whether the card is full or write-protected")


def _awaited(taken: Taken, facts: Facts, card: Card) -> bool:
    """Whether somebody looks for an answer on the card.

    Not for settings that never came from it, unless a file there may be meant for them; and an
    early look at what has not changed has nothing new to say.
    """
    if facts.config is None or taken.anew or taken.unread is not None:
        return True
    return facts.late and (bool(taken.memory.name) or card.answered or bool(facts.nearly))


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M %Z")


def _tell_journal(journal: Journal, taken: Taken, facts: Facts) -> None:
    memory = taken.memory
    if taken.unread is not None:
        journal.write("warning", "card", f"{taken.unread.what}; {taken.unread.cure}")
    if taken.failed:
        journal.write("warning", "card", taken.failed)
    if not taken.anew:
        return
    for problem in memory.refused[:10]:
        what = f"{memory.name}: {place(problem)}"
        journal.write("error", "error", what, code="config", what=problem.what, cure=problem.cure)
    for note in memory.notes:
        journal.write("warning", "card", f"{memory.name}: {note}")
    if not facts.on_card and not memory.refused:
        what = "the file with mistakes is gone from the card; the device goes on as it was"
        journal.write("info", "card", what)
    elif not memory.refused:
        key = f"; the key ...{memory.tail} is stored" if memory.tail else ""
        journal.write("info", "imported", f"the settings of {memory.name} are in force{key}")


def _facts(store: Store, card: Card, taken: Taken, *, late: bool) -> Facts:
    return Facts(
        version=__version__,
        config=_in_force(store),
        has_key=store.key.exists(),
        on_card=card.settings is not None,
        unread=taken.unread,
        late=late,
        nearly=tuple(card.nearly[:3]),
        serial=board.serial(),
        model=board.model(),
        system=board.system(),
        cards=board.cards() if late else (),
        addresses=board.addresses() if late else (),
        network=board.network_name() if late else "",
        daemon=_asked() if late else (),
    )


def _in_force(store: Store) -> Config | None:
    try:
        return load_file(store.settings).config
    except ConfigError:
        return None


def _asked() -> tuple[str, ...]:
    """What the daemon says of itself to the service manager, if there is one."""
    words = ("systemctl", "show", "--value", "--property=StatusText", "pressel")
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode:
        return ()
    said = done.stdout.strip()
    return (said or "nothing: it does not run; journalctl -u pressel says why",)
