"""The one thing that must survive a restart: whether the mute button has muted.

A file that is there means muted. It is made and removed whole, so a power cut leaves the old or the
new state. Where nothing can be kept, a restart is unmuted with a closed microphone: a press still
opens it, and the light says so.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from device import atomic

_NAME: Final = "muted"


class Memo:
    """Kept in `directory`, as systemd names it in `$STATE_DIRECTORY`; None keeps nothing."""

    def __init__(self, directory: str | None) -> None:
        self._directory = Path(directory) if directory else None
        self._writing = threading.Lock()
        self._wish = False

    @property
    def muted(self) -> bool:
        """As it was left; False where it cannot be known."""
        return self._directory is not None and (self._directory / _NAME).exists()

    def wish(self, *, muted: bool) -> None:
        """What the next `keep` writes down. Returns at once."""
        self._wish = muted

    def keep(self) -> None:
        """Write down the latest wish; waits for the disk. Raises OSError when it cannot be kept.

        May be called from several threads at once: whichever is the last to write, it writes what
        was wished last.
        """
        if self._directory is None:
            return
        path = self._directory / _NAME
        with self._writing:
            if self._wish:
                path.touch(mode=0o600)
            else:
                path.unlink(missing_ok=True)
            atomic.sync_folder(self._directory)
