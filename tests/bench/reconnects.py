"""Reconnects: the link driver, in a process of its own, dials thousands of times; nothing may grow.

The server cuts each connection as soon as the link says that it is up, and the waits between the
dials, which are drawn at random from 0 on, are drawn as 0; all else is the driver as it is.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from bench.report import Row
from bench.soak import LEAST_SAMPLES, slope
from bench.stage import Stage
from device.core import events as ev
from device.core import terms, wire
from device.core.events import Event
from device.drivers.link import Endpoint, Link, always
from device.simulator.faults import Drop, Fault
from device.simulator.script import Answer, Script

COUNT: Final = 10_000
SAMPLES: Final = 80
"""Over the whole run."""
WITHIN_S: Final = 1.0
"""For each reconnect, on the average."""
MOST_KB: Final = 256.0
"""Surely more than this over 10 000 reconnects is growth."""
PER: Final = 10_000

MOMENT: Final = "input_audio_buffer.clear"
SCRIPT: Final = Script(
    [Answer.tone(0.1)], faults=[Fault(at=MOMENT, do=Drop())], habits=["any model"]
)
SESSION: Final = terms.Session(
    instructions="Be brief.",
    audio=terms.SessionAudio(
        input=terms.AudioInput(turn_detection=terms.SemanticVad(), noise_reduction=None),
        output=terms.AudioOutput(voice="marin"),
    ),
)


@dataclass(frozen=True, slots=True)
class Held:
    """What the process held after so many connections."""

    connections: int
    at: float
    rss_kb: int
    fds: int
    threads: int
    tasks: int


def reconnects(count: int) -> list[Held]:
    """Dial so many times. RuntimeError when it does not come to its end."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    held: list[Held] = []
    with Stage(SCRIPT) as stage:
        words = (theirs, f"{stage.url}?model=m", count)
        process = spawn.Process(target=_dial, args=words, name="reconnects", daemon=True)
        process.start()
        theirs.close()
        deadline = time.monotonic() + 10 + WITHIN_S * count
        try:
            while not held or held[-1].connections < count:
                if not ours.poll(max(0.0, deadline - time.monotonic())):
                    raise RuntimeError(f"the link stopped dialling; the last it held: {held[-1:]}")
                held.append(ours.recv())
        except EOFError:
            raise RuntimeError(f"the link has ended; the last it held: {held[-1:]}") from None
        finally:
            process.kill()
            process.join()
    return held


def rows(held: Sequence[Held]) -> list[Row]:
    """The table. The slope is judged by what it surely is: two standard errors off."""
    if len(held) < LEAST_SAMPLES:
        raise ValueError(f"{len(held)} samples say nothing: give more reconnects")
    quarter = len(held) // 4
    warm, second, last = held[quarter:], held[quarter : 2 * quarter], held[-quarter:]
    at = [sample.connections / PER for sample in warm]
    growth, doubt = slope(at, [sample.rss_kb for sample in warm])

    def more(of: Callable[[Held], int]) -> int:
        return max(map(of, last)) - max(map(of, second))

    counts = {
        "more file descriptors": more(lambda sample: sample.fds),
        "more threads": more(lambda sample: sample.threads),
        "more tasks": more(lambda sample: sample.tasks),
    }
    seconds = held[-1].at - held[0].at
    return [
        Row("reconnects", held[-1].connections, digits=0),
        Row("of them in a second", (held[-1].connections - held[0].connections) / seconds),
        Row("memory (RSS) after warm-up, MB", warm[0].rss_kb * 1024 / 1e6),
        Row("memory (RSS) at the end, MB", warm[-1].rss_kb * 1024 / 1e6),
        Row("slope of RSS, kB per 10 000", growth, limit=f"<= {MOST_KB:.0f}",
            kept=growth - 2 * doubt <= MOST_KB, count=True, digits=0),
        Row("its standard error", doubt, digits=0),
        *(Row(name, n, limit="0", kept=n <= 0, count=True, digits=0) for name, n in counts.items()),
    ]  # fmt: skip


# In the process of its own.


def _dial(pipe: Connection, url: str, count: int) -> None:
    asyncio.run(_dialling(pipe, url, count))


async def _dialling(pipe: Connection, url: str, count: int) -> None:
    done = asyncio.Event()
    ups = 0

    def post(event: Event) -> None:
        nonlocal ups
        if isinstance(event, ev.LinkUp):
            ups += 1
            link.send(wire.encode(wire.Clear()))  # on this the server cuts
            if ups % max(1, count // SAMPLES) == 0 or ups == count:
                gc.collect()
                pipe.send(_held(ups))
            if ups == count:
                done.set()

    link = Link(always(Endpoint(url, {}, SESSION)), post=post, draw=_impatient)
    running = asyncio.create_task(link.run(), name="link")
    await asyncio.wait(
        {running, asyncio.create_task(done.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _impatient(least: float, _: float) -> float:
    """The back-off's random number: always no wait at all."""
    return least


def _held(connections: int) -> Held:
    status = Path("/proc/self/status").read_text().splitlines()
    numbers = {name: value.split() for name, _, value in (line.partition(":") for line in status)}
    return Held(
        connections,
        time.monotonic(),
        int(numbers["VmRSS"][0]),
        len(list(Path("/proc/self/fd").iterdir())),
        int(numbers["Threads"][0]),
        len(asyncio.all_tasks()),
    )
