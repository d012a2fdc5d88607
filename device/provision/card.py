"""The card: a directory that any computer can read and write, and that may be torn out any time.

FAT has no journal and no modes. What is written here is a change in place that leaves a file's
length, and its entry in the directory, as they were.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from device import atomic
from device.config import beginning
from device.errors import ConfigError, Problem

PLACES: Final = ("boot/firmware", "bootfs")
"""Where Raspberry Pi OS mounts it, and where its images with two slots do."""
STATUS: Final = "pressel-status.txt"
STATUS_BYTES: Final = 4096
"""Always as long: it is overwritten where it stands, like the secrets, and never renamed. vfat
writes where a renamed file begins only when that file is written again: a power cut before that
leaves its name with free clusters, and the kernel makes such a card read-only at each start."""

_NAME: Final = re.compile(r"pressel\.ya?ml(\.txt)?", re.IGNORECASE)
"""Windows hides endings, so editors there add a second one unseen."""
_NEARLY: Final = re.compile(r"(pressel|presel|pressle)[^.]*\.(ya?ml|txt|docx?|rtf|odt)\b.*", re.I)
_OURS: Final = re.compile(r"pressel[.-](example|install|schema|status)\..*", re.IGNORECASE)


class Card:
    """The card, in whichever of these places it is.

    `settings` is its file, None when it has none; `nearly` names files that may be meant for it.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        self._fault: OSError | None = None
        present = [place for place in places if self._asked(place.is_dir)]
        self.place = present[0] if present else None
        names = [path for place in present for path in self._files(place)]
        found = [path for path in names if _NAME.fullmatch(path.name)]
        self.settings = found[0] if found else None
        self.nearly = [
            path.name
            for path in names
            if path not in found and _NEARLY.fullmatch(path.name) and not _OURS.match(path.name)
        ]
        if self.settings is not None:
            self.place = self.settings.parent
        self._found = found

    @property
    def name(self) -> str:
        """Of its file of settings; '' when it has none."""
        return self.settings.name if self.settings else ""

    def read(self) -> tuple[Path, bytes] | None:
        """The one file of settings and its bytes, never many more than it may have; None for none.

        Raises `ConfigError` where there are several, OSError where it cannot be known.
        """
        if len(self._found) > 1:
            both = " and ".join(str(path) for path in self._found)
            problem = Problem(1, 1, f"there are two files of settings: {both}", "delete one")
            raise ConfigError(str(self._found[0]), [problem])
        if self.settings is not None:
            return self.settings, beginning(self.settings)
        if self._fault is not None:
            raise self._fault
        return None

    @property
    def answered(self) -> bool:
        """Whether an answer stands on it, of this start or an earlier one."""
        return self.place is not None and self._asked((self.place / STATUS).exists)

    def patch(self, path: Path, patches: Iterable[tuple[int, bytes]]) -> None:
        """Overwrite bytes of a file where they stand, each (offset, bytes). Raises OSError."""
        with path.open("r+b") as file:
            for offset, content in patches:
                file.seek(offset)
                file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def tell(self, text: str) -> bool:
        """Leave this for the person who reads the card; False when it stands there already.

        Raises OSError; then the answer of before stays, if it was a whole one, and none if not.
        """
        if self.place is None:
            return False
        path = self.place / STATUS
        content = text.replace("\n", "\r\n").encode()[: STATUS_BYTES - 2]
        content = content.ljust(STATUS_BYTES - 2) + b"\r\n"
        whole = path.exists() and path.stat().st_size == STATUS_BYTES
        try:
            return _overwrite(path, content)
        except OSError:
            if not whole:  # a full card has its name already, and nothing in it
                with contextlib.suppress(OSError):
                    atomic.remove(path)
            raise

    def _files(self, place: Path) -> list[Path]:
        """The files of a directory; not those that macOS leaves beside each (`._name`)."""
        try:
            paths = sorted(place.iterdir())
        except OSError as error:
            self._fault = error
            return []
        return [path for path in paths if path.name[:2] != "._" and self._asked(path.is_file)]

    def _asked(self, question: Callable[[], bool]) -> bool:
        """What the file system answers; no, and the error is kept, where it cannot."""
        try:
            return question()
        except OSError as error:
            self._fault = error
            return False


def _overwrite(path: Path, content: bytes) -> bool:
    """Give a file this content where it stands; False when it has it. Raises OSError."""
    is_new = not path.exists()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b") as file:
        if file.read() == content:
            return False
        file.seek(0)
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        atomic.sync_folder(path.parent)
    return True
