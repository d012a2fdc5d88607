"""The settings to run with: those of the file, or the last good ones while it has a mistake.

A file that was good is kept where the service keeps its state; when somebody then breaks it, the
device goes on as it was and says so. The card's import keeps its own last good ones (the file
itself); why it refused a card is told here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from device import atomic
from device.board import serial
from device.config import Loaded, load_file, parse, read_file
from device.errors import ConfigError, Problem

REFUSED: Final = Path("/run/pressel-provision/refused.json")
"""Written by `device/provision` where a card has a mistake."""
_KEPT: Final = "last-good.yaml"


class Settings(Struct, frozen=True):
    """What to run with, and the mistake of what was meant to be run with, if there is one."""

    loaded: Loaded
    mistake: ConfigError | None = None


def settings(path: Path, *, environ: Mapping[str, str], refused: Path = REFUSED) -> Settings:
    """Read the file; `environ` names the service's `$STATE_DIRECTORY`, if it has one.

    Raises `ConfigError` for a file with a mistake when no good one is kept.
    """
    state = environ.get("STATE_DIRECTORY")
    kept = Path(state) / _KEPT if state else None
    try:
        raw = read_file(path)
        loaded = parse(raw, source=str(path), serial=serial())
    except ConfigError as mistake:
        if kept is not None and kept.exists():
            with contextlib.suppress(ConfigError):  # an older Pressel may have found it good
                return Settings(load_file(kept), mistake)
        raise
    if kept is not None:
        with contextlib.suppress(OSError):  # a full disk is no reason not to start
            if not kept.exists() or kept.read_bytes() != raw:
                atomic.write(kept, raw, mode=0o600)
    return Settings(loaded, _of_the_card(refused))


def _of_the_card(refused: Path) -> ConfigError | None:
    """The mistake for which the card was refused at this start of the machine."""
    try:
        source, problem = json.loads(refused.read_bytes())
        return ConfigError(str(source), [Problem(**problem)])
    except (OSError, ValueError, TypeError):
        return None
