"""The power is cut during the import, again and again: what do card and device look like then?

The card's FAT is /dev/ubda, the device's /etc and /var are ext4 on /dev/ubdb. A cut is SIGKILL for
the whole guest: what its kernel has written to its disks is in their files, and all that it had
still in memory is gone. The files are opened without O_SYNC: this tells of the guest's kernel and
its file systems, and of a card that lies about what it has written it tells nothing.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from appliance.card.cards import GOOD, KEY, STORED
from appliance.disks import Ext4, Fat
from appliance.vm.guest import cut, muster_place, started

INIT: Final = Path(__file__).parent / "init"
SETTINGS: Final = "/etc/pressel/pressel.yaml"
STORED_KEY: Final = "/etc/pressel/credentials.d/api_key"
WAIT_S: Final = 60.0
CARD_MIB: Final = 64
DISK_MIB: Final = 32


@dataclass(frozen=True)
class Side:
    """What is on the card and on the device at one moment; None where there is no such file."""

    card: bytes | None
    status: bytes | None
    settings: bytes | None
    key: bytes | None


@dataclass(frozen=True)
class Cut:
    """One cut: when, what was there before it, after it, and after the next start."""

    after_s: float
    turn: int
    torn: Side
    healed: Side
    faults: str
    keys: frozenset[int]
    """Whose keys stand anywhere in the raw card, once the next start is through."""


def key(turn: int) -> str:
    """Each card has a key of its own."""
    return f"{KEY[:-4]}{turn:04d}"


def settings(turn: int) -> bytes:
    """The card of this turn. The remark moves the key, over the edge of a sector too."""
    remark = "#" * (350 + 17 * turn)
    return f"{remark}\n{GOOD}".replace(KEY, key(turn)).replace("100", str(turn)).encode()


def freed(turn: int) -> bytes:
    """The same, once its key is stored."""
    stored = f'"{STORED} (...{key(turn)[-4:]})"'
    return settings(turn).replace(f'"{key(turn)}"'.encode(), stored.ljust(len(KEY) + 2).encode())


def cuts(count: int, seed: int) -> Iterator[Cut]:
    """Cut so often, at moments that are evenly spread over the import and half as long after it.

    Who sees that it is done pulls the plug: what it has left unwritten shows then.
    """
    source = random.Random(seed)
    with muster_place() as muster:
        box = _Box(muster)
        with box.started() as guest:
            box.put(0, guest)
            span_s = box.finish(guest)
        torn: _Torn | None = None
        for turn in range(1, count + 2):
            with box.started() as guest:
                if torn is not None:
                    yield Cut(**torn, healed=box.look(), keys=box.keys(count))
                if turn > count:
                    return
                after_s = source.uniform(0.0, 1.5 * span_s)
                box.put(turn, guest)
                time.sleep(after_s)
            torn = {"after_s": after_s, "turn": turn, "torn": box.look(), "faults": box.faults()}


class _Torn(TypedDict):
    after_s: float
    turn: int
    torn: Side
    faults: str


class _Box:
    """The device that is switched off so rudely: its card and its disk."""

    def __init__(self, muster: Path) -> None:
        self._card = Fat(muster.parent / "card.img")
        self._card.make(mib=CARD_MIB)
        self._disk = Ext4(muster.parent / "disk.img")
        self._disk.make(mib=DISK_MIB)
        self._muster = muster

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Switched on, through with what was left to do, and cut at the end of the block."""
        self._card.mend()
        for name in ("finished", "begun", "done", "next"):
            (self._muster / name).unlink(missing_ok=True)
        guest = started(self._muster, INIT, disks=[self._card.image, self._disk.image])
        try:
            self._await("finished", guest)
            yield guest
        finally:
            cut(guest)

    def put(self, turn: int, guest: subprocess.Popen[bytes]) -> None:
        """Put the card of this turn in; its import begins when this returns."""
        beside = self._muster / "beside"
        beside.write_bytes(settings(turn))
        beside.rename(self._muster / "next")
        self._await("begun", guest)

    def finish(self, guest: subprocess.Popen[bytes]) -> float:
        """Let the import end, and the guest; returns how long the import took."""
        self._await("done", guest)
        guest.wait(WAIT_S)
        return float((self._muster / "done").read_text())

    def _await(self, name: str, guest: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not (self._muster / name).exists():
            if guest.poll() is not None or time.monotonic() > deadline:
                said = (self._muster / "console").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"the guest was never {name}; it said:\n{said}")
            time.sleep(0.001)

    def look(self) -> Side:
        """What is there, seen from outside; the device's disk as its next mount will find it."""
        disk = Ext4(self._muster.parent / "copy.img")
        shutil.copyfile(self._disk.image, disk.image)
        disk.settle()
        return Side(
            card=self._card.read("pressel.yaml"),
            status=self._card.read("pressel-status.txt"),
            settings=disk.read(SETTINGS),
            key=disk.read(STORED_KEY),
        )

    def faults(self) -> str:
        """What is wrong with the card's file system."""
        return self._card.faults()

    def keys(self, count: int) -> frozenset[int]:
        """The turns whose keys stand anywhere in the raw card."""
        raw = self._card.image.read_bytes()
        return frozenset(turn for turn in range(count + 1) if key(turn).encode() in raw)
