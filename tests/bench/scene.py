"""One run of one client: a card, a server, what the person says, and the record of it all."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Unpack

import numpy as np

from bench.stage import Record, Stage
from device.drivers.control import ask
from device.simulator.script import RATE, Answer, Manner, Script
from virtual_card import Event, Samples, VirtualCard

ROOM_DBFS: Final = -54.0
"""Noise that tells every chunk from every other, below what counts as speech."""
VOICE_DBFS: Final = -20.0
BEFORE_S: Final = 0.3
"""From the session to the person: not part of any figure."""
PATIENCE_S: Final = 10.0
POLL_S: Final = 0.05
BYTECODE: Final = Path(__file__).parents[2] / ".cache" / "bytecode"
"""Installed programs are compiled once: so are both clients here, whatever the caller's habit."""
CONFIG: Final = """\
version: 1
server: {{url: "{url}", profile: local, api_key: "sk-bench-0123456789"}}
microphone: {{device: microphone, echo: hardware}}
speaker: {{device: speaker, volume: 100}}
panel: {{button: none, led: none}}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens: bursts of voice as (begin, length), in seconds from the start, and answers."""

    seconds: float
    voice: Sequence[tuple[float, float]]
    script: Script


@dataclass(frozen=True, slots=True)
class Cost:
    """What a client used up. CPU between begin and end of the scene only."""

    cpu_s_per_min: float
    peak_mb: float
    threads: int


@dataclass(frozen=True, slots=True)
class Run:
    """A played scene."""

    card: VirtualCard
    ended: float
    """The end of the scene: what comes later belongs to no figure."""
    events: list[Event]
    record: Record
    start_s: float
    """From the spawn to the arrival of `session.update`."""
    cost: Cost


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is started, and what must be done for it to listen."""

    name: str
    command: Callable[[str, Path], list[str]]
    press: Callable[[Path], None]


def _ours(url: str, directory: Path) -> list[str]:
    config, runtime = directory / "pressel.yaml", directory / "runtime"
    config.write_text(CONFIG.format(url=url))
    runtime.mkdir(mode=0o700)
    words = ["run", "--config", str(config), "--runtime-dir", str(runtime), "--log-format", "json"]
    return [sys.executable, "-m", "device", *words]


def _reference(url: str, _: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("reference.py")), f"{url}?model=bench"]


def _tap(directory: Path) -> None:
    ask(directory / "runtime", "tap")


OURS: Final = Client("ours", _ours, _tap)
REFERENCE: Final = Client("reference", _reference, lambda _: None)


def voice(seconds: float, *, seed: int) -> Samples:
    """Noise in syllables, five a second: to every VAD it is speech."""
    at = np.arange(round(seconds * RATE)) / RATE
    level = 32768 * 10 ** (VOICE_DBFS / 20) * (0.6 + 0.4 * np.cos(2 * np.pi * 5 * at))
    return (level * np.random.default_rng(seed).normal(size=len(at))).astype(np.int16)


def answer(seconds: float, *, seed: int, **manner: Unpack[Manner]) -> Answer:
    """Noise without a single zero: what was audible of it can be counted."""
    samples = np.random.default_rng(seed).integers(1, 4000, round(seconds * RATE))
    signs = np.where(samples % 2, 1, -1)
    return Answer((samples * signs).astype("<i2").tobytes(), **manner)


def play(scene: Scene, client: Client, *, directory: Path) -> Run:
    """Play a scene with a client. RuntimeError when the client does not come to life."""
    directory.mkdir()
    card = VirtualCard(directory / "card", seconds=scene.seconds + 2 * PATIENCE_S)
    card.noise(ROOM_DBFS, seconds=scene.seconds + PATIENCE_S)
    with Stage(scene.script) as stage, _running(client, card, stage.url, directory) as process:
        pid = process.pid
        start_s = process.configured(stage)
        begin = time.monotonic() + BEFORE_S
        for number, (at, length) in enumerate(scene.voice):
            card.say(voice(length, seed=number), at=begin + at)
        client.press(directory)
        _sleep_until(begin)
        before = _cpu_s(pid)
        _sleep_until(begin + scene.seconds)
        process.check()
        cost = Cost((_cpu_s(pid) - before) * 60 / scene.seconds, *_size(pid))
        ended, record = card.now(), stage.record()
        events = card.events()
    return Run(card, ended, events, record, start_s, cost)


def start(client: Client, *, directory: Path, script: Script) -> float:
    """Only start it: seconds from the spawn to the arrival of `session.update`."""
    directory.mkdir()
    card = VirtualCard(directory / "card", seconds=2 * PATIENCE_S)
    with Stage(script) as stage, _running(client, card, stage.url, directory) as process:
        return process.configured(stage)


@dataclass(frozen=True, slots=True)
class _Running:
    """A client's process."""

    process: subprocess.Popen[bytes]
    spawned: float
    stderr: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raise RuntimeError with its last words if it has ended."""
        if self.process.poll() is not None:
            said = self.stderr.read_text()[-1000:]
            raise RuntimeError(f"the client ended with {self.process.returncode}; it said: {said}")

    def configured(self, stage: Stage) -> float:
        """Seconds from the spawn to the arrival of `session.update`."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            time.sleep(POLL_S)
            at = stage.arrived("session.update")
            if at is not None:
                return at - self.spawned
            self.check()
        raise RuntimeError(f"the client sent no session.update within {PATIENCE_S:.0f} s")


@contextlib.contextmanager
def _running(client: Client, card: VirtualCard, url: str, directory: Path) -> Iterator[_Running]:
    """The client's process, from its spawn to its end."""
    command = client.command(url, directory)
    environment = {**os.environ, **card.environment, "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    stderr = directory / "stderr"
    with stderr.open("wb") as log:
        spawned = time.monotonic()
        process = subprocess.Popen(command, stderr=log, env=environment)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, process.pid, -10)
        try:
            yield _Running(process, spawned, stderr)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _sleep_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.monotonic()))


def _cpu_s(pid: int) -> float:
    """CPU time of a process, in seconds: clock_getcpuclockid(3), finer than the ticks of /proc."""
    return time.clock_gettime((~pid << 3) | 2)


def _size(pid: int) -> tuple[float, int]:
    """Peak resident memory in MB, and threads."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmHWM"].split()[0]) * 1024 / 1e6, int(fields["Threads"])
