"""`pressel check` and `pressel devices`: what works here, and what to do about the rest.

Each part is tried in the way the daemon uses it, by the daemon's own drivers, and measured. A line
has the form `part  ok|FAIL|skip  facts  ; cure`. Nothing that is heard here is kept or sent.

    analysis          what recorded sound says: pure
    duplex  sound     play and record at once; the lines on microphone, speaker, echo, xruns, drift
    canceller         what the device's own ear leaves of its voice
    panel             pins, and with a person: light and button
    network           name, connection, key, server
    machine           resampler, clock, power, memory, watchdog, priority
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from device import board, boards, wishes
from device.check.finding import Finding
from device.check.machine import try_machine, try_resampler
from device.check.network import try_key, try_network
from device.check.panel import name_pins, try_panel
from device.check.sound import left_alone, try_sound
from device.config import Config, find_key, load_file
from device.config.secret import VARIABLE
from device.destination import Destination
from device.devices import listing
from device.drivers.control import ask
from device.drivers.pcm import quieten_alsa
from device.errors import EXIT_UNAVAILABLE, ConfigError, ControlUnavailable

RUNTIME: Final = Path("/run/pressel")
STORED: Final = Path("credentials.d/api_key")
"""Where the import puts the key, beside the settings."""
OWNED: Final = "in use by the running daemon"
STOP_IT: Final = "for the full test: systemctl stop pressel"


def check(
    config_path: Path, *, runtime: Path = RUNTIME, quick: bool = False, interactive: bool = False
) -> int:
    """Try each part and print its line: 0, 69 when a part fails, 78 for the configuration.

    `runtime` is where a running daemon has its control socket; sound and panel are left to it.
    `quick` plays nothing; `interactive` asks the person to look at the light and to press.
    """
    quieten_alsa()
    try:
        loaded = load_file(config_path)
        environ = _environ(config_path)
        key = find_key(loaded.config, environ)
    except ConfigError as problem:
        count = len(problem.problems)
        print(Finding("config", "FAIL", f"{count} to correct", "see the next lines"))
        print(problem)
        return problem.exit_status
    notes = "".join(f"; line {note.line}: {note.what}" for note in loaded.warnings)
    print(Finding("config", "ok", f"{config_path}{notes}"))
    where = Destination(loaded.config, path=config_path, environ=environ, warn=print)
    daemon = _daemon(runtime)
    findings = [_print(daemon)]
    if daemon.verdict == "ok":
        findings += map(_print, _left_to_daemon(loaded.config))
    else:
        findings += map(_print, _own(loaded.config, quick=quick, interactive=interactive))
    findings += map(_print, (try_resampler(loaded.config, os.environ), try_key(loaded.config, key)))
    findings += asyncio.run(_ways(loaded.config, where))
    findings += map(_print, try_machine())
    return EXIT_UNAVAILABLE if any(one.verdict == "FAIL" for one in findings) else 0


def devices(root: Path = board.HERE) -> int:
    """Print what sound devices there are, and the boards among them; returns 0."""
    quieten_alsa()
    for line in (*listing("microphone"), *listing("speaker")):
        print(line)
    for line in boards.suggestions(board.cards(root)):
        print(line)
    return 0


def _print(finding: Finding) -> Finding:
    """Its line, at once: the next part may take seconds."""
    print(finding, flush=True)
    return finding


def _environ(config_path: Path) -> Mapping[str, str]:
    """With the key that the card brought: systemd hands it to the service, and root may read it."""
    with contextlib.suppress(OSError):
        return {VARIABLE: (config_path.parent / STORED).read_text(), **os.environ}
    return os.environ


def _daemon(runtime: Path) -> Finding:
    try:
        status = json.loads(ask(runtime, "status"))
    except ControlUnavailable as problem:
        if problem.code == ControlUnavailable.code:
            return Finding("daemon", "skip", f"none runs in {runtime}")
        return Finding("daemon", "FAIL", problem.what, problem.cure)
    words = f"{status.get('light')} {status.get('code')}".strip()
    return Finding("daemon", "ok", f"runs, light: {words}, link: {status.get('link')}")


def _left_to_daemon(config: Config) -> Iterator[Finding]:
    """A check must not take the microphone from a person who presses the button now."""
    yield from left_alone(OWNED, STOP_IT)
    named = name_pins(wishes.pins(config))
    yield Finding("panel", "skip", f"{named}: {OWNED}" if named else "none")


def _own(config: Config, *, quick: bool, interactive: bool) -> Iterator[Finding]:
    yield from try_sound(config, play=not quick, say=_say if interactive else _nothing)
    yield from try_panel(config, say=_say if interactive else None)


def _say(words: str) -> None:
    """Ask the person for something."""
    print(f"{'':<10}  ...   {words}", flush=True)


def _nothing(_: str) -> None:
    """Nobody is there."""


async def _ways(config: Config, where: Destination) -> list[Finding]:
    return [_print(finding) async for finding in try_network(config, where)]
