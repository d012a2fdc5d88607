"""What the canceller costs on the way to the server: the device with one, and without.

Its sound is not the microphone's any more, so blocks are not found by their bytes but counted: all
that the card has captured since it was started must have arrived, block after block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from bench import figures, measure
from bench.clients import CANCELLING, OURS
from bench.report import Row
from bench.rounds import say
from bench.scenario import load
from bench.scene import Run, play
from device.drivers.echo import canceller
from device.simulator.script import RATE

ROUNDS: Final = 2
SECONDS: Final = 20.0
MOST_CPU: Final = 2.5
"""Percent of a core."""


def cancelling(scratch: Path, *, rounds: int = ROUNDS) -> tuple[list[Run], list[Run]]:
    """Somebody speaks without a pause: the runs without a canceller, and those with it.

    An answer would close the microphone of a device that has proved nothing yet.
    """
    scene = replace(load("talk", seconds=SECONDS), voice=[(0.4, SECONDS)])
    plain: list[Run] = []
    clean: list[Run] = []
    for number in range(rounds):
        for client, runs in ((OURS, plain), (CANCELLING, clean)):
            say(f"{SECONDS:.0f} s of speech: {client.name}")
            runs.append(play(scene, client, directory=scratch / f"{client.name}-{number}"))
    return plain, clean


def rows(plain: Sequence[Run], clean: Sequence[Run]) -> list[Row]:
    """The table of both."""
    quiet = [figures.quiet(runs) or runs for runs in (plain, clean)]
    late = [np.percentile([ms for run in runs for ms in late_ms(run)], (50, 99)) for runs in quiet]
    cpu = [min(measure.cpu_s_per_min(run) for run in runs) / 0.6 for runs in quiet]
    one = canceller()
    own_ms = 1000 * one.delay / RATE
    more, share = float(late[1][1] - late[0][1]), cpu[1] - cpu[0]
    return [
        Row("without: mic to wire beyond the chunk, p50 ms", float(late[0][0])),
        Row("without: mic to wire beyond the chunk, p99 ms", float(late[0][1])),
        Row(f"{one.name}: mic to wire beyond the chunk, p50 ms", float(late[1][0])),
        Row(f"{one.name}: mic to wire beyond the chunk, p99 ms", float(late[1][1])),
        Row("later by, p99 ms", more, limit=f"<= {own_ms:.0f}", kept=more <= own_ms),
        Row("without: CPU, % of a core", cpu[0], digits=2),
        Row(f"{one.name}: CPU, % of a core", cpu[1], digits=2),
        Row("more by, % of a core", share, limit=f"<= {MOST_CPU}", kept=share <= MOST_CPU,
            digits=2),
    ]  # fmt: skip


def late_ms(run: Run) -> list[float]:
    """Of each block: its arrival after the capture of its newest frame."""
    began = next(event.at for event in run.events
                 if (event.direction, event.what) == ("capture", "start"))  # fmt: skip
    found, frames = [], 0
    for append in measure.appends(run):
        frames += len(append.audio) // measure.FRAME_BYTES
        found.append(1000 * (append.at - began - frames / RATE))
    return found
