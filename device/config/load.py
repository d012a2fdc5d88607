"""The one door from a file to a `Config`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct, inspect

from device import board
from device.config import boards, rules
from device.config.characters import MAX_BYTES
from device.config.check import Checker
from device.config.devices import apart
from device.config.model import Config
from device.config.spots import strays
from device.config.text import Node, read
from device.config.versions import upgraded
from device.errors import ConfigError, Problem

_MAX_PROBLEMS: Final = 50


class Loaded(Struct, frozen=True):
    """A configuration that may be used, and what is worth a line in the journal about it."""

    config: Config
    warnings: tuple[Problem, ...]


def load_file(path: Path) -> Loaded:
    """Read and check a file for this board. One that cannot be read is a `ConfigError`, too."""
    return parse(read_file(path), source=str(path), serial=board.serial())


def read_file(path: Path, *, option: str = "--config") -> bytes:
    """The bytes of a file of settings, and never many more than one may have. ConfigError.

    `option` is the one of the command line by which another file is named.
    """
    try:
        return beginning(path)
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
        cure = f"copy pressel.example.yaml to this place, or name another file with {option}"
        raise ConfigError(str(path), [Problem(1, 1, what, cure)]) from error


def beginning(path: Path) -> bytes:
    """The bytes of a file: all of one that is small enough for settings. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse(text: bytes, *, source: str, serial: str = "") -> Loaded:
    """Check the bytes of a file; `source` is its name in the complaints.

    `serial` is the board's: what the file says of other devices is not looked into. Raises
    `ConfigError` with every problem, in the order of the file.
    """
    file = _File(text, source=source)
    config, notes = file.judged(file.fleet.tree(serial))
    file.refuse()
    assert config is not None
    return Loaded(config, tuple(sorted({*file.notes, *notes, *strays(text, file.fleet)})))


def survey(text: bytes, *, source: str) -> tuple[Problem, ...]:
    """Check a file for every device it names, and for any other; returns the notes.

    Raises `ConfigError` as `parse` does. Where devices are named, what is missing in the common
    part is no mistake: each device may have its own.
    """
    file = _File(text, source=source)
    single = file.fleet.single
    notes = set(file.notes)
    for serial in ("", *single):
        tree = file.fleet.tree(serial)
        notes.update(file.judged(tree, whole=bool(serial) or not single)[1])
    file.refuse()
    return tuple(sorted({*notes, *strays(text, file.fleet)}))


class _File:
    """A file that has been read, and the complaints that were found so far.

    The constructor raises `ConfigError` for one that cannot be judged at all.
    """

    def __init__(self, text: bytes, *, source: str) -> None:
        self._source = source
        self._document = read(text)
        self.problems = [*self._document.problems]
        if self._document.root is None:
            raise ConfigError(source, _bounded(self.problems))
        present = upgraded(self._document.root)
        if present.refusal:
            raise ConfigError(source, [present.refusal])
        self.notes = [present.note] if present.note else []
        self.fleet = apart(present.root)
        self.problems += self._before_the_stop([*self.fleet.problems])

    def judged(self, root: Node, *, whole: bool = True) -> tuple[Config | None, list[Problem]]:
        """The configuration in this tree, None for none, and notes; complaints go to the others."""
        fitted = boards.fitted(root)
        whole = whole and fitted.known and self._document.stopped_at is None
        checker = Checker(whole=whole)
        config = checker.check(fitted.root, _kind())
        self.problems += self._before_the_stop(checker.problems)
        if not isinstance(config, Config):
            return None, []
        clashes = rules.problems(config, places=checker.places, failed=checker.failed)
        self.problems += self._before_the_stop([*clashes])
        return config, [*rules.warnings(config, places=checker.places)]

    def refuse(self) -> None:
        """Raise `ConfigError` with the complaints, if there are any."""
        if self.problems:
            raise ConfigError(self._source, _bounded(self.problems))

    def _before_the_stop(self, found: list[Problem]) -> list[Problem]:
        """Where reading stopped, the tree is torn: nothing from there on counts."""
        stop = self._document.stopped_at
        return found if stop is None else [problem for problem in found if problem.line < stop]


@cache
def _kind() -> inspect.StructType:
    """What a file is held against. Kept: finding it takes longer than judging a small file."""
    kind = inspect.type_info(Config)
    assert isinstance(kind, inspect.StructType)
    return kind


def complaint(source: str, problem: Problem) -> str:
    """One line for a person and an editor: `FILE:LINE:COLUMN: what; what to type`."""
    return f"{source}:{problem}"


def _bounded(problems: list[Problem]) -> list[Problem]:
    """A file of another kind has a complaint on every line; the first ones tell it."""
    ordered = sorted(set(problems))
    if len(ordered) <= _MAX_PROBLEMS:
        return ordered
    last = ordered[_MAX_PROBLEMS - 1]
    what = f"{len(ordered) - _MAX_PROBLEMS + 1} more problems from here on"
    more = Problem(last.line, last.column, what, "correct those above first")
    return [*ordered[: _MAX_PROBLEMS - 1], more]
