"""The guest's machine, from inside: its pins and streams, its service, and waiting for them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

MUSTER: Final = Path("/host")
CHIP: Final = Path("/sys/kernel/config/gpio-sim/pi")
CAPTURE: Final = Path("/proc/asound/Loopback/pcm1c/sub0/status")
BUTTON, LED = 17, 18
PATIENCE_S: Final = 20.0


def pins() -> None:
    """A chip of 54 pins that gpiozero takes for a Pi 4's."""
    subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"], check=False)
    bank = CHIP / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text("54")
    (bank / "label").write_text("pinctrl-bcm2711")
    (CHIP / "live").write_text("1")
    told = Path("/proc/cpuinfo").read_text() + "Hardware\t: BCM2835\nRevision\t: c03114\n"
    Path("/run/cpuinfo").write_text(told)
    pull(BUTTON, up=True)


def owners() -> None:
    """What udev's rules do on a board."""
    run("chgrp audio /dev/snd/* && chmod 660 /dev/snd/*; chgrp gpio /dev/gpiochip0 &&"
         " chmod 660 /dev/gpiochip0")  # fmt: skip


def pull(pin: int, *, up: bool) -> None:
    (_line(pin) / "pull").write_text("pull-up" if up else "pull-down")


def level(pin: int) -> int:
    return int((_line(pin) / "value").read_text())


def _line(pin: int) -> Path:
    return next(Path("/sys/devices/platform/gpio-sim.0").glob("gpiochip*")) / f"sim_gpio{pin}"


def stream() -> str:
    """The kernel's word on the microphone: `closed`, or its state."""
    try:
        first = CAPTURE.read_text().split("\n", 1)[0]
    except FileNotFoundError:
        return "gone"
    return first.removeprefix("state: ").strip()


def status() -> dict[str, Any]:
    said = run("/opt/pressel/current/bin/pressel status --json", check=False)
    found: dict[str, Any] = json.loads(said) if said else {}
    return found


def run(command: str, *, check: bool = True) -> str:
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    if check and done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait for it; returns when it was so."""
    until_found(lambda: [True] if condition() else [], what)
    return time.monotonic()


def until_found(find: Callable[[], list[Any]], what: str) -> list[Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.002)
    raise TimeoutError(f"waited {PATIENCE_S:.0f} s in vain for {what}")


if __name__ == "__main__":
    pins()
    owners()
