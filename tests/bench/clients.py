"""The three clients: the whole device, a plain one in Python, and the least that C can do."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.scenario import Scene
from device.drivers.control import ask

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[1] / ".cache" / "lowbound"
FLAGS: Final = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
COMPILE_S: Final = 60
CONFIG: Final = """\
version: 1
server: {{url: "{url}", profile: local, api_key: "sk-bench-0123456789"}}
microphone: {{device: microphone, echo: {echo}}}
speaker: {{device: speaker, volume: 100}}
panel: {{button: none, led: none}}
"""


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is started, what must be done for it to listen, and what it can do."""

    name: str
    command: Callable[[str, Path, Scene], list[str]]
    press: Callable[[Path], None]
    returns: bool
    """It dials again when the server has cut the connection."""


def _ours(url: str, directory: Path, scene: Scene, echo: str = "hardware") -> list[str]:
    config, runtime = directory / "pressel.yaml", directory / "runtime"
    config.write_text(CONFIG.format(url=url, echo=echo))
    runtime.mkdir(mode=0o700)
    words = ["run", "--config", str(config), "--runtime-dir", str(runtime), "--log-format", "json"]
    if scene.speed == 1.0:
        return [sys.executable, "-m", "device", *words]
    return [sys.executable, str(HERE / "hurried.py"), str(scene.speed), *words]


def _cancelling(url: str, directory: Path, scene: Scene) -> list[str]:
    return _ours(url, directory, scene, echo="software")


def _reference(url: str, _: Path, __: Scene) -> list[str]:
    return [sys.executable, str(HERE / "reference.py"), f"{url}?model=gpt-realtime-2.1"]


def _bound(url: str, _: Path, __: Scene) -> list[str]:
    return [str(build()), f"{url}?model=gpt-realtime-2.1"]


def build(*, cache: Path = CACHE) -> Path:
    """The compiled C client, made once for each version of its source.

    Raises RuntimeError, with what to install, when it cannot be compiled.
    """
    source = HERE / "lowbound.c"
    recipe = "\0".join((*FLAGS, os.uname().machine, source.read_text()))
    program = cache / hashlib.sha256(recipe.encode()).hexdigest()[:16]
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        fresh = Path(scratch) / "lowbound"
        command = [os.environ.get("CC", "gcc"), *FLAGS, "-o", str(fresh), str(source), "-lasound"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S)
            problem = done.stderr
        except OSError as missing:
            problem = str(missing)
        if not fresh.exists():
            cure = "install a C compiler and alsa-lib's headers: apt install gcc libasound2-dev"
            raise RuntimeError(f"cannot compile the C client: {cure}\n{problem}")
        # A finished program appears under its name at once, or not at all.
        fresh.replace(program)
    return program


OURS: Final = Client("ours", _ours, lambda directory: _tap(directory), returns=True)
CANCELLING: Final = Client("cancelling", _cancelling, OURS.press, returns=True)
"""Ours with an echo canceller."""
REFERENCE: Final = Client("reference", _reference, lambda _: None, returns=False)
BOUND: Final = Client("bound", _bound, lambda _: None, returns=True)
CLIENTS: Final = (OURS, REFERENCE, BOUND)


def _tap(directory: Path) -> None:
    ask(directory / "runtime", "tap")
