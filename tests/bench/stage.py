"""The server of a run, in a process of its own: its work is nobody's figure.

`Stage` starts it, asks it for its record, and ends it. Where the system allows, it runs before
everything else, so that its time stamps are those of the arrival.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Final, Self

from device.simulator.background import BackgroundSimulator
from device.simulator.record import Append, Entry
from device.simulator.script import Script

ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Record:
    """What one session brought: every event, each append with its arrival, all its audio."""

    log: list[Entry]
    appends: list[Append]
    uplink: bytes


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
            self._pipe.send("end")
        self._process.join(ANSWER_S)
        if self._process.is_alive():
            self._process.kill()

    def arrived(self, kind: str) -> float | None:
        """When the first event of this type passed."""
        self._pipe.send(kind)
        at: float | None = self._reply()
        return at

    def record(self) -> Record:
        """Everything so far."""
        self._pipe.send("record")
        record: Record = self._reply()
        return record

    def _reply(self) -> Any:
        if not self._pipe.poll(ANSWER_S):
            raise RuntimeError(f"the bench's server did not answer within {ANSWER_S:.0f} s")
        return self._pipe.recv()


def _serve(pipe: Connection, script: Script) -> None:
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with BackgroundSimulator(script) as simulator:
        pipe.send(simulator.url)
        while (word := pipe.recv()) != "end":
            if word == "record":
                pipe.send(Record(simulator.log, simulator.appends, simulator.uplink()))
            else:
                found = (e.at for e in simulator.log if e.event.get("type") == word)
                pipe.send(next(found, None))
