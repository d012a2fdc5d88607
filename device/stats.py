"""What the journal says about the past days: turns and their times, troubles, lost sound, tokens.

Counts what the daemon's own lines tell, from the system's journal or from a file of its json
lines. Nothing here knows a word that was spoken.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from device.errors import EXIT_UNAVAILABLE, PresselError
from device.troubles import TROUBLES

Line = Mapping[str, Any]

# fmt: off
TIMES: Final[Mapping[str, str]] = {
    "press_to_first_block_ms":  "press, to the first sound captured",
    "commit_to_first_delta_ms": "end of the question, to the answer's first sound received",
    "first_delta_to_sound_ms":  "that, to the loudspeaker",
}
# fmt: on
"""The times of a turn, in the order in which they pass."""

_SPAN: Final = re.compile(r"(\d{1,5}) ?(min|h|d)")
_SECONDS: Final = {"min": 60, "h": 3600, "d": 86_400}


class NoJournal(PresselError):
    """There are no lines to count, and where to look."""

    code = "no-journal"
    exit_status = EXIT_UNAVAILABLE


def ago(text: str) -> float:
    """`90 min`, `12h` or `7d` in seconds. Raises ValueError."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return int(found[1]) * _SECONDS[found[2]]


@dataclass
class Stats:
    """The counts. `add` takes lines in any order."""

    turns: int = 0
    interrupted: int = 0
    drops: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    cost_usd: float | None = None
    """None: of no turn is the price known."""
    xruns: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Count one line; one that stands for several counts as many."""
        count = line.get("count")
        many = count if isinstance(count, int) else 1
        match line.get("event"):
            case "turn":
                self._turn(line)
            case "xrun":
                self.xruns[str(line.get("part"))] += many
            case "link" if line.get("state") == "down" and line.get("code") != "resting":
                self.drops += 1
                self.troubles[str(line.get("code"))] += 1
            case "error":
                self.troubles[str(line.get("code"))] += many
            case "bug" | "config" as code:
                self.troubles[code] += many
            case _:
                pass

    def _turn(self, line: Line) -> None:
        self.turns += 1
        self.interrupted += line.get("interrupted") is True
        for name in TIMES:
            if isinstance(line.get(name), int | float):
                self.times.setdefault(name, []).append(float(line[name]))
        for name in ("input_tokens", "output_tokens"):
            if isinstance(line.get(name), int):
                self.tokens[name] += line[name]
        if isinstance(line.get("cost_usd"), int | float):
            self.cost_usd = (self.cost_usd or 0.0) + line["cost_usd"]

    def told(self) -> Iterator[str]:
        """All of it for people, line by line."""
        yield f"{self.turns} turns, {self.interrupted} of them interrupted"
        if self.times:
            yield f"{'ms':58}{'p50':>8}{'p95':>8}"
        for name, label in TIMES.items():
            if values := self.times.get(name):
                yield f"  {label:56}{percentile(values, 50):8.0f}{percentile(values, 95):8.0f}"
        yield f"{self.drops} times the link was lost or could not be had"
        sound = ", ".join(f"{part} {count}" for part, count in self.xruns.most_common())
        yield f"Interruptions of sound: {sound or 'none'}"
        spent = self.tokens
        cost = "" if self.cost_usd is None else f", about {self.cost_usd:.2f} US dollars"
        yield f"Tokens: {spent['input_tokens']} in, {spent['output_tokens']} out{cost}"
        yield "Troubles:" if self.troubles else "Troubles: none"
        for code, count in self.troubles.most_common():
            known = TROUBLES.get(code)
            yield f"  {count:5} {code}" + (f": {known.means}; {known.cure}" if known else "")


def percentile(values: list[float], percent: int) -> float:
    """The smallest of `values` that so many percent of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def counted(lines: Iterable[Line]) -> Stats:
    """All these lines, counted."""
    stats = Stats()
    for line in lines:
        stats.add(line)
    return stats


def from_log(path: Path) -> Iterator[Line]:
    """The lines of a json log; what is none of them is passed over. Raises NoJournal."""
    try:
        with path.open(encoding="utf-8", errors="replace") as log:
            for text in log:
                line = _decoded(text)
                if isinstance(line, dict):
                    yield line
    except OSError as error:
        what = f"{path}: {error.strerror or error}"
        raise NoJournal(f"{what}; name a file that `pressel run` wrote") from None


def from_journal(*, since_s: float, files: list[str] | None = None) -> Iterator[Line]:
    """Our lines of the last `since_s` seconds in the system's journal, or in `files` of its form.

    Raises NoJournal where systemd-python is missing.
    """
    try:
        from systemd.journal import Reader
    except ImportError:
        cure = "install python3-systemd, or name a json log: --log FILE"
        raise NoJournal(f"the journal cannot be read without systemd-python; {cure}") from None
    with Reader(files=files, converters={}) if files else Reader(converters={}) as reader:
        reader.add_match(SYSLOG_IDENTIFIER="pressel")
        reader.seek_realtime(time.time() - since_s)
        for entry in reader:
            yield {
                name.removeprefix("PRESSEL_").lower(): _decoded(value)
                for name, value in entry.items()
                if name.startswith("PRESSEL_")
            }


def _decoded(value: Any) -> Any:
    """As it was before it became text: numbers and truths; what is none of these stays text."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    try:
        return json.loads(text)
    except ValueError:
        return text
