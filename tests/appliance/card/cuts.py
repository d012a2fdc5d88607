"""The power is cut during the import, again and again: what do card and device look like then?

The card's FAT is /dev/ubda, the device's /etc and /var are ext4 on /dev/ubdb. A cut is SIGKILL for
the whole guest: what its kernel has written to its disks is in their files, and all that it had
still in memory is gone. The files are opened without O_SYNC, so this tells of the guest's kernel and
file systems; of a card that lies about what it has written it tells nothing.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
    """Cut so often, at moments that are evenly spread over the whole import."""
    source = random.Random(seed)
    with muster_place() as muster:
        box = _Box(muster)
        span_s = box.start(0, cut_after_s=None)
        for turn in range(1, count + 1):
            after_s = source.uniform(0.0, span_s)
            box.start(turn, cut_after_s=after_s)
            torn, faults = box.look()
            box.start(turn, cut_after_s=0.0, only_finish=True)
            healed, _ = box.look()
            raw = box.card.image.read_bytes()
            keys = frozenset(one for one in range(count + 1) if key(one).encode() in raw)
            yield Cut(after_s, turn, torn, healed, faults, keys)


class _Box:
    """The device that is switched off so rudely: its card and its disk."""

    def __init__(self, muster: Path) -> None:
        self.card = Fat(muster.parent / "card.img")
        self.card.make(mib=CARD_MIB)
        self._disk = Ext4(muster.parent / "disk.img")
        self._disk.make(mib=DISK_MIB)
        self._muster = muster

    def start(self, turn: int, *, cut_after_s: float | None, only_finish: bool = False) -> float:
        """Switch it on, put the card of this turn in, cut; or let it work. Returns how long."""
        for name in ("finished", "begun", "done", "next"):
            (self._muster / name).unlink(missing_ok=True)
        guest = started(self._muster, INIT, disks=[self.card.image, self._disk.image])
        try:
            self._await("finished", guest)
            if only_finish:
                return 0.0
            beside = self._muster / "beside"
            beside.write_bytes(settings(turn))
            beside.rename(self._muster / "next")
            self._await("begun", guest)
            if cut_after_s is None:
                self._await("done", guest)
                guest.wait(WAIT_S)
                return float((self._muster / "done").read_text())
            time.sleep(cut_after_s)
            return cut_after_s
        finally:
            cut(guest)

    def _await(self, name: str, guest: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not (self._muster / name).exists():
            if guest.poll() is not None or time.monotonic() > deadline:
                said = (self._muster / "console").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"the guest was never {name}; it said:\n{said}")
            time.sleep(0.001)

    def look(self) -> tuple[Side, str]:
        """What is there, seen from outside; the device's disk as its next mount will find it."""
        disk = Ext4(self._muster.parent / "copy.img")
        shutil.copyfile(self._disk.image, disk.image)
        disk.settle()
        side = Side(
            card=self.card.read("pressel.yaml"),
            status=self.card.read("pressel-status.txt"),
            settings=disk.read(SETTINGS),
            key=disk.read(STORED_KEY),
        )
        return side, self.card.faults()
