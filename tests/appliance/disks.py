"""Disks as files, read and written from outside: with mtools and e2fsprogs, without a mount."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

TOOL_S = 120
BROKEN = b"\0broken"
USUAL = ("fsck.fat", "Dirty bit", "Automatically removing dirty", "Leaving filesystem", "***")
UNMOUNTED = """\
There are differences between boot sector and its backup.
This is mostly harmless. Differences: (offset:original/backup)
  65:01/00
  Not automatically fixing this.
"""
"""That mark again, which is in the first sector and not in its backup."""


@dataclass(frozen=True, slots=True)
class Fat:
    """A FAT file system that begins at this byte of a file."""

    image: Path
    offset: int = 0

    def make(self, *, mib: int) -> None:
        """A fresh one, as the boot partition of a board; the file then has no other content."""
        self.image.write_bytes(b"")
        _run("truncate", "-s", f"{mib}M", str(self.image))
        _run("mkfs.vfat", "-F", "32", "-s", "1", "-n", "bootfs", str(self.image))

    def put(self, name: str, content: bytes) -> None:
        """A file in its first directory, replaced if it is there."""
        _run("mcopy", "-o", "-i", self._place, "-", f"::{name}", stdin=content)

    def read(self, name: str) -> bytes | None:
        """A file's content; None where there is none, `BROKEN` where its clusters are free."""
        if name not in self.names():
            return None
        try:
            return _run("mtype", "-i", self._place, f"::{name}")
        except RuntimeError:
            return BROKEN

    def names(self) -> list[str]:
        """The files of its first directory."""
        listed = _run("mdir", "-b", "-a", "-i", self._place, "::").decode()
        return [line.removeprefix("::/") for line in listed.splitlines()]

    def faults(self) -> str:
        """What fsck finds, the mark of a card that was not unmounted left out; '' if nothing."""
        found = _run("fsck.fat", "-n", str(self.image), check=False).decode(errors="replace")
        lines = [line.strip() for line in found.replace(UNMOUNTED, "").splitlines()]
        kept = [one for one in lines if one and not one.startswith((*USUAL, str(self.image)))]
        return "\n".join(kept)

    def mend(self) -> None:
        """As the start does it, where /etc/fstab has a 2 for it and dosfstools are there."""
        _run("fsck.fat", "-a", str(self.image), check=False)

    @property
    def _place(self) -> str:
        return f"{self.image}@@{self.offset}"


@dataclass(frozen=True, slots=True)
class Ext4:
    """An ext4 file system that begins at this byte of a file."""

    image: Path
    offset: int = 0

    def make(self, *, mib: int) -> None:
        """A fresh, empty one."""
        self.image.write_bytes(b"")
        _run("mke2fs", "-q", "-t", "ext4", str(self.image), f"{mib}M")

    def settle(self) -> None:
        """Play its journal, as the next mount will do."""
        _run("e2fsck", "-p", self._place, check=False)

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        if "Inode:" not in self.ask(f"stat {path}"):
            return None
        return _run("debugfs", "-R", f"cat {path}", self._place)

    def ask(self, question: str) -> str:
        """What debugfs answers."""
        return _run("debugfs", "-R", question, self._place).decode()

    def names(self, folder: str) -> list[str]:
        """The names in a directory; none where there is no such directory."""
        listed = self.ask(f"ls -p {folder}")
        names = [line.split("/")[5] for line in listed.splitlines() if line.startswith("/")]
        return sorted(set(names) - {".", "..", ""})

    @property
    def _place(self) -> str:
        return f"{self.image}?offset={self.offset}" if self.offset else str(self.image)


def _run(*words: str, stdin: bytes = b"", check: bool = True) -> bytes:
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=TOOL_S)
    if check and done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(words)} failed:\n{said}")
    return done.stdout
