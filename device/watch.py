"""The daemon's watch: asks every loop for a sign of life, and tells the service manager of it.

`core/vigil.py` knows who owes an answer; this is its clock, its voice and its ear.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from device.core.events import Event, PartLate
from device.core.vigil import Vigil
from device.drivers.service import Service

WATCH_S: Final = 5.0
"""Between two rounds when no manager watches: lateness is then only told."""

Ask = Callable[[Callable[[], None]], None]
"""Asks one loop: it calls what it is given, from inside itself."""


class Watch:
    """Rounds of questions, for as long as the daemon runs. Lives in the loop.

    `parts` names the loops and how each is asked; `take` is told who is late, and who is back.
    """

    def __init__(
        self, parts: Mapping[str, Ask], *, service: Service, take: Callable[[Event], None]
    ) -> None:
        self._parts = parts
        self._vigil = Vigil(parts)
        self._service = service
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask for the first time, and then again and again."""
        self._round()

    def stop(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _round(self) -> None:
        every_s = self._service.watchdog_every_s or WATCH_S
        self._timer = self._loop.call_later(every_s, self._round)
        asked, late = self._vigil.ask(time.monotonic())
        for event in late:
            self._take(event)
            self._service.status(_said(event))
        for name in asked:
            self._parts[name](partial(self._hear, name))

    def _hear(self, name: str) -> None:
        """Called by the part, from inside its loop."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody asks any more
            self._loop.call_soon_threadsafe(self._answered, name)

    def _answered(self, name: str) -> None:
        news = self._vigil.answered(name, time.monotonic())
        if news is not None:
            self._take(news)
        if self._vigil.complete:
            self._service.watchdog()


def _said(late: PartLate) -> str:
    return f"the {late.name} thread has not answered for {late.waited_s:.0f} s"
