"""Strict YAML: from the characters of a file to a tree that knows where everything stands.

PyYAML reads the file, but only to its events: no type is guessed from how a value looks, so `NO`,
`0123`, `22:30` and `1_000` arrive as they were typed, and the schema asks for a type later. What
makes YAML dangerous is refused: anchors, aliases, tags, merge keys, several documents, duplicate
keys, and sizes no configuration has. All complaints are collected, none is raised.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, TypeAlias

import yaml
from msgspec import Struct, field
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from device.config.characters import CURLY_QUOTES, STRAIGHT, curly, decode
from device.config.masked import shown
from device.config.syntax import Mark, explain, place
from device.errors import Problem

MAX_DEPTH: Final = 12
MAX_NODES: Final = 2000


class Scalar(Struct, frozen=True):
    """One value as typed, without quotes; `cut` is what a `#` behind an unquoted one took away.

    `width` is how many letters of its line it takes, quotes included; 0 when it
    takes more than one line.
    """

    line: int
    column: int
    text: str
    quoted: bool
    cut: str = ""
    width: int = 0


class Entry(Struct, frozen=True):
    """One `key: value`."""

    key: Scalar
    value: Node


class Mapping(Struct, frozen=True):
    """Keys and their values; each key once."""

    line: int
    column: int
    entries: tuple[Entry, ...]


class Sequence(Struct, frozen=True):
    """A list."""

    line: int
    column: int
    items: tuple[Node, ...]


class Refused(Struct, frozen=True):
    """The place of something already complained about."""

    line: int
    column: int


Node: TypeAlias = Scalar | Mapping | Sequence | Refused


def inner(node: Node | None, *keys: str) -> Node | None:
    """What stands under these keys, one in the other; None where nothing does."""
    for key in keys:
        entries = node.entries if isinstance(node, Mapping) else ()
        node = next((entry.value for entry in entries if entry.key.text == key), None)
    return node


class Document(Struct, frozen=True):
    """What was read: the tree, the complaints, and where it had to stop.

    `stopped_at` is the line from which on the tree says nothing about the file; None is no line.
    """

    root: Node | None
    problems: tuple[Problem, ...]
    stopped_at: int | None = None


def read(raw: bytes) -> Document:
    """The tree of a file. Never raises: whatever is wrong stands in `problems`."""
    text, unreadable = decode(raw)
    if not text and unreadable:
        return Document(None, unreadable, stopped_at=1)
    tree = _Tree(text, spoilt=sorted((p.line, p.column) for p in unreadable))
    stop: Problem | None = None
    mark: Mark | None = None
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            mark = event.end_mark
            stop = tree.grow(event)
            if stop:
                break
    except yaml.MarkedYAMLError as error:
        stop = explain(error, text=text)
    except (yaml.YAMLError, ValueError, OverflowError):
        # chr() and int() inside PyYAML give up on impossible escapes and version numbers.
        line, column = place(mark)
        what = "something after this place cannot be a setting"
        stop = Problem(line, column, what, "compare with pressel.example.yaml")
    problems = [*unreadable, *tree.problems]
    # A tab became a space above; whatever does not fit after that is the tab's fault.
    if stop and not any("Tab" in p.what for p in unreadable):
        problems.append(stop)
    root = tree.finish()
    if root is None and not problems:
        cure = "copy pressel.example.yaml over it"
        problems.append(Problem(1, 1, "the file is empty: it holds no setting", cure))
    # The last value before the stop may have swallowed a piece of what follows it.
    stopped_at = min(stop.line, tree.last_line) if stop else None
    return Document(root, tuple(problems), stopped_at=stopped_at)


class _Open(Struct):
    """A list or a section whose end has not been read yet."""

    line: int
    column: int
    is_mapping: bool
    keys: dict[str, Scalar] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    waiting: Node | None = None

    def close(self) -> Node:
        if self.is_mapping:
            return Mapping(self.line, self.column, tuple(self.entries))
        return Sequence(self.line, self.column, tuple(self.items))


class _Tree:
    """Grows a tree from events. The stack is its own, so depth is a number, not a recursion."""

    def __init__(self, text: str, *, spoilt: list[tuple[int, int]]) -> None:
        self._lines = text.split("\n")
        self._spoilt = spoilt
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0
        self._documents = 0
        self.problems: list[Problem] = []
        self.last_line = 1

    def grow(self, event: Event) -> Problem | None:
        """Take one event. The answer is the complaint after which nothing more can be read."""
        line, column = place(event.start_mark)
        if isinstance(event, DocumentStartEvent):
            return self._document(event, line=line, column=column)
        if isinstance(event, CollectionEndEvent):
            self._add(self._open.pop().close())
            return None
        if not isinstance(event, NodeEvent):
            return None
        self._nodes += 1
        if self._nodes > MAX_NODES:
            what = f"more than {MAX_NODES} values"
            return Problem(line, column, what, "keep only the settings of pressel.example.yaml")
        refused = self._refused(event, line=line, column=column)
        if isinstance(event, CollectionStartEvent):
            if len(self._open) >= MAX_DEPTH:
                what = f"nested more than {MAX_DEPTH} levels deep"
                return Problem(line, column, what, "no setting is that deep: check the brackets")
            is_mapping = isinstance(event, MappingStartEvent)
            self._open.append(_Open(line, column, is_mapping))
        elif refused:
            self._add(refused)
        elif isinstance(event, ScalarEvent):
            self._add(self._scalar(event, line=line, column=column))
        return None

    def finish(self) -> Node | None:
        """The root, closing whatever a stop left open; None when the file held nothing."""
        while self._open:
            self._add(self._open.pop().close())
        return self._root

    def _complain(self, line: int, column: int, *, what: str, cure: str) -> Refused:
        self.problems.append(Problem(line, column, what, cure))
        return Refused(line, column)

    def _document(self, event: DocumentStartEvent, *, line: int, column: int) -> Problem | None:
        self._documents += 1
        if self._documents > 1:
            what = "a second document begins here"
            return Problem(line, column, what, "delete the line with ---")
        if event.version or event.tags:
            self._complain(
                line, column, what="a line beginning with %", cure="delete the lines with %"
            )
        return None

    def _refused(self, event: NodeEvent, *, line: int, column: int) -> Refused | None:
        """Anchors, aliases and tags: in a file of settings they are unquoted passwords."""
        if isinstance(event, AliasEvent):
            sign, name = "*", "an alias"
        elif event.anchor is not None:
            sign, name = "&", "an anchor"
        elif isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            sign, name = "!", "a tag"
        else:
            return None
        what = f"a value beginning with {sign} is {name} to YAML, which is not allowed here"
        return self._complain(line, column, what=what, cure="put the value in quotes")

    def _scalar(self, event: ScalarEvent, *, line: int, column: int) -> Scalar | Refused:
        text: str = event.value
        self.last_line = line
        end_line, end_column = place(event.end_mark)
        first = bisect_left(self._spoilt, (line, column))
        if first < len(self._spoilt) and self._spoilt[first] < (end_line, end_column):
            return Refused(line, column)  # one of its characters has been complained about
        width = end_column - column if end_line == line else 0
        if event.style:
            return Scalar(line, column, text, quoted=True, width=width)
        if text and text[0] in CURLY_QUOTES:
            return self._complain(line, column, what=curly(text[0]), cure=STRAIGHT)
        if text and text[-1] in CURLY_QUOTES:
            return self._complain(end_line, end_column - 1, what=curly(text[-1]), cure=STRAIGHT)
        rest = self._lines[end_line - 1][end_column - 1 :]
        cut = rest.strip() if rest.startswith(" ") and rest.lstrip().startswith("#") else ""
        return Scalar(line, column, text, quoted=False, cut=cut, width=width)

    def _add(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        into = self._open[-1]
        if not into.is_mapping:
            into.items.append(node)
        elif into.waiting is None:
            into.waiting = self._key(node)
        else:
            key, into.waiting = into.waiting, None
            if isinstance(key, Scalar):
                self._enter(Entry(key, node), into=into)

    def _key(self, node: Node) -> Node:
        if isinstance(node, Mapping | Sequence):
            what = "a list or a section stands where a key is expected"
            return self._complain(node.line, node.column, what=what, cure="type key: value")
        if isinstance(node, Scalar) and node.text == "<<" and not node.quoted:
            what = "the merge key << is not allowed here"
            cure = "write the settings out"
            return self._complain(node.line, node.column, what=what, cure=cure)
        return node

    def _enter(self, entry: Entry, *, into: _Open) -> None:
        key = entry.key
        first = into.keys.setdefault(key.text, key)
        if first is key:
            into.entries.append(entry)
            return
        what = f"{shown(key.text)} is written twice, first on line {first.line}"
        self._complain(key.line, key.column, what=what, cure="keep one of the two")
