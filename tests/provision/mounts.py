"""File systems that are small, dead, or torn out: real ones, for root alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TOOL_S = 60
PAGE = 4096


@contextmanager
def mounted(place: Path, *words: str, descriptors: tuple[int, ...] = ()) -> Iterator[Path]:
    """Something at this place, by these words of mount(8); until the end of the block."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    done = subprocess.run(
        ["mount", *words, str(place)],
        capture_output=True, text=True, timeout=TOOL_S, pass_fds=descriptors,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.splitlines()[0]}")
    try:
        yield place
    finally:
        tear_out(place)


def tear_out(place: Path) -> None:
    """Take away what is mounted there, whoever is using it."""
    subprocess.run(["umount", "-l", str(place)], timeout=TOOL_S, check=False)


@contextmanager
def small(place: Path, *, pages: int = 4) -> Iterator[Path]:
    """A file system with room for so many small files."""
    size = f"size={pages * PAGE}"
    with mounted(place, "-t", "tmpfs", "-o", size, "pressel-test"):
        yield place


@contextmanager
def dead(place: Path) -> Iterator[Path]:
    """A file system whose other side has died: nothing in it can even be asked for."""
    try:
        other = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error}")
    its = f"fd={other},rootmode=40000,user_id=0,group_id=0"
    with mounted(place, "-i", "-t", "fuse", "-o", its, "pressel-test", descriptors=(other,)):
        os.close(other)
        yield place


def fill(place: Path) -> Path:
    """Leave not one page of room; returns the file that takes it."""
    rubbish = place / "holiday.jpg"
    with rubbish.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError:
            return rubbish


def seal(place: Path) -> None:
    """Make it read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(place)], timeout=TOOL_S, check=True)


def unseal(place: Path) -> None:
    """Make it writable again."""
    subprocess.run(["mount", "-o", "remount,rw", str(place)], timeout=TOOL_S, check=True)
