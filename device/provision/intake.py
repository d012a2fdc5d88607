"""The import: what stands on the card comes into force, or is refused with the reason.

Each step leaves the device with whole files, old or new, and can be repeated: the key and the
settings are stored first, then the card is freed of its secrets, then it is remembered as read. A
card that has been read is not read anew while its settings can be used; one that was refused is
judged again, for this Pressel may be a newer one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from device.config import Config, Spot, is_kept, parse, profile_of, read_file, spots
from device.errors import ConfigError, Secret
from device.provision.card import Card
from device.provision.removal import Removal, removal
from device.provision.store import Memory, Store
from device.provision.unread import NOT_YET, Unread, not_stored, unreadable


class Taken(Struct, frozen=True):
    """What came of it: what is known of the card now, whether it was read anew, what failed.

    `failed` says what could not be done to the card; `unread` why `memory` is not of what is on
    it, None when it is.
    """

    memory: Memory
    anew: bool = False
    failed: str = ""
    unread: Unread | None = None


class _Judged(Struct, frozen=True):
    """A file that may come into force: its settings, notes on them, this device's secret.

    `removal` takes the secrets out of it; what that leaves has been judged, too.
    """

    config: Config
    notes: tuple[str, ...]
    own: Spot | None
    removal: Removal


def take_in(card: Card, store: Store, *, serial: str, now: Callable[[], str]) -> Taken:
    """Bring the card's settings into force. `now` is asked for the time in words.

    Raises OSError when the device's own disk fails; whatever was in force then still is.
    """
    memory = store.prepare()
    try:
        found = card.read()
    except ConfigError as mistake:
        return _refused(mistake, memory, store, seen="", now=now())
    except OSError as error:
        return _unreadable(error, card, memory, store)
    if found is None:
        return _without_file(memory, store)
    path, raw = found
    if _pending(memory, raw, store):
        return _freed(card, path, raw, memory, store)
    if store.is_of(memory.seen, raw) and not memory.refused and _usable(store, serial=serial):
        memory = replace(memory, seen=store.digest(raw))
        store.remember(memory)
        return Taken(memory)
    try:
        judged = _judged(raw, source=path.name, serial=serial)
    except ConfigError as mistake:
        return _refused(mistake, memory, store, seen=store.digest(raw), now=now())
    memory = replace(
        memory, name=path.name, read_at=now(), refused=(), held="", notes=judged.notes
    )  # fmt: skip
    return _accepted(card, path, raw, memory, store, judged=judged)


def look(card: Card, store: Store, *, why: str) -> Taken:
    """What is remembered of the card, and whether that is what is on it. Nothing is written.

    `why` says what is wrong with the device's disk; '' when nothing is.
    """
    memory = store.memory()
    try:
        found = card.read()
    except ConfigError as mistake:
        known = memory.refused == mistake.problems
    except OSError as error:
        return Taken(memory, unread=unreadable(card.name, error))
    else:
        known = _knows(memory, found[1], store) if found else not memory.refused
    if known:
        return Taken(memory)
    return Taken(memory, unread=not_stored(why) if why else NOT_YET)


def _judged(raw: bytes, *, source: str, serial: str) -> _Judged:
    """Judge the file, and what will be left of it: that is what comes into force. ConfigError."""
    loaded = parse(raw, source=source, serial=serial)
    notes = tuple(f"line {one.line}: {one.what}; {one.cure}." for one in loaded.warnings)
    found = spots(raw)
    own = _own(found, serial=serial)
    taking = removal(raw, found, own=own)
    if taking.patches:
        parse(taking.applied(raw), source=source, serial=serial)
    return _Judged(loaded.config, notes, own, taking)


def _usable(store: Store, *, serial: str) -> bool:
    """Whether what is in force is there and means something to this Pressel."""
    try:
        parse(read_file(store.settings), source=store.settings.name, serial=serial)
    except ConfigError:
        return False
    return True


def _knows(memory: Memory, raw: bytes, store: Store) -> bool:
    return _pending(memory, raw, store) or store.is_of(memory.seen, raw)


def _pending(memory: Memory, raw: bytes, store: Store) -> bool:
    """Whether this file still has to be freed of secrets that the device has.

    A key typed since then may be as long as the one before it, and is not one of them.
    """
    taking = memory.removal
    if taking is None or not taking.fits(raw):
        return False
    return store.is_of(memory.seen, raw) or taking.begun(raw)


def _unreadable(error: OSError, card: Card, memory: Memory, store: Store) -> Taken:
    """Nothing changes and nothing is forgotten: the card may be whole at the next start."""
    unread = unreadable(card.name, error)
    store.announce(card.name, [unread.problem])
    return Taken(memory, unread=unread)


def _refused(
    mistake: ConfigError, memory: Memory, store: Store, *, seen: str, now: str
) -> Taken:  # fmt: skip
    """Nothing changes: what was in force stays in force."""
    if (memory.seen, memory.refused) == (seen, mistake.problems):
        store.remember(memory)
        return Taken(memory)
    held = memory.held if memory.refused else memory.name
    name, problems = Path(mistake.source).name, mistake.problems
    removal = None if seen else memory.removal  # of two files one may be half freed of its key
    memory = replace(
        memory, name=name, read_at=now, seen=seen, refused=problems, held=held, notes=(),
        removal=removal,
    )  # fmt: skip
    store.remember(memory)
    return Taken(memory, anew=True)


def _without_file(memory: Memory, store: Store) -> Taken:
    """The device goes on as it was. The mistakes of a file that is gone are gone with it."""
    if not memory.refused:
        store.remember(memory)
        return Taken(memory)
    memory = replace(memory, name=memory.held, read_at="", seen="", refused=(), held="")
    store.remember(memory)
    return Taken(memory, anew=True)


def _accepted(
    card: Card, path: Path, raw: bytes, memory: Memory, store: Store, *, judged: _Judged
) -> Taken:
    memory = _key_kept(judged.own, memory, store)
    server, taking = judged.config.server, judged.removal
    if server.key_url is None and profile_of(server.profile).needs_key:
        memory = replace(memory, notes=(*memory.notes, *_without_key(judged.own, store)))
    store.install(taking.applied(raw))
    memory = replace(memory, seen=store.digest(raw), removal=taking if taking.patches else None)
    store.remember(memory)
    if not taking.patches:
        return Taken(memory, anew=True)
    return _freed(card, path, raw, memory, store)


def _freed(card: Card, path: Path, raw: bytes, memory: Memory, store: Store) -> Taken:
    """Take the secrets off the card; tried again at each start until it works."""
    taking = memory.removal
    assert taking is not None
    if memory.refused:  # there were two files, and this one is left
        memory = replace(memory, name=path.name, refused=(), held="")
        store.remember(memory)
    try:
        card.patch(path, taking.patches)
    except OSError as error:
        why = error.strerror or str(error)
        what = f"the key is still on the card, which cannot be written: {why}"
        return Taken(memory, anew=True, failed=what)
    memory = replace(memory, seen=store.digest(taking.applied(raw)), removal=None)
    store.remember(memory)
    return Taken(memory, anew=True)


def _own(found: tuple[Spot, ...], *, serial: str) -> Spot | None:
    """The secret this device is to use: its own, else that of all."""
    by_serial = {spot.serial: spot for spot in found}
    return by_serial.get(serial) or by_serial.get("")


def _key_kept(own: Spot | None, memory: Memory, store: Store) -> Memory:
    """Put the card's key in force. The file is the whole truth: one that names no key has none."""
    if own is None:
        store.forget_key(memory.stored)
        return replace(memory, stored="", tail="")
    if is_kept(own.text):
        return memory
    store.store_key(own.text)
    return replace(memory, stored=store.digest(own.text.encode()), tail=Secret(own.text).tail)


def _without_key(own: Spot | None, store: Store) -> tuple[str, ...]:
    """What to say when the server wants a key and there is none."""
    if store.key.exists():
        return ()
    if own is None:
        return ("There is no key: type server.api_key.",)
    return (
        "The file says that the key is stored on the device, and it is not: this card was in "
        "another one. Type the key again, as server.api_key.",
    )
