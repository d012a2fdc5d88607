"""What the tests of this folder share: a smallest valid file, and what is said about a text."""

import re
from collections.abc import Iterator

from msgspec import inspect

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


def fields(kind: inspect.Type, *, path: str = "") -> Iterator[tuple[str, inspect.Field]]:
    """Every key of a type with its dotted path, also of what may stand below a key."""
    if isinstance(kind, inspect.Metadata):
        yield from fields(kind.type, path=path)
    elif isinstance(kind, inspect.UnionType):
        for option in kind.types:
            yield from fields(option, path=path)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield path + field.name, field
            yield from fields(field.type, path=f"{path}{field.name}.")


def remarks(text: str) -> dict[str, str]:
    """What an example says of each key, by dotted path.

    It stands above the key; of what may stand below that key, in lines that begin with its name
    and three spaces before it.
    """
    found: dict[str, str] = {}
    section, above = "", [""]
    for line in text.splitlines():
        key = re.match(r"( {0,2})#?([a-z_]+):", line)
        if re.match(r" *#   [a-z_]+: ", line):
            above.append(line.strip("# "))
        elif line.lstrip().startswith("# "):
            above[-1] += line.strip()[1:]
        else:
            if key:
                section = section if key[1] else key[2]
                path = f"{section}.{key[2]}" if key[1] else section
                found[path], *below = above
                found |= {f"{path}.{one.partition(':')[0]}": one for one in below}
            above = [""]
    return found
