"""Files that are old or new and never torn, whatever moment the power goes.

The new content is written beside the old one, brought to the disk, and takes its name; the
directory is brought to the disk last (rename(2), fsync(2)). What a cut leaves behind is a file
named `.pressel-...`, which `sweep` removes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_BESIDE: Final = ".pressel-"


def write(path: Path, content: bytes, *, mode: int) -> None:
    """Give `path` this content, whole or not at all. Raises OSError; the old content then stays."""
    beside = path.with_name(_BESIDE + path.name)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            # The mode of a leftover is its own, and a umask takes from ours. FAT has no modes.
            with contextlib.suppress(PermissionError):
                os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove `path`, if it is there, for good. Raises OSError."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what a power cut left behind in this folder."""
    with contextlib.suppress(OSError):
        for leftover in folder.glob(f"{_BESIDE}*"):
            leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring names to the disk: until then a rename may be forgotten."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
