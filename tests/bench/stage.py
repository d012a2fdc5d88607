"""The server of a run, in a process of its own: its work is nobody's figure.

`Stage` starts it, tells it when to be gone, asks it for its record, and ends it. Where the system
allows, it runs before everything else, so that its time stamps are those of the arrival.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Final, Self

from device.simulator.background import BackgroundSimulator
from device.simulator.record import Entry
from device.simulator.script import Script

ANSWER_S: Final = 10.0


class Stage:
    """A simulator that plays `script`; use it as a context manager."""

    def __init__(self, script: Script) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=_serve, args=(theirs, script), name="stage", daemon=True
        )
        self.url = ""

    def __enter__(self) -> Self:
        self._process.start()
        self.url = self._reply()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(("end", ""))
        self._process.join(ANSWER_S)
        if self._process.is_alive():
            self._process.kill()

    def arrived(self, kind: str) -> float | None:
        """When the first event of this type passed."""
        at: float | None = self._ask("arrived", kind)
        return at

    def leave(self) -> float:
        """Cut every connection and refuse new ones; returns when."""
        at: float = self._ask("leave")
        return at

    def come_back(self) -> float:
        """Accept connections again; returns since when."""
        at: float = self._ask("come back")
        return at

    def log(self) -> list[Entry]:
        """Every event so far, of all sessions, with its audio and the instant it passed."""
        log: list[Entry] = self._ask("log")
        return log

    def heard(self, session: int) -> bytes:
        """All audio that a session appended."""
        audio: bytes = self._ask("heard", session)
        return audio

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process.pid is not None
        return self._process.pid

    def _ask(self, word: str, what: str | int = "") -> Any:
        self._pipe.send((word, what))
        return self._reply()

    def _reply(self) -> Any:
        if not self._pipe.poll(ANSWER_S):
            raise RuntimeError(f"the bench's server did not answer within {ANSWER_S:.0f} s")
        return self._pipe.recv()


def _serve(pipe: Connection, script: Script) -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with BackgroundSimulator(script) as simulator:
        pipe.send(simulator.url)
        while (request := pipe.recv())[0] != "end":
            pipe.send(_answered(simulator, *request))


def _answered(simulator: BackgroundSimulator, word: str, what: Any) -> object:
    match word:
        case "leave":
            simulator.stop_accepting()
            simulator.drop()
            return time.monotonic()
        case "come back":
            at = time.monotonic()
            simulator.start_accepting()
            return at
        case "arrived":
            found = (entry.at for entry in simulator.log if entry.event.get("type") == what)
            return next(found, None)
        case "heard":
            return simulator.uplink(what)
        case _:
            return simulator.log
