"""What the tests of this folder share: a smallest valid file, and what is said about a text."""

from device.config import Config, parse
from device.errors import ConfigError

SMALLEST = "version: 1\nmicrophone: {device: in}\nspeaker: {device: out}\n"
"""Three lines: what a test adds begins on line 4."""


def accepted(text: str | bytes) -> Config:
    return parse(text if isinstance(text, bytes) else text.encode(), source="f").config


def warned(text: str) -> list[tuple[int, int, str]]:
    warnings = parse(text.encode(), source="f").warnings
    return [(w.line, w.column, f"{w.what}; {w.cure}") for w in warnings]


def complaints(text: str | bytes) -> list[tuple[int, int, str]]:
    try:
        parse(text if isinstance(text, bytes) else text.encode(), source="f")
    except ConfigError as error:
        return [(p.line, p.column, f"{p.what}; {p.cure}") for p in error.problems]
    return []


def only_complaint(text: str | bytes) -> tuple[int, int, str]:
    (one,) = complaints(text)
    return one
