"""Everything that can go wrong, as one tree. At the bottom of the house: imports nothing of ours.

    PresselError                 code, what, cure: the three parts of every complaint
    ├── ConfigError              every problem of a configuration file, with line and column
    ├── AudioDeviceError         a microphone or speaker that is absent, busy or grants other terms
    ├── EchoError                no canceller can be had
    ├── PanelError               the button or the light cannot be had
    ├── LinkError                the connection to the server, or the server itself
    ├── ControlUnavailable       no daemon answers on the control socket
    ├── OutputError              a file or directory that a command was to write cannot be written
    └── StuckThread              a thread did not end in time: a bug

Our own bugs are `AssertionError` or `TypeError` and are never caught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EXIT_UNAVAILABLE: Final = 69
EXIT_BUG: Final = 70
EXIT_CONFIG: Final = 78
"""Exit codes after sysexits(3)."""


class Secret:
    """A string that is never shown: `str()` and `repr()` give its mask, e.g. `sk-...a1B2`.

    Short secrets show nothing at all. `reveal()` is the one way to the text; it is meant to be
    easy to search for.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the one place that must send it."""
        return self._text

    @property
    def tail(self) -> str:
        """The last four letters, by which an owner knows it again; '' of a short secret."""
        return self._text[-4:] if len(self._text) >= 16 else ""

    def __str__(self) -> str:
        return f"{self._text[:3]}...{self.tail}" if self.tail else "***"

    def __repr__(self) -> str:
        return f"Secret({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class PresselError(Exception):
    """Something a person can act on: `what` happened, on which part, and the `cure`."""

    code: str = "error"
    exit_status: int = EXIT_BUG

    def __init__(self, what: str, *, cure: str = "", code: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.what}; {self.cure}" if self.cure else self.what


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One complaint about a text: where (both count from 1), what is wrong, what to type."""

    line: int
    column: int
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.what}; {self.cure}"


class ConfigError(PresselError):
    """A configuration that cannot be used: all its problems at once, in the order of the file."""

    code = "config"
    exit_status = EXIT_CONFIG

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(f"{source}:{problem}" for problem in self.problems))


class AudioDeviceError(PresselError):
    """A sound device that cannot be used as asked: names the device, the wish, what it granted."""

    code = "audio"
    exit_status = EXIT_UNAVAILABLE


class EchoError(PresselError):
    """Our own voice cannot be taken out of the microphone's sound."""

    code = "echo"
    exit_status = EXIT_UNAVAILABLE


class PanelError(PresselError):
    """The button or the light cannot be had."""

    code = "panel"
    exit_status = EXIT_UNAVAILABLE


class LinkError(PresselError):
    """The connection to the server failed; `code` is its class (network, key, model, ...)."""

    code = "network"
    exit_status = EXIT_UNAVAILABLE


class ControlUnavailable(PresselError):
    """No daemon answers on the control socket."""

    code = "no-daemon"
    exit_status = EXIT_UNAVAILABLE


class OutputError(PresselError):
    """A file or directory that a command was to write cannot be written."""

    exit_status = EXIT_UNAVAILABLE


class StuckThread(PresselError):
    """A thread of ours did not end in time: a bug, said loudly rather than waited for."""

    code = "stuck"
    exit_status = EXIT_BUG
