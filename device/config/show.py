"""The configuration in effect as text, for `pressel config`: the file as it could be written."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct, structs

from device.config.model import Config
from device.errors import Secret

_AMBIGUOUS: Final = frozenset(("yes", "no", "on", "off", "true", "false", "null"))
"""Words that our own reader would ask to put in quotes."""


def show(config: Config) -> str:
    """Every setting with its effective value as YAML; secrets appear as their mask only.

    The text, with the key typed in place of its mask, is accepted by `parse` and gives the same
    configuration: a mask is refused, so that it never replaces a key. What has no value
    (`api_key`, `key_url`) is left out.
    """
    lines = []
    for name, value in structs.asdict(config).items():
        if not isinstance(value, Struct):
            lines.append(f"{name}: {_inline(value)}")
            continue
        lines.append(f"{name}:")
        for key, inner in structs.asdict(value).items():
            if inner is not None:
                lines.append(f"  {key}: {_inline(inner)}")
    return "\n".join(lines) + "\n"


def _inline(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case Struct():
            pairs = (f"{key}: {_inline(inner)}" for key, inner in structs.asdict(value).items())
            return "{" + ", ".join(pairs) + "}"
        case tuple():
            return "[" + ", ".join(_inline(item) for item in value) + "]"
        case Secret():
            return json.dumps(str(value))
        case str() if re.fullmatch(r"[a-z]+(_[a-z]+)*", value) and value not in _AMBIGUOUS:
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
