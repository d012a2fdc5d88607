"""PyYAML's complaints in plain words.

PyYAML speaks of tokens and blocks. A person with an SD card needs the place and what to type.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

import yaml

from device.config.characters import CURLY_QUOTES, STRAIGHT, curly
from device.errors import Problem

_QUOTES: Final = "put the value in quotes"
_ALIGN: Final = "align it with its neighbours, two spaces per level"

# (pattern over "context / problem", where to point, what, cure). The first that fits counts; {0} is
# what its group caught.
_WORDS: Final = (
    (
        r"character '(.)' that cannot start",
        "problem",
        "a value cannot begin with {0} unless it is in quotes",
        _QUOTES,
    ),
    (
        r"quoted scalar / found unexpected",
        "context",
        "this quote is never closed",
        "type the closing quote at the end of the value",
    ),
    (
        r"double-quoted scalar / (?:found unknown escape|expected escape)",
        "problem",
        "a backslash in double quotes begins a special character, and this is none",
        "use single quotes, or type the backslash twice",
    ),
    (
        r"simple key / could not find expected ':'",
        "context",
        "this line has no ':'",
        "type key: value, with a space after the colon",
    ),
    (
        r"flow mapping / expected ',' or '}'",
        "context",
        "this { is not closed in the right place",
        "type it as {gpio: 17, pull: up}, closed on the same line",
    ),
    (
        r"flow sequence / expected ',' or '\]'",
        "context",
        "this [ is not closed in the right place",
        "type it as [1, 2], closed on the same line",
    ),
    (
        r"flow node / expected the node content",
        "problem",
        "the { or [ before this place is not closed",
        "type the closing bracket on the same line",
    ),
    (
        r"expected the node content, but found '([\]},])'",
        "problem",
        "{0} without an opening bracket",
        "delete it, or put the value in quotes",
    ),
    (
        r"expected <block end>, but found '(?:<scalar>|,)'",
        "problem",
        "something follows a value that has already ended",
        "put the whole value in one pair of quotes",
    ),
    (
        r"expected <block end>",
        "problem",
        "this line is not indented like the lines it belongs to",
        _ALIGN,
    ),
    (
        r"sequence entries are not allowed",
        "problem",
        "a list cannot begin here",
        "type a list as [1, 2], and a value that begins with - in quotes",
    ),
    (
        r"scanning an? (?:alias|anchor|tag)|undefined tag handle",
        "context",
        "a value cannot begin with *, & or ! unless it is in quotes",
        _QUOTES,
    ),
    (
        r"block scalar",
        "problem",
        "after | or > the text begins on the next line, indented",
        "type | or > alone, or put the value in quotes",
    ),
    (
        r"expected '<document start>'",
        "problem",
        "the settings have already ended above this line",
        "delete lines with ... or --- and stray brackets",
    ),
    (
        r"incompatible YAML|directive",
        "problem",
        "a line beginning with %",
        "delete the lines with %",
    ),
)


def explain(error: yaml.MarkedYAMLError, *, text: str) -> Problem:
    """One complaint with the place that most likely has to change."""
    message = f"{error.context or ''} / {error.problem or ''}"
    if "mapping values are not allowed" in message and error.problem_mark:
        return _surprising_colon(error.problem_mark, lines=text.split("\n"))
    if "expected '<document start>'" in message:
        shifted = _shifted(text.split("\n"))
        if shifted:
            return shifted
    for pattern, point, what, cure in _WORDS:
        found = re.search(pattern, message)
        if found:
            mark = error.context_mark if point == "context" else error.problem_mark
            words = what.replace("{0}", found.group(1)) if found.groups() else what
            return Problem(*place(mark or error.problem_mark), words, cure)
    what, cure = "this cannot be read as YAML", "compare with pressel.example.yaml"
    return Problem(*place(error.problem_mark or error.context_mark), what, cure)


def _shifted(lines: list[str]) -> Problem | None:
    """The first line that says something, if it is indented: to YAML those below are outside."""
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            spaces = len(line) - len(line.lstrip(" "))
            if not spaces:
                return None
            name = "a space" if spaces == 1 else f"{spaces} spaces"
            what = f"{name} at the beginning of the first setting"
            return Problem(number, 1, what, f"delete {name} at the beginning of line {number}")
    return None


class Mark(Protocol):
    """A place in the text as PyYAML counts, from 0."""

    line: int
    column: int


def place(mark: Mark | None) -> tuple[int, int]:
    """Line and column of a mark, both from 1; the beginning when PyYAML gave none."""
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _surprising_colon(mark: Mark, *, lines: list[str]) -> Problem:
    """A ':' where YAML expects none has four everyday causes; look which one it is."""
    line = lines[mark.line]
    opened = re.search(f"[:[,{{] *([{CURLY_QUOTES}])", line[: mark.column])
    if opened:
        return Problem(mark.line + 1, opened.start(1) + 1, curly(opened.group(1)), STRAIGHT)
    if re.search(r":( |$)", line[: mark.column]):
        what = "a second ': ' in one line"
        return Problem(mark.line + 1, mark.column + 1, what, _QUOTES)
    above = mark.line - 1
    while above >= 0 and (not lines[above].strip() or lines[above].lstrip().startswith("#")):
        above -= 1
    if above >= 0 and not re.search(r":( |$)", lines[above]):
        column = len(lines[above]) - len(lines[above].lstrip()) + 1
        what = "this line has no ': '"
        return Problem(above + 1, column, what, "type key: value, with a space after the colon")
    column = len(line) - len(line.lstrip()) + 1
    what = "this line is not indented like the lines it belongs to"
    return Problem(mark.line + 1, column, what, _ALIGN)
