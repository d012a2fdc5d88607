"""The one door from a file to a `Config`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct, inspect

from device.config import rules
from device.config.characters import MAX_BYTES
from device.config.check import Checker
from device.config.model import VERSION, Config
from device.config.scalars import MistypedError, read_number
from device.config.text import Document, Mapping, Node, Scalar, read
from device.errors import ConfigError, Problem

_MAX_PROBLEMS: Final = 50


class Loaded(Struct, frozen=True):
    """A configuration that may be used, and what is worth a line in the journal about it."""

    config: Config
    warnings: tuple[Problem, ...]


def load_file(path: Path) -> Loaded:
    """Read and check a file. A file that cannot be read is a `ConfigError` too."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        what = f"the file cannot be read: {error.strerror or error}"
        cure = "copy pressel.example.yaml to this place, or name another file with --config"
        raise ConfigError(str(path), [Problem(1, 1, what, cure)]) from error
    return parse(raw, source=str(path))


def parse(text: bytes, *, source: str) -> Loaded:
    """Check the bytes of a file; `source` is its name in the complaints.

    Raises `ConfigError` with every problem, in the order of the file.
    """
    document = read(text)
    root = document.root
    if root is None:
        raise ConfigError(source, _bounded([*document.problems]))
    newer = _newer_version(root)
    if newer:
        raise ConfigError(source, [newer])
    checker = Checker(whole=document.stopped_at is None)
    kind = inspect.type_info(Config)
    assert isinstance(kind, inspect.StructType)
    config = checker.check(root, kind)
    found = checker.problems
    if isinstance(config, Config):
        found += rules.problems(config, places=checker.places, failed=checker.failed)
    problems = [*document.problems, *_before_the_stop(found, document=document)]
    if problems or not isinstance(config, Config):
        raise ConfigError(source, _bounded(problems))
    notes = sorted(rules.warnings(config, places=checker.places))
    return Loaded(config, tuple(notes))


def complaint(source: str, problem: Problem) -> str:
    """One line for a person and an editor: `FILE:LINE:COLUMN: what; what to type`."""
    return f"{source}:{problem}"


def _newer_version(root: Node) -> Problem | None:
    """A newer format: whatever else looks wrong is not wrong, so this is the only complaint."""
    if not isinstance(root, Mapping):
        return None
    for entry in root.entries:
        if entry.key.text == "version" and isinstance(entry.value, Scalar):
            any_whole = inspect.IntType(ge=VERSION + 1, le=1000)
            try:
                version = read_number(entry.value, any_whole)
            except MistypedError:
                return None
            what = f"version {version}: this card was written for a newer Pressel"
            cure = f"update Pressel, or write the file for version: {VERSION}"
            return Problem(entry.value.line, entry.value.column, what, cure)
    return None


def _before_the_stop(found: list[Problem], *, document: Document) -> list[Problem]:
    """Where reading stopped, the tree is torn: nothing from there on is held against the file."""
    if document.stopped_at is None:
        return found
    return [problem for problem in found if problem.line < document.stopped_at]


def _bounded(problems: list[Problem]) -> list[Problem]:
    """A file of another kind has a complaint on every line; the first ones tell it."""
    ordered = sorted(set(problems))
    if len(ordered) <= _MAX_PROBLEMS:
        return ordered
    last = ordered[_MAX_PROBLEMS - 1]
    what = f"{len(ordered) - _MAX_PROBLEMS + 1} more problems from here on"
    more = Problem(last.line, last.column, what, "correct those above first")
    return [*ordered[: _MAX_PROBLEMS - 1], more]
