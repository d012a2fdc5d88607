"""Interleaved rounds: every client in turn, so the machine's moods meet them all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench import figures, measure, report
from bench.clients import BOUND, CLIENTS, OURS, REFERENCE
from bench.figures import Drop, Idle, Measured
from bench.measure import Interruption
from bench.report import Limits, Row
from bench.scenario import Scene, load
from bench.scene import Run, play, start

STARTS: Final = 6
LATE_REFERENCE_MS: Final = 10.0
"""A plain client later than this stands on a machine that cannot be measured on."""


class Bench:
    """All that is played, and what came of it so far. `scratch` keeps the cards."""

    def __init__(self, scratch: Path, *, talk: Scene, limits: Limits) -> None:
        self._scratch = scratch
        self._talk = talk
        self._limits = limits
        self._runs: dict[str, list[Run]] = {client.name: [] for client in CLIENTS}
        self._starts: dict[str, list[float]] = {client.name: [] for client in CLIENTS}
        self._cuts: Sequence[Interruption] = ()
        self._drops: dict[str, Drop] = {}
        self._idle: dict[str, Idle] = {}

    def starts(self) -> None:
        """Start every client some times; the first time fills the disk cache and compiles."""
        say(f"{STARTS} starts each")
        for number in range(1 + STARTS):
            for client in CLIENTS:
                place = self._scratch / f"start-{client.name}-{number}"
                took = start(client, directory=place, scene=self._talk)
                self._starts[client.name] += [took] if number else []

    def talks(self) -> None:
        """One more conversation of every client."""
        number = len(self._runs[OURS.name]) + 1
        for client in CLIENTS:
            say(f"conversation {number}: {client.name}")
            place = self._scratch / f"talk-{client.name}-{number}"
            self._runs[client.name].append(play(self._talk, client, directory=place))

    def rest(self, *, drop: Scene, idle: Scene) -> None:
        """The cuts; beside them drops and an idle daemon, of which no time is judged."""
        cuts = load("cuts")
        say(f"{len(cuts.voice) - 1} cuts of our daemon; beside them the drop and an idle one")
        with ThreadPoolExecutor(3, thread_name_prefix="bench") as pool:
            many = pool.submit(play, cuts, OURS, directory=self._scratch / "cuts")
            quiet = pool.submit(play, idle, OURS, directory=self._scratch / "idle")
            for client in (OURS, BOUND):
                place = self._scratch / f"drop-{client.name}"
                self._drops[client.name] = figures.drop(play(drop, client, directory=place))
            self._cuts = measure.interruptions(many.result())
            self._idle = {OURS.name: figures.idle(quiet.result())}

    @property
    def quiet(self) -> bool:
        """Every client had a quiet round, and the plain one was on time in it."""
        rounds = all(figures.quiet(runs) for runs in self._runs.values())
        return rounds and self._figures(REFERENCE.name).late_p99_ms <= LATE_REFERENCE_MS

    @property
    def pressure(self) -> dict[str, list[float]]:
        """CPU pressure in percent of each round, by client."""
        return {name: [round(run.pressure, 1) for run in runs] for name, runs in self._runs.items()}

    def table(self) -> list[Row]:
        """All figures so far."""
        talk = {client.name: self._figures(client.name) for client in CLIENTS}
        measured = Measured(talk, self._cuts, self._drops, self._idle)
        return report.rows(measured, self._limits)

    def _figures(self, name: str) -> figures.Talk:
        return figures.talk(self._runs[name], starts=self._starts[name])


def say(sentence: str) -> None:
    """Tell what is being done."""
    print(sentence, file=sys.stderr, flush=True)
