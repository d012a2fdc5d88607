"""The tree of a file against the types of `model`: every complaint at once.

The types alone drive the walk, so a new key needs a line in `model` and nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import NODEFAULT, inspect

from device.config.masked import shown
from device.config.scalars import (
    MistypedError,
    ask,
    read_bool,
    read_literal,
    read_number,
    read_secret,
    read_text,
    refuse_nothing,
)
from device.config.text import Entry, Mapping, Node, Refused, Scalar, Sequence
from device.errors import Problem, Secret


class _Failed:
    """The value of something already complained about."""


FAILED: Final = _Failed()


class Checker:
    """Walks one tree. Afterwards: `problems`, and `places`, the entry of each dotted path.

    `whole` is False for a file that could be read in part only: then nothing is called missing.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._sections: dict[str, tuple[str, ...]] = {}
        self.problems: list[Problem] = []
        self.places: dict[str, Entry] = {}
        self.failed: set[str] = set()

    def check(self, root: Node, kind: inspect.StructType) -> Any:
        """An instance of the kind, with defaults for whatever was complained about.

        FAILED when the file holds no settings at all.
        """
        self._sections = {
            field.name: tuple(inner.name for inner in option.fields)
            for field in kind.fields
            for option in _options(field.type)[0]
            if isinstance(option, inspect.StructType)
        }
        if not isinstance(root, Mapping):
            what, cure = "the file holds no settings", "start from pressel.example.yaml"
            self.problems.append(Problem(root.line, root.column, what, cure))
            return FAILED
        return self._value(root, kind, path="")

    def _value(self, node: Node, kind: inspect.Type, *, path: str) -> Any:
        options, extra = _options(kind)
        try:
            value = self._chosen(node, options, path=path, prose="prose" in extra)
        except MistypedError as wrong:
            wanted = ask(options[0], extra=extra)
            self._complain(node, path, what=wrong.what, cure=wrong.cure or f"type {wanted}")
            value = FAILED
        if value is FAILED:
            self.failed.add(path)
        return value

    def _chosen(
        self, node: Node, options: tuple[inspect.Type, ...], *, path: str, prose: bool
    ) -> Any:
        """Read the node as the one of the options its form and its text speak for."""
        if isinstance(node, Refused):
            return FAILED
        if isinstance(node, Scalar):
            refuse_nothing(node)
            return _scalar(node, options, prose=prose)
        for option in options:
            if isinstance(node, Mapping) and isinstance(option, inspect.StructType):
                return self._section(node, option, path=path)
            if isinstance(node, Sequence) and isinstance(option, inspect.VarTupleType):
                return self._items(node, option, path=path)
        raise MistypedError(
            "has a list here" if isinstance(node, Sequence) else "has settings below it"
        )

    def _section(self, node: Mapping, kind: inspect.StructType, *, path: str) -> Any:
        fields = {field.name: field for field in kind.fields}
        values: dict[str, Any] = {}
        for entry in node.entries:
            field = fields.get(entry.key.text)
            if field is None:
                self._unknown(entry.key, fields, path=path)
                continue
            below = f"{path}.{field.name}" if path else field.name
            self.places[below] = entry
            value = self._value(entry.value, field.type, path=below)
            if value is not FAILED:
                values[field.name] = value
        for field in kind.fields:
            if _is_required(field) and field.name not in values:
                below = f"{path}.{field.name}" if path else field.name
                if below not in self.places and self._whole:
                    self._missing(node, field, path=below)
                values[field.name] = _stand_in(field.type)
        return kind.cls(**values)

    def _items(self, node: Sequence, kind: inspect.VarTupleType, *, path: str) -> Any:
        if not node.items:
            raise MistypedError("is an empty list")
        if kind.max_length is not None and len(node.items) > kind.max_length:
            raise MistypedError(f"has {len(node.items)} entries, more than {kind.max_length}")
        values = tuple(
            self._value(item, kind.item_type, path=f"{path}[{number}]")
            for number, item in enumerate(node.items)
        )
        return FAILED if any(value is FAILED for value in values) else values

    def _unknown(self, key: Scalar, siblings: Iterable[str], *, path: str) -> None:
        from difflib import get_close_matches  # only a wrong file pays for it

        name = key.text.lower().strip().replace("-", "_")
        close = get_close_matches(name, siblings, n=1, cutoff=0.6)
        home = [section for section, names in self._sections.items() if name in names]
        where = f" in {path}" if path else ""
        if close:
            cure = f"did you mean {close[0]}?"
        elif home and path != home[0]:
            cure = f"{name} belongs under {home[0]}:, indented by two spaces"
        else:
            cure = f"type one of {', '.join(siblings)}, or delete the line"
        what = f"{shown(key.text)} is not a setting{where}"
        self.problems.append(Problem(key.line, key.column, what, cure))

    def _missing(self, node: Mapping, field: inspect.Field, *, path: str) -> None:
        entry = self.places.get(path.rpartition(".")[0])
        place: Node = entry.key if entry else node
        options, extra = _options(field.type)
        if isinstance(options[0], inspect.StructType):
            needed = [f"{inner.name}:" for inner in options[0].fields if _is_required(inner)]
            wanted = f"{field.name}: and, indented below it, {' and '.join(needed)}"
        else:
            wanted = f"{field.name}: and {ask(options[0], extra=extra)}"
        self._complain(place, path, what="is missing", cure=f"type {wanted}")

    def _complain(self, node: Node, path: str, *, what: str, cure: str) -> None:
        self.problems.append(Problem(node.line, node.column, f"{path} {what}", cure))


def _scalar(scalar: Scalar, options: tuple[inspect.Type, ...], *, prose: bool) -> Any:
    """A scalar as the first option it fits; of several complaints, one that knows what to type."""
    wrong = MistypedError(f"is {shown(scalar.text)}, not settings of its own")
    for option in options:
        try:
            match option:
                case inspect.LiteralType():
                    return read_literal(scalar, option)
                case inspect.BoolType():
                    return read_bool(scalar)
                case inspect.IntType() | inspect.FloatType():
                    return read_number(scalar, option)
                case inspect.StrType():
                    return read_text(scalar, option, prose=prose)
                case inspect.CustomType() if option.cls is Secret:
                    return read_secret(scalar)
        except MistypedError as complaint:
            wrong = wrong if wrong.cure else complaint
    raise wrong


def _is_required(field: inspect.Field) -> bool:
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def _stand_in(kind: inspect.Type) -> Any:
    """Something in place of a required value that is missing, so that the rest can be judged.

    It never gets out: the complaint about the missing value has been made.
    """
    option = _options(kind)[0][0]
    if isinstance(option, inspect.StructType):
        needed = {field.name: field.type for field in option.fields if _is_required(field)}
        return option.cls(**{name: _stand_in(inner) for name, inner in needed.items()})
    return 0 if isinstance(option, inspect.IntType) else ""


def _options(kind: inspect.Type) -> tuple[tuple[inspect.Type, ...], dict[str, Any]]:
    """The alternatives a value may take, and what `Meta` says about them. `None` is no value."""
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra |= kind.extra or {}
        kind = kind.type
    if not isinstance(kind, inspect.UnionType):
        return (kind,), extra
    options: list[inspect.Type] = []
    for option in kind.types:
        if not isinstance(option, inspect.NoneType):
            inner, more = _options(option)
            options += inner
            extra = more | extra
    # Words first: 'best' is a word, and what is no word is judged as the number it may be.
    options.sort(key=lambda option: not isinstance(option, inspect.LiteralType))
    return tuple(options), extra
