"""Who may know whom. Imports run one way: cli, daemon, drivers, core."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from contract.source import ROOT, imports, modules, name_of, tree, within

PURE = {
    "__future__", "array", "audioop", "binascii", "collections", "dataclasses", "enum", "itertools",
    "math", "operator", "reprlib", "typing",
    "numpy", "msgspec", "device",
}  # fmt: skip
"""All that the core may import: nothing of it can wait, read a clock or touch the outside."""

IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}

KNOWS = {
    "device.errors": [],
    "device.troubles": [],
    "device.messages": ["device.troubles"],
    "device.core": ["device.core", "device.troubles"],
    "device.board": [],
    "device.svg": [],
    "device.atomic": [],
    "device.config": ["device.board", "device.config", "device.errors"],
    "device.boards": ["device.board", "device.config"],
    "device.lastgood": ["device.atomic", "device.board", "device.config", "device.errors"],
    "device.voice": ["device.voice"],
    "device.drivers": ["device.core", "device.errors", "device.messages", "device.troubles"],
    "device.drivers.memo": ["device.atomic"],
    "device.drivers.clock": [],
    "device.drivers.ear": ["device.core", "device.drivers.aloud", "device.drivers.echo"],
    "device.drivers.echo": ["device.core", "device.drivers.ear", "device.errors"],
    "device.drivers.capture": [
        "device.core", "device.drivers.ear", "device.drivers.pcm", "device.drivers.thread",
        "device.errors",
    ],
    "device.drivers.broker": ["device.drivers.dial", "device.errors"],
    "device.drivers.playout": [
        "device.core", "device.drivers.aloud", "device.drivers.pcm", "device.drivers.reel",
        "device.drivers.thread", "device.errors",
    ],
    "device.drivers.reel": ["device.core", "device.drivers.thread"],
    "device.drivers.dial": ["device.core", "device.errors"],
    "device.drivers.failure": [
        "device.core", "device.drivers.clock", "device.errors", "device.troubles",
    ],
    "device.drivers.lights": ["device.core.light", "device.troubles"],
    "device.drivers.lamps": [],
    "device.drivers.panel": [
        "device.core", "device.drivers.lamps", "device.drivers.lights", "device.drivers.thread",
        "device.errors",
    ],
    "device.drivers.patience": ["device.drivers.clock", "device.drivers.failure"],
    "device.drivers.pulse": [],
    "device.drivers.session": [
        "device.core", "device.drivers.dial", "device.drivers.failure", "device.drivers.pulse",
        "device.errors",
    ],
    "device.drivers.link": [
        "device.core", "device.drivers.clock", "device.drivers.dial", "device.drivers.failure",
        "device.drivers.patience", "device.drivers.session", "device.errors",
    ],
    "device.simulator": ["device.simulator"],
    "device.wishes": ["device.config", "device.core", "device.drivers", "device.errors"],
    "device.daemon": [
        "device.__version__", "device.config", "device.core", "device.destination",
        "device.account", "device.drivers", "device.errors", "device.frontpanel",
        "device.troubles", "device.voice",
        "device.watch",
        "device.wishes",
    ],
    "device.account": ["device.core"],
    "device.frontpanel": ["device.core", "device.drivers", "device.errors"],
    "device.watch": ["device.core", "device.drivers.service"],
    "device.destination": ["device.config", "device.drivers", "device.errors", "device.wishes"],
    "device.devices": ["device.core", "device.drivers.pcm", "device.errors"],
    "device.check": [
        "device.board", "device.boards", "device.check", "device.config", "device.core",
        "device.destination", "device.devices", "device.drivers", "device.errors",
        "device.troubles", "device.wishes", "device.voice",
    ],
    "device.check.analysis": ["device.core.audio", "device.core.channels"],
    "device.check.finding": [],
    "device.demo": [
        "device.demo", "device.drivers.control", "device.errors", "device.simulator", "device.svg",
    ],
    "device.cli": [
        "device.__version__", "device.bundle", "device.check", "device.config", "device.daemon",
        "device.demo",
        "device.devices", "device.drivers", "device.errors", "device.lastgood", "device.simulator",
        "device.picture", "device.provision", "device.stats",
    ],
    "device.bundle": [
        "device.__version__", "device.config", "device.drivers.control", "device.errors",
    ],
    "device.provision": [
        "device.__version__", "device.atomic", "device.board", "device.config",
        "device.drivers.journal", "device.errors", "device.provision",
    ],
    "device.stats": ["device.errors", "device.troubles"],
    "device.picture": ["device.svg", "device.stats"],
    "device.__main__": ["device.cli"],
    "device": [],
}  # fmt: skip
"""Each part, and what of the project it may import. The longest matching name counts."""

SHARED = ["device.drivers.pcm", "device.drivers.aloud", "device.drivers.thread"]
"""Drivers never import each other. These are no drivers but what several have in common: an open
PCM, a named thread; they import no driver themselves. The link is one driver in seven modules, the
panel one in three, playout and capture in two and three, in the order given above."""

DOORS = {
    "livekit": ["device.drivers.echo"],
    "alsaaudio": ["device.drivers.pcm", "device.devices"],
    "gpiozero": ["device.drivers.lamps", "device.drivers.panel"],
    "systemd": ["device.drivers.journal", "device.drivers.service", "device.stats"],
    "websockets": [
        "device.drivers.dial",
        "device.drivers.failure",
        "device.drivers.pulse",
        "device.drivers.session",
        "device.simulator",
    ],
    "yaml": ["device.config", "device.simulator.page"],
    "msgspec": [
        "device.board", "device.boards", "device.core", "device.config", "device.destination",
        "device.drivers",
        "device.lastgood", "device.messages", "device.provision", "device.troubles",
        "device.wishes",
    ],
}  # fmt: skip
"""Each library has one place where it comes in."""

ALL = modules("device")


def part_of(name: str) -> str:
    return max((part for part in KNOWS if within(name, part)), key=len)


@pytest.mark.parametrize("path", modules("device/core"), ids=name_of)
def test_the_core_imports_only_what_is_pure(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(path)} <= PURE


@pytest.mark.parametrize("path", modules("device/core"), ids=name_of)
def test_the_core_calls_nothing_that_touches_the_outside(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    named = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert not named & IMPURE_CALLS
    assert not [name for name in imports(path) if within(name, "numpy.random")]


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_a_part_knows_only_what_stands_below_it(path: Path) -> None:
    name = name_of(path)
    allowed = KNOWS[part_of(name)]
    if part_of(name) == "device.drivers" and name not in SHARED:
        allowed = [*allowed, *SHARED]
    for imported in imports(path):
        if within(imported, "device") and imported != "device":
            assert any(within(imported, one) for one in allowed), f"{name} imports {imported}"


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_a_library_comes_in_by_its_door(path: Path) -> None:
    name = name_of(path)
    for imported in imports(path):
        doors = DOORS.get(imported.split(".")[0], [name])
        assert any(within(name, door) for door in doors), f"{name} imports {imported}"


def test_the_folder_named_systemd_does_not_hide_the_library() -> None:
    assert not (ROOT / "systemd/__init__.py").exists()
    assert not modules("systemd")


def test_the_daemon_loads_nothing_before_it_is_needed() -> None:
    # numpy alone is a quarter of the daemon's memory and a third of its start (measured).
    code = "import sys, device.cli, device.daemon; print(*sys.modules)"
    run = [sys.executable, "-c", code]
    loaded = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True).stdout
    late = {"numpy", "gpiozero", "systemd", "device.simulator", "device.core.telephone"}
    assert not {*late, "device.voice"} & set(loaded.split())
