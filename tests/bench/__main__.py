"""`python -m bench`: two interleaved conversations each, then many cuts; 0 when all is reached."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from bench import measure, report
from bench.scene import OURS, REFERENCE, Client, Run, Scene, answer, play, start
from device.simulator.script import Script

ROUNDS: Final = 2
STARTS: Final = 3
CUTS: Final = 52
SEED: Final = 2
RESULT: Final = Path(__file__).parents[2] / ".cache" / "bench.json"
PRESSURE: Final = Path("/proc/pressure/cpu")


def talk() -> Scene:
    """A question, a long answer that is talked over, a second answer, a question, a third."""
    answers = [answer(seconds, seed=seed) for seed, seconds in enumerate((8.0, 2.0, 1.5))]
    voice = [(0.4, 1.0), (4.6, 0.6), (8.4, 0.6)]
    return Scene(11.5, voice, Script(answers))


def cuts() -> Scene:
    """Short words that each end one answer, at a random moment, and ask for the next."""
    chance = np.random.default_rng(SEED)
    word_s, turn_s = 0.15, 0.40  # the word; then until the answer surely sounds
    at, voice = 0.2, []
    for _ in range(CUTS + 1):
        voice.append((at, word_s))
        at += turn_s + chance.uniform(0.0, 0.25)
    # Half of the answers are still being generated when they are cut, half are there whole.
    answers = [
        answer(2.0, seed=100, first_delta_s=0.02, delta_ms=(100, 37, 211)),
        answer(2.0, seed=101, first_delta_s=0.02, speed=math.inf),
    ]
    return Scene(at + 0.5, voice, Script(answers, turn_end_s=0.1))


def main() -> int:
    """Run it all, show the table, keep the figures."""
    before = _waited_s()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        runs, starts = _conversations(Path(scratch))
        _say(f"{CUTS} cuts of our daemon")
        many = measure.interruptions(play(cuts(), OURS, directory=Path(scratch) / "cuts"))
        ours, reference = (
            report.figures(runs[client.name], starts=starts[client.name])
            for client in (OURS, REFERENCE)
        )
    after, wall = _waited_s(), time.monotonic() - began
    pressure = None if before is None or after is None else 100 * (after - before) / wall
    table = report.rows(ours, reference, cuts=many)
    print(report.text(table, pressure=pressure))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report.as_data(table, pressure=pressure), indent=1) + "\n")
    _say(f"{wall:.0f} s; the figures are in {RESULT}")
    return 1 if report.missed(table, pressure=pressure) else 0


def _conversations(scratch: Path) -> tuple[dict[str, list[Run]], dict[str, list[float]]]:
    """Both clients in turn, so that a change of the machine's mood meets both."""
    pair: tuple[Client, Client] = (OURS, REFERENCE)
    scene = talk()
    runs: dict[str, list[Run]] = {client.name: [] for client in pair}
    starts: dict[str, list[float]] = {client.name: [] for client in pair}
    for number in range(1 + STARTS):
        for client in pair:
            place = scratch / f"start-{client.name}-{number}"
            took = start(client, directory=place, script=scene.script)
            if number:  # the first one fills the disk cache and compiles
                starts[client.name].append(took)
    for number in range(ROUNDS):
        for client in pair:
            _say(f"conversation {number + 1} of {ROUNDS}: {client.name}")
            place = scratch / f"talk-{client.name}-{number}"
            runs[client.name].append(play(scene, client, directory=place))
    return runs, starts


def _waited_s() -> float | None:
    """How long something on this machine has waited for a CPU since boot, in seconds."""
    try:
        return int(PRESSURE.read_text().split("total=")[1].split()[0]) / 1e6
    except OSError:
        return None


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
