"""What a JSON value must look like: small rules that nest, and that refuse in the service's words.

A rule is called with the value and its path (`session.audio.input.format.rate`); it returns
nothing, or raises `Refusal`. The tables built from them are in `settings` and `dialect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .refusal import missing, not_one_of, out_of_range, too_long, too_many, unknown, wrong_type

Rule = Callable[[object, str], None]

_MOST_PAIRS: Final = 16


@dataclass(frozen=True)
class Shape:
    """An object with these fields and no others."""

    fields: Mapping[str, Rule]
    required: tuple[str, ...] = ()

    def __call__(self, value: object, path: str) -> None:
        """Refuse a missing, an unknown or a wrong field, in this order."""
        if not isinstance(value, dict):
            raise wrong_type(path, expected="an object", value=value)
        prefix = f"{path}." if path else ""
        for name in self.required:
            if name not in value:
                raise missing(prefix + name)
        for name in value:
            if name not in self.fields:
                raise unknown(prefix + name)
        for name, held in value.items():
            self.fields[name](held, prefix + name)


@dataclass(frozen=True)
class Variant:
    """An object whose field `by` says which of the shapes it has."""

    by: str
    shapes: Mapping[str, Rule]

    def __call__(self, value: object, path: str) -> None:
        """Refuse an unknown kind, then whatever the shape of this kind refuses."""
        kind = Shape({}, (self.by,))
        if not isinstance(value, dict) or self.by not in value:
            kind(value, path)
            return
        choice(*self.shapes)(value[self.by], f"{path}.{self.by}")
        self.shapes[value[self.by]](value, path)


def pairs(value: object, path: str) -> None:
    """At most 16 short strings by short names, as in `metadata`."""
    if not isinstance(value, dict):
        raise wrong_type(path, expected="an object", value=value)
    if len(value) > _MOST_PAIRS:
        raise too_many(path, most=_MOST_PAIRS, count=len(value))
    for name, held in value.items():
        text(64)(name, path)
        text(512)(held, f"{path}.{name}")


def mapping(value: object, path: str) -> None:
    """Any object."""
    if not isinstance(value, dict):
        raise wrong_type(path, expected="an object", value=value)


def anything(value: object, path: str) -> None:
    """Whatever the client likes."""


def flag(value: object, path: str) -> None:
    """A boolean."""
    if not isinstance(value, bool):
        raise wrong_type(path, expected="a boolean", value=value)


def text(most: int = 256_000) -> Rule:
    """A string of at most `most` characters."""

    def rule(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, expected="a string", value=value)
        if len(value) > most:
            raise too_long(path, most=most, length=len(value))

    return rule


def choice(*allowed: str) -> Rule:
    """One of these strings."""

    def rule(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(path, expected="a string", value=value)
        if value not in allowed:
            raise not_one_of(path, allowed=allowed, value=value)

    return rule


def integer(*, least: int, most: int | None = None) -> Rule:
    """A whole number between the two, both included."""

    def rule(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong_type(path, expected="an integer", value=value)
        _within(value, path, kind="integer", least=least, most=most)

    return rule


def number(*, least: float, most: float) -> Rule:
    """A number between the two, both included."""

    def rule(value: object, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise wrong_type(path, expected="a decimal number", value=value)
        _within(value, path, kind="decimal", least=least, most=most)

    return rule


def _within(value: float, path: str, *, kind: str, least: float, most: float | None) -> None:
    if value < least:
        raise out_of_range(path, side="below", kind=kind, limit=least, value=value)
    if most is not None and value > most:
        raise out_of_range(path, side="above", kind=kind, limit=most, value=value)


def nullable(rule: Rule) -> Rule:
    """What the rule says, or null."""
    return lambda value, path: None if value is None else rule(value, path)


def either(kind: type, rule: Rule, otherwise: Rule) -> Rule:
    """The first rule for values of this Python type, the second for all others."""
    return lambda value, path: (rule if isinstance(value, kind) else otherwise)(value, path)


def listed(rule: Rule, *, most: int = 1024) -> Rule:
    """An array of at most `most` values that each keep the rule."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, expected="an array", value=value)
        _within(len(value), path, kind="integer", least=0, most=most)
        for index, held in enumerate(value):
            rule(held, f"{path}[{index}]")

    return check
