"""The settings as JSON Schema (2020-12), for editors: completion and red lines while typing.

Made of the types of `model` and nothing else, so it cannot say otherwise than they do. It knows
less than our reader: how settings fit together, and what YAML or an editor has done to a value, is
for `pressel provision --check`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from device.config.devices import SECTION
from device.config.model import Config
from device.errors import Secret

Json = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SERIAL: Final = "^[0-9a-fA-F]{8,16}$"
_OWN: Final = "Own"
"""Ending of a section's name in which nothing is required: that of one device."""


def schema() -> Json:
    """The whole file. Secrets carry `x-secret: true`."""
    made = msgspec.json.schema(Config, schema_hook=_custom)
    sections: Json = made["$defs"]
    units = _units()
    for name, section in sections.items():
        del section["title"]
        for key, value in section.get("properties", {}).items():
            section["properties"][key] = _plain(value, unit=units.get((name, key), ""))
    root = sections.pop("Config")
    own = {f"{name}{_OWN}": _own(section) for name, section in sections.items()}
    one = _own({**root, "description": "What this device has otherwise."})
    del one["properties"]["version"]
    _let_a_board_speak_for(root, sections)
    root["properties"][SECTION] = {
        "description": "Settings of single boards, by serial number; they go over the rest",
        "type": "object",
        "patternProperties": {_SERIAL: one},
        "additionalProperties": False,
    }
    return {"$schema": _DIALECT, "title": "pressel.yaml", **root, "$defs": sections | own}


def _let_a_board_speak_for(root: Json, sections: Json) -> None:
    """What is required of the whole file is required only where no board brings it."""
    named = {"properties": {"board": {"not": {"const": "none"}}}, "required": ["board"]}
    needed = {
        name: {"required": sections[value["$ref"].rpartition("/")[2]].pop("required")}
        for name, value in root["properties"].items()
        if name in root["required"] and "$ref" in value
    }
    root["required"] = [name for name in root["required"] if name not in needed]
    root |= {"if": named, "else": {"required": [*needed], "properties": needed}}


def _custom(kind: type) -> Json:
    assert kind is Secret, f"{kind} has no form in JSON"
    return {"type": "string", "minLength": 4, "x-secret": True}


def _plain(value: Json, *, unit: str) -> Json:
    """One key: nothing may be null here, and the unit belongs to what is said of it."""
    options = [one for one in value.pop("anyOf", []) if one != {"type": "null"}]
    if len(options) == 1:
        value |= {name: said for name, said in options[0].items() if name not in value}
    elif options:
        value["anyOf"] = options
    if value.get("default", "") is None or "$ref" in value:
        value.pop("default", None)
    if "(?i" in value.get("pattern", ""):
        del value["pattern"]  # not a pattern of JavaScript's, which editors use
    if unit:
        value["description"] = f"{value['description']}. In {unit}"
    return value


def _own(section: Json) -> Json:
    """The same section for one device: nothing in it is required."""
    made = copy.deepcopy(section)
    made["required"] = []
    for place in _places(made):
        if "$ref" in place:
            place["$ref"] += _OWN
        place.pop("default", None)
    return made


def _places(value: object) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner)


def _units() -> dict[tuple[str, str], str]:
    """What the numbers count, by section and key."""
    found = {}
    for section in _sections(msgspec.inspect.type_info(Config)):
        for field in section.fields:
            kind = field.type
            while isinstance(kind, msgspec.inspect.Metadata):
                if kind.extra and "unit" in kind.extra:
                    found[section.cls.__name__, field.name] = kind.extra["unit"]
                kind = kind.type
    return found


def _sections(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StructType]:
    if isinstance(kind, msgspec.inspect.Metadata):
        yield from _sections(kind.type)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for option in kind.types:
            yield from _sections(option)
    elif isinstance(kind, msgspec.inspect.StructType):
        yield kind
        for field in kind.fields:
            yield from _sections(field.type)


def text() -> str:
    """The schema as a file."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"
