"""One run of one client: a card, a server, what the person says, and the record of it all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from bench.clients import Client
from bench.process import PATIENCE_S, Process, Usage, running, waited_s
from bench.scenario import Scene
from bench.stage import Stage
from device.simulator.record import Entry
from device.simulator.script import RATE
from virtual_card import Event, Samples, VirtualCard

ROOM_DBFS: Final = -54.0
"""Noise that tells every chunk from every other, below what counts as speech."""
VOICE_DBFS: Final = -20.0
BEFORE_S: Final = 0.3
"""From the session to the person: not part of any figure."""
VOICES: Final = 8
"""So many different sounds; in long runs they come again."""


@dataclass(frozen=True, slots=True)
class Run:
    """A played scene."""

    scene: Scene
    card: VirtualCard
    ended: float
    """The end of the scene: what comes later belongs to no figure."""
    events: list[Event]
    log: list[Entry]
    start_s: float
    """From the spawn to the arrival of `session.update`."""
    before: Usage
    after: Usage
    pressure: float
    """Share of the scene's time in which something waited for a CPU, in percent; NaN: unknown."""
    returned: list[float] = field(default_factory=list)
    """When the server came back, for each outage."""


def play(
    scene: Scene,
    client: Client,
    *,
    directory: Path,
    watch: Callable[[Usage], None] | None = None,
    every_s: float = 2.0,
) -> Run:
    """Play a scene with a client; `watch` gets its usage every so many seconds.

    RuntimeError when the client does not come to life, or dies.
    """
    directory.mkdir()
    room_s = scene.speed * (scene.seconds / scene.speed + 3 * PATIENCE_S)
    card = VirtualCard(directory / "card", seconds=room_s, speed=scene.speed)
    if scene.speed == 1.0:
        card.noise(ROOM_DBFS, seconds=scene.seconds + PATIENCE_S)
    command, stderr = client.command, directory / "stderr"
    with Stage(scene.script) as stage:
        words = command(stage.url, directory, scene)
        with running(words, environment=card.environment, stderr=stderr) as process:
            start_s = process.configured(stage)
            begin = _speak(card, scene)
            if scene.pressed:
                client.press(directory)
            _sleep_until(begin)
            before, waited = process.usage(), waited_s()
            returned = _live_through(scene, stage, process, begin, watch, every_s)
            after = process.usage()
            pressure = 100 * (waited_s() - waited) / (after.at - before.at)
            ended, log, events = card.now(), stage.log(), card.events()
    return Run(scene, card, ended, events, log, start_s, before, after, pressure, returned)


def start(client: Client, *, directory: Path, scene: Scene) -> float:
    """Only start it: seconds from the spawn to the arrival of `session.update`."""
    directory.mkdir()
    card = VirtualCard(directory / "card", seconds=2 * PATIENCE_S)
    with Stage(scene.script) as stage:
        words = client.command(stage.url, directory, scene)
        with running(words, environment=card.environment, stderr=directory / "stderr") as process:
            return process.configured(stage)


@cache
def voice(seconds: float, *, seed: int) -> Samples:
    """Noise in syllables, five a second: to every VAD it is speech."""
    at = np.arange(round(seconds * RATE)) / RATE
    level = 32768 * 10 ** (VOICE_DBFS / 20) * (0.6 + 0.4 * np.cos(2 * np.pi * 5 * at))
    return (level * np.random.default_rng(seed).normal(size=len(at))).astype(np.int16)


def _speak(card: VirtualCard, scene: Scene) -> float:
    """Lay down all that will be said; returns when the scene begins."""
    sounds = [voice(length, seed=n % VOICES) for n, (_, length) in enumerate(scene.voice)]
    # Writing hours of sound takes a while, and none of it may come too late.
    begin = time.monotonic() + BEFORE_S + 0.005 * len(sounds)
    for (at, _), sound in zip(scene.voice, sounds, strict=True):
        card.say(sound, at=begin + at / scene.speed)
    return begin


def _live_through(
    scene: Scene,
    stage: Stage,
    process: Process,
    begin: float,
    watch: Callable[[Usage], None] | None,
    every_s: float,
) -> list[float]:
    """Let the scene pass: outages at their times; returns when the server came back."""
    returned: list[float] = []

    def come_back() -> None:
        returned.append(stage.come_back())

    steps: list[tuple[float, Callable[[], object]]] = []
    for at, length in scene.outages:
        steps += [(at / scene.speed, stage.leave), ((at + length) / scene.speed, come_back)]
    if watch is not None:
        samples = int(scene.seconds / scene.speed / every_s)
        steps += [(every_s * n, lambda: watch(process.usage())) for n in range(samples)]
    for at, step in sorted(steps, key=lambda one: one[0]):
        _sleep_until(begin + at)
        step()
    _sleep_until(begin + scene.seconds / scene.speed)
    return returned


def _sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.monotonic()))
