"""What happens in a run, as a file of `scenarios/` says: speech, answers, outages.

Seconds of a scenario are the card's; with `speed` they pass so many times faster than the clock's.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Unpack

import numpy as np

from device.simulator.script import RATE, Answer, Manner, Script

FOLDER: Final = Path(__file__).with_name("scenarios")
Span = tuple[float, float]
"""Begin and length, in seconds from the start."""

Rule = tuple[Callable[[Any], bool], str]
"""What a value must be, and one that is."""


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _spans(value: object) -> bool:
    return isinstance(value, list) and all(map(_pair, value))


def _pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_number, value))


def _counts(value: object) -> bool:
    listed = value if isinstance(value, list) and value else [value]
    return all(isinstance(one, int) and one > 0 for one in listed)


_NUMBER: Final[Rule] = (_number, "8.0")
_KEYS: Final[dict[str, Rule]] = {
    "seconds": _NUMBER,
    "answers": (lambda value: isinstance(value, list) and bool(value), "[{seconds = 8.0}]"),
    "speed": _NUMBER,
    "pressed": (lambda value: isinstance(value, bool), "true"),
    "turn_end_s": _NUMBER,
    "voice": (_spans, "[[0.4, 1.0]]"),
    "every_s": _NUMBER,
    "words": (lambda value: isinstance(value, dict), "{count = 9, seconds = 0.2, ...}"),
    "outages": (_spans, "[[1.5, 2.0]]"),
    "outages_every_s": _NUMBER,
}
_ANSWER_KEYS: Final[dict[str, Rule]] = {
    "seconds": _NUMBER, "first_delta_s": _NUMBER, "speed": _NUMBER, "delta_ms": (_counts, "100"),
}  # fmt: skip
_WORD_KEYS: Final[dict[str, Rule]] = {
    "count": (_counts, "9"), "seconds": _NUMBER, "every_s": (_pair, "[0.4, 0.6]"),
    "seed": (_counts, "2"),
}  # fmt: skip


class _Slip(Exception):
    """A mistake at a key, in the answer with this number (from 0) or outside of them."""

    def __init__(self, what: str, *, key: str, answer: int | None) -> None:
        super().__init__(what)
        self._key = key
        self._answer = answer

    def line(self, text: str) -> int:
        """Where it is, from 1: the key, or the table that lacks it."""
        lines = text.splitlines()
        heads = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[answers", line)]
        first = 0 if self._answer is None or not heads else heads[self._answer]
        named = re.compile(rf"\W*{re.escape(self._key)}\b|.*[{{,]\s*{re.escape(self._key)}\s*=")
        found = (at for at in range(first, len(lines)) if named.match(lines[at]))
        return next(found, first) + 1


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

    Raises ValueError that names file and line, what is wrong there, and what to type.
    """
    path = FOLDER / f"{name}.toml"
    text = path.read_text()
    try:
        return _scene(tomllib.loads(text), seconds)
    except tomllib.TOMLDecodeError as problem:
        place = re.search(r"at line (\d+)", str(problem))
        line = int(place[1]) if place else len(text.splitlines())
        raise ValueError(f"{path}:{line}: {problem}; type key = value") from problem
    except _Slip as slip:
        raise ValueError(f"{path}:{slip.line(text)}: {slip}") from slip


def answer(seconds: float, *, seed: int, **manner: Unpack[Manner]) -> Answer:
    """Noise without a single zero: what was audible of it can be counted."""
    samples = np.random.default_rng(seed).integers(1, 4000, round(seconds * RATE))
    signs = np.where(samples % 2, 1, -1)
    return Answer((samples * signs).astype("<i2").tobytes(), **manner)


def _scene(table: Mapping[str, Any], wanted: float | None) -> Scene:
    _check(table, _KEYS, required=("seconds", "answers"))
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
    _check(table, _ANSWER_KEYS, required=("seconds",), answer=number)
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
    _check(table, _WORD_KEYS, required=_WORD_KEYS)
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


def _check(
    table: Mapping[str, Any],
    rules: Mapping[str, Rule],
    *,
    required: Collection[str],
    answer: int | None = None,
) -> None:
    for key, value in table.items():
        if key not in rules:
            what = f"{key} is no key here; type one of {', '.join(sorted(rules))}"
            raise _Slip(what, key=key, answer=answer)
        good, example = rules[key]
        if not good(value):
            what = f"{key} cannot be {value!r}; type {key} = {example}"
            raise _Slip(what, key=key, answer=answer)
    for key in required:
        if key not in table:
            what = f"{key} is missing; type {key} = {rules[key][1]}"
            raise _Slip(what, key=key, answer=answer)
