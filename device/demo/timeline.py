"""The timeline on the terminal: when, who, what."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from typing import Final, TextIO

_WIDTH: Final = 100
_MARGIN: Final = " " * 20
_COLOURS: Final[Mapping[str, str]] = {
    "you": "1;36",
    "light": "32",
    "mic": "36",
    "device": "34",
    "server": "35",
    "speaker": "33",
    "trouble": "1;31",
}


def wants_colour(out: TextIO) -> bool:
    """Whether colours are welcome there (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Timeline:
    """Prints one line for each thing that happened, at once; times are seconds since `start`."""

    def __init__(self, out: TextIO, *, start: float) -> None:
        self._out = out
        self._start = start
        self._colourful = wants_colour(out)

    def tell(self, at: float, who: str, what: str) -> None:
        """One line; longer sentences go on below."""
        width = _WIDTH - len(_MARGIN)
        first, *more = textwrap.wrap(what, width) or [""]
        name = f"{who:<8}"
        if self._colourful and who in _COLOURS:
            name = f"\x1b[{_COLOURS[who]}m{name}\x1b[0m"
        self.say(f"{at - self._start:8.2f}  {name}  {first}")
        for line in more:
            self.say(_MARGIN + line)

    def say(self, text: str = "") -> None:
        """A line without time, or an empty one."""
        print(text, file=self._out, flush=True)
