"""Many callers at once: the server on one core, all of them on the others, in real time.

Each speaks a second, is silent, and hears an answer; then again. Their turns are spread evenly.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from bench.figures import NOISY_PERCENT
from bench.process import PATIENCE_S, cpu_s, running, waited_s
from bench.report import Row
from bench.stage import Stage
from device.simulator.script import RATE, Answer, Script

CALLERS: Final = 50
SECONDS: Final = 20.0
BLOCK_S: Final = 0.04
SPEECH_S: Final = 1.0
ROUND_S: Final = 4.0
"""Speech, and the silence in which the answer comes."""
ANSWER_S: Final = 2.0
FIRST_DELTA_S: Final = 0.25
STARTS: Final = 5

MOST_SHARE: Final = 90.0
MOST_LATE_MS: Final = 250.0
MOST_START_S: Final = 0.5

SCRIPT: Final = Script(
    [Answer.tone(ANSWER_S, first_delta_s=FIRST_DELTA_S, transcript="This is the answer.")],
    turn_end_s=0.5,
)
SETTINGS: Final = {
    "type": "realtime",
    "audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}},
}


@dataclass(slots=True)
class Voice:
    """What one caller sent and heard."""

    sent: list[float] = field(default_factory=list)
    """When each block was handed to the socket."""
    late_ms: list[float] = field(default_factory=list)
    """First deltas, after the instant the script has them at."""
    complete: int = 0
    """Answers that came whole."""
    turns: int = 0
    _end_ms: int = 0
    _bytes: int = 0
    _waiting: bool = False

    def heard(self, event: dict[str, Any], *, at: float) -> None:
        """Take note of what the server said."""
        match event["type"]:
            case "input_audio_buffer.speech_stopped":
                self.turns += 1
                self._end_ms = event["audio_end_ms"]
            case "response.created":
                self._bytes, self._waiting = 0, True
            case "response.output_audio.delta":
                if self._waiting:
                    self._waiting = False
                    self.late_ms.append(1000 * (at - self._due()))
                self._bytes += len(event["delta"]) * 3 // 4 - event["delta"].count("=")
            case "response.done":
                whole = self._bytes == len(SCRIPT.answers[0].audio)
                self.complete += whole and event["response"]["status"] == "completed"

    def _due(self) -> float:
        """The first delta's instant: from when the block with the turn's end was sent."""
        block = math.ceil(self._end_ms / (1000 * BLOCK_S)) - 1
        return self.sent[block] + FIRST_DELTA_S


@dataclass(frozen=True, slots=True)
class Crowd:
    """What came of all of them."""

    voices: Sequence[Voice]
    rounds: int
    """How often each spoke."""
    delivered: float
    """Share of the samples sent that the server has, each where it belongs."""
    share: float
    """Percent of the one core."""
    pressure: float
    """Percent of the time in which something waited for a CPU."""
    start_s: float
    """`pressel simulate` from its spawn until it accepts: the median."""

    @property
    def quiet(self) -> bool:
        """The machine had time; also where nobody can tell."""
        return not self.pressure > NOISY_PERCENT


def crowd(scratch: Path, *, callers: int = CALLERS, seconds: float = SECONDS) -> Crowd:
    """Measure. RuntimeError when the server does not answer."""
    start_s = statistics.median(_start_s(scratch) for _ in range(STARTS))
    own, *others = sorted(os.sched_getaffinity(0))
    blocks = _blocks(seconds)
    with contextlib.ExitStack() as stack:
        with _pinned({own}):  # what is started here stays there
            stage = stack.enter_context(Stage(SCRIPT))
        stack.enter_context(_pinned(set(others) or {own}))
        voices, share, pressure = asyncio.run(_all(stage, blocks, callers=callers))
        sent = b"".join(blocks)
        found = [np.frombuffer(stage.heard(number), "<i2") for number in range(callers)]
    wanted = np.frombuffer(sent, "<i2")
    right = sum(int(np.sum(one == wanted[: len(one)])) for one in found)
    return Crowd(
        voices,
        round(seconds / ROUND_S),
        right / (callers * len(wanted)),
        share,
        pressure,
        start_s,
    )


def rows(found: Crowd) -> list[Row]:
    """The table of a crowd."""
    late = [ms for voice in found.voices for ms in voice.late_ms] or [math.inf]
    p50, p99 = np.percentile(late, (50, 99))
    wanted = len(found.voices) * found.rounds
    complete = sum(voice.complete for voice in found.voices)
    turns = sum(voice.turns for voice in found.voices)
    return [
        Row("callers at once", len(found.voices), digits=0),
        Row("turns", turns, limit=f"{wanted}", kept=turns == wanted, count=True, digits=0),
        Row("answers complete", complete, limit=f"{wanted}", kept=complete == wanted,
            count=True, digits=0),
        Row("samples delivered, %", 100 * found.delivered, limit="100",
            kept=found.delivered == 1.0, count=True, digits=2),
        Row("CPU, % of the one core", found.share, limit=f"<= {MOST_SHARE:.0f}",
            kept=found.share <= MOST_SHARE, count=True),
        Row("first delta late, p50 ms", float(p50)),
        Row("first delta late, p99 ms", float(p99), limit=f"<= {MOST_LATE_MS:.0f}",
            kept=bool(p99 <= MOST_LATE_MS)),
        Row("start of pressel simulate, s", found.start_s, limit=f"<= {MOST_START_S}",
            kept=found.start_s <= MOST_START_S, digits=3),
    ]  # fmt: skip


def _blocks(seconds: float) -> list[bytes]:
    """What each caller says: noise without a single zero, and silence that is almost one."""
    chance = np.random.default_rng(3)
    loud = chance.integers(1, 6000, round(SPEECH_S * RATE))
    still = chance.integers(1, 8, round((ROUND_S - SPEECH_S) * RATE))
    once = np.concatenate([loud, still])
    sound = np.tile(once, round(seconds / ROUND_S)).astype("<i2").tobytes()
    step = 2 * round(BLOCK_S * RATE)
    return [sound[at : at + step] for at in range(0, len(sound), step)]


async def _all(
    stage: Stage, blocks: Sequence[bytes], *, callers: int
) -> tuple[list[Voice], float, float]:
    """All calls, from the first word to the last answer; CPU share and pressure meanwhile."""
    appends = [
        json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(one).decode()})
        for one in blocks
    ]
    async with contextlib.AsyncExitStack() as stack:
        lines = []
        for _ in range(callers):  # one after the other: the n-th is the server's session n
            line = await stack.enter_async_context(
                connect(f"{stage.url}?model=gpt-realtime-2.1", compression=None, proxy=None)
            )
            await asyncio.wait_for(line.recv(), PATIENCE_S)
            await line.send(json.dumps({"type": "session.update", "session": SETTINGS}))
            await asyncio.wait_for(line.recv(), PATIENCE_S)
            lines.append(line)
        voices = [Voice() for _ in lines]
        began, computed, waited = time.monotonic(), cpu_s(stage.pid), waited_s()
        await asyncio.gather(
            *(
                _call(line, voice, appends, begin=began + number * ROUND_S / callers)
                for number, (line, voice) in enumerate(zip(lines, voices, strict=True))
            )
        )
        took = time.monotonic() - began
        share, pressure = cpu_s(stage.pid) - computed, waited_s() - waited
    return voices, 100 * share / took, 100 * pressure / took


async def _call(
    line: ClientConnection, voice: Voice, appends: Sequence[str], *, begin: float
) -> None:
    async def listen() -> None:
        async for message in line:
            voice.heard(json.loads(message), at=time.monotonic())

    listening = asyncio.create_task(listen())
    for number, append in enumerate(appends):
        due = begin + number * BLOCK_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        voice.sent.append(time.monotonic())
        await line.send(append)
    # The last answer began in the silence that has just been sent.
    await asyncio.sleep(ROUND_S / 4)
    listening.cancel()


@contextlib.contextmanager
def _pinned(cores: set[int]) -> Iterator[None]:
    """This thread, and what it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _start_s(scratch: Path) -> float:
    """`pressel simulate`, from its spawn until it accepts a connection."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "device", "simulate", "--port", str(port)]
    said = scratch / "stderr"
    with running(command, environment={}, stderr=said, stdout=subprocess.DEVNULL) as server:
        while time.monotonic() < server.spawned + PATIENCE_S:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                return time.monotonic() - server.spawned
            server.check()
            time.sleep(0.002)
    raise RuntimeError(f"pressel simulate did not accept within {PATIENCE_S:.0f} s")
