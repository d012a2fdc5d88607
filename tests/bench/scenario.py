"""What happens in a run, as a file of `scenarios/` says: speech, answers, outages.

Seconds of a scenario are the card's; with `speed` they pass so many times faster than the clock's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np

from device.simulator.script import RATE, Answer, Manner, Script

FOLDER: Final = Path(__file__).with_name("scenarios")
Span = tuple[float, float]
"""Begin and length, in seconds from the start."""

_KEYS: Final = {
    "seconds", "speed", "pressed", "turn_end_s", "voice", "every_s", "words", "outages",
    "outages_every_s", "answers",
}  # fmt: skip
_ANSWER_KEYS: Final = {"seconds", "first_delta_s", "speed", "delta_ms"}
_WORD_KEYS: Final = {"count", "seconds", "every_s", "seed"}


@dataclass(frozen=True, slots=True)
class Scene:
    """One run's events. `pressed`: the client is told to listen."""

    seconds: float
    voice: Sequence[Span]
    script: Script
    outages: Sequence[Span] = ()
    """When the server cuts all connections and refuses new ones."""
    pressed: bool = True
    speed: float = 1.0


def load(name: str, *, seconds: float | None = None) -> Scene:
    """The scenario `scenarios/NAME.toml`, or so much of it.

    Raises ValueError that names the file and what is wrong with it.
    """
    path = FOLDER / f"{name}.toml"
    try:
        return _scene(tomllib.loads(path.read_text()), seconds)
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"{path}: {problem}") from problem


def answer(seconds: float, *, seed: int, **manner: Unpack[Manner]) -> Answer:
    """Noise without a single zero: what was audible of it can be counted."""
    samples = np.random.default_rng(seed).integers(1, 4000, round(seconds * RATE))
    signs = np.where(samples % 2, 1, -1)
    return Answer((samples * signs).astype("<i2").tobytes(), **manner)


def _scene(table: Mapping[str, Any], wanted: float | None) -> Scene:
    _only(table, _KEYS, "the file")
    seconds, speed = wanted or float(table["seconds"]), float(table.get("speed", 1.0))
    voice = [*table.get("voice", ()), *_words(table.get("words"))]
    answers = [_answer(entry, number, speed) for number, entry in enumerate(table["answers"])]
    return Scene(
        seconds,
        list(_repeated(voice, table.get("every_s"), seconds)),
        Script(answers, turn_end_s=table.get("turn_end_s", 0.5)),
        list(_repeated(table.get("outages", ()), table.get("outages_every_s"), seconds)),
        bool(table.get("pressed", True)),
        speed,
    )


def _answer(table: Mapping[str, Any], number: int, speed: float) -> Answer:
    """One answer; the server's clock is the machine's, so its pace is the card's."""
    _only(table, _ANSWER_KEYS, "[[answers]]")
    manner = Manner(
        first_delta_s=table.get("first_delta_s", 0.25) / speed,
        speed=table.get("speed", 5.0) * speed,
        delta_ms=table.get("delta_ms", 100),
    )
    return answer(table["seconds"], seed=100 + number, **manner)


def _words(table: Mapping[str, Any] | None) -> Iterator[Span]:
    """Words of one length at random distances: the same in every run."""
    if table is None:
        return
    _only(table, _WORD_KEYS, "words")
    chance, at = np.random.default_rng(table["seed"]), 0.2
    for _ in range(table["count"]):
        yield at, table["seconds"]
        at += chance.uniform(*table["every_s"])


def _repeated(spans: Sequence[Span], every_s: float | None, seconds: float) -> Iterator[Span]:
    """The spans, again and again if there is a distance, as far as they fit."""
    begin = 0.0
    while begin < seconds:
        for at, length in spans:
            if begin + at + length <= seconds:
                yield begin + at, length
        begin += every_s or seconds


def _only(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    strangers = sorted(set(table) - keys)
    if strangers:
        raise ValueError(f"{where} has {strangers[0]!r}; known are {', '.join(sorted(keys))}")
