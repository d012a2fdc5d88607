"""A YAML file read node by node, so that every complaint has its line and says what to type."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import yaml

_MOST_BYTES: Final = 1024 * 1024
_MOST_LEVELS: Final = 32
_KINDS: Final = {"map": "a block of keys", "seq": "a list", "str": "a text", "null": "nothing"}
_MOST_TOLD: Final = 20
_T = TypeVar("_T")


class ScenarioMistake(ValueError):
    """What is wrong in a scenario, a line for each: `file:line: what; what to type`."""

    def __str__(self) -> str:
        """The first twenty lines."""
        more = len(self.args) - _MOST_TOLD
        told = [*self.args[:_MOST_TOLD], *([f"and {more} more mistakes"] if more > 0 else [])]
        return "\n".join(told)


def all_of(reads: Iterable[Callable[[], _T]]) -> list[_T]:
    """What each of them gives; the complaints of all if there are any."""
    held: list[_T] = []
    complaints: list[str] = []
    for read in reads:
        try:
            held.append(read())
        except ScenarioMistake as mistake:
            complaints += mistake.args
    if complaints:
        raise ScenarioMistake(*complaints)
    return held


class Value:
    """One value of the file with its place; each reading word refuses every other kind."""

    def __init__(self, node: yaml.Node, file: Path) -> None:
        self._node = node
        self._file = file

    @property
    def folder(self) -> Path:
        """Where the file is: relative paths in it start here."""
        return self._file.parent

    def wrong(self, what: str, *, cure: str) -> NoReturn:
        """Complain about this value."""
        line = self._node.start_mark.line + 1
        raise ScenarioMistake(f"{self._file}:{line}: {what}; {cure}")

    def fields(self, readers: Mapping[str, Callable[[Value], _T]]) -> dict[str, _T]:
        """The values of a block of keys, all of which must be known, each read in its way."""
        if not isinstance(self._node, yaml.MappingNode):
            self.wrong(f"expected keys, found {self.kind}", cure=f"type {next(iter(readers))}: ...")
        seen: set[str] = set()

        def field(key: Value, value: Value) -> tuple[str, _T]:
            name = key.text()
            if name not in readers:
                key.unknown("key", name, readers)
            if name in seen:
                key.wrong(f"{name} stands here twice", cure="keep one of them")
            seen.add(name)
            return name, readers[name](value)

        pairs = [(Value(key, self._file), Value(one, self._file)) for key, one in self._node.value]
        return dict(all_of(partial(field, key, value) for key, value in pairs))

    def keys(self, *known: str) -> dict[str, Value]:
        """The values of a block of keys, all of which must be known, not yet read."""
        return self.fields(dict.fromkeys(known, lambda value: value))

    def unknown(self, noun: str, word: str, known: Collection[str]) -> NoReturn:
        """Complain about a word that is none of the known ones."""
        near = difflib.get_close_matches(word, known, n=1)
        cure = f"did you mean {near[0]}?" if near else f"type one of: {', '.join(known)}"
        self.wrong(f"{word!r} is no {noun}", cure=cure)

    def list_of(self, read: Callable[[Value], _T]) -> list[_T]:
        """The values of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            self.wrong(f"expected a list, found {self.kind}", cure="begin each entry with '- '")
        return all_of(partial(read, Value(node, self._file)) for node in self._node.value)

    def one_or_more(self, read: Callable[[Value], _T]) -> list[_T]:
        """A list, or one value instead of it."""
        several = isinstance(self._node, yaml.SequenceNode)
        held = self.list_of(read) if several else [read(self)]
        if not held:
            self.wrong("this list is empty", cure="type at least one value")
        return held

    def text(self) -> str:
        """A text; numbers and the like must be in quotes."""
        if self._tag != "str":
            self.wrong(f"expected a text, found {self.kind}", cure="put the value in quotes")
        return str(self._node.value)

    def word(self, noun: str, known: Collection[str]) -> str:
        """One of these texts."""
        text = str(self._node.value) if self._tag in ("str", "int") else self.text()
        if text not in known:
            self.unknown(noun, text, known)
        return text

    def number(self, *, least: float, most: float = float("inf")) -> float:
        """A number between the two; `.inf` is one."""
        value = self.plain() if self._tag in ("int", "float") else None
        if not isinstance(value, int | float):
            self.wrong(f"expected a number, found {self.kind}", cure="type it as 2 or 0.25")
        if not least <= value <= most:
            bound = f"{least:.9g} to {most:.9g}" if most < float("inf") else f"{least:.9g} or more"
            self.wrong(f"{value:g} is out of range", cure=f"type a number, {bound}")
        return value

    def whole(self, *, least: int, most: int = 1_000_000) -> int:
        """A whole number between the two."""
        value = self.number(least=least, most=most)
        if not isinstance(value, int):
            self.wrong(f"{value:g} is not a whole number", cure="type it without a point")
        return value

    def plain(self) -> Any:
        """Whatever stands here, as Python has it."""
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(self._node)
        except (yaml.YAMLError, ValueError, TypeError) as error:
            self.wrong(f"this is no value: {_first_line(error)}", cure="put it in quotes")
        finally:
            loader.dispose()

    @property
    def kind(self) -> str:
        """What stands here, in plain words."""
        shown = str(self._node.value)[:40] if isinstance(self._node, yaml.ScalarNode) else ""
        return _KINDS.get(self._tag, shown)

    @property
    def _tag(self) -> str:
        return str(self._node.tag).rpartition(":")[2]


def read(file: Path) -> Value:
    """The whole file as one value. Raises ScenarioMistake when it is absent or no YAML."""
    try:
        size = file.stat().st_size
        raw = file.read_bytes() if size <= _MOST_BYTES else b""
    except OSError as error:
        cure = "check the path and its permissions"
        raise ScenarioMistake(f"{file}: {error.strerror or error}; {cure}") from None
    if size > _MOST_BYTES:
        raise ScenarioMistake(f"{file}: {size} bytes are no scenario; name a YAML file under 1 MB")
    try:
        text = raw.decode()
        _refuse_bombs(file, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ScenarioMistake(f"{file}:{line}: this is not UTF-8; save the file as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        cure = "check the indentation, the quotes and the colons of this line"
        raise ScenarioMistake(f"{file}:{line}: {_first_line(error)}; {cure}") from None
    if node is None:
        raise ScenarioMistake(f"{file}:1: the file is empty; type answers: and a list of answers")
    return Value(node, file)


def _refuse_bombs(file: Path, text: str) -> None:
    """Refuse what makes a short file endless or deep: repeated values, and 32 levels."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            what = f"*{event.anchor} repeats another value"
            raise ScenarioMistake(f"{file}:{line}: {what}; type the value itself")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_LEVELS:
            what = f"nested deeper than {_MOST_LEVELS} levels"
            raise ScenarioMistake(f"{file}:{line}: {what}; remove the innermost")


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    return str(problem).splitlines()[0] if str(problem) else type(error).__name__
