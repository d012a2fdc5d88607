"""Plugged in, pulled out: the kernel tells when the machine's sound cards change.

A card that is pulled out takes its nodes in /dev/snd along; one that is plugged in makes new ones,
and a moment later udev lets our group use them. inotify(7) tells of each, and costs nothing while
nothing happens. Where a configuration of alsa-lib is named by its own ALSA_CONFIG_PATH, cards may
come and go with that file: its folder is watched too.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from device.core.events import CardsChanged

NODES: Final = Path("/dev/snd")
SETTLE_S: Final = 0.1
"""A card has several nodes: they are one piece of news."""
_IN_ATTRIB, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE = 0x4, 0x80, 0x100, 0x200
_CHANGES: Final = _IN_ATTRIB | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
_NEWS_BYTES: Final = 65536


def folders(environ: Mapping[str, str]) -> list[Path]:
    """Where cards come and go."""
    conf = environ.get("ALSA_CONFIG_PATH")
    return [NODES, *([Path(conf).parent] if conf else [])]


class Cards:
    """Tells by `post` when something changes in these folders. Lives in the running loop.

    A folder that is not there, or a kernel without inotify, is no error: a device that is missing
    is tried again anyway.
    """

    def __init__(self, watched: Iterable[Path], *, post: Callable[[CardsChanged], None]) -> None:
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._settled: asyncio.TimerHandle | None = None
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor >= 0:
            for folder in watched:
                libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _CHANGES)
            self._loop.add_reader(self._descriptor, self._changed)

    def close(self) -> None:
        """Watch no longer."""
        if self._settled is not None:
            self._settled.cancel()
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _changed(self) -> None:
        os.read(self._descriptor, _NEWS_BYTES)  # whatever it was: what works is tried, not read
        if self._settled is None:
            self._settled = self._loop.call_later(SETTLE_S, self._tell)

    def _tell(self) -> None:
        self._settled = None
        self._post(CardsChanged(time.monotonic()))
