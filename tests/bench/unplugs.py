"""Unplugs: an idle device whose card is pulled out and plugged in again, a hundred times.

Judged from the journal's instants: how soon the light tells of it, how soon the device works again.
Before that the device idles for a while: noticing must not cost anything. At the end it converses.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.process import Usage, usage_of
from bench.report import Row
from daemon.running import KEY, RunningDevice, eventually, noise
from device.simulator.background import BackgroundSimulator
from device.simulator.script import Answer, Script
from virtual_card import VirtualCard

COUNT: Final = 100
IDLE_S: Final = 20.0
FAULT_S: Final = 1.0
WORKS_S: Final = 3.0
CPU_PERCENT: Final = 0.3
SWITCHES: Final = 5.0
PAUSE_S: Final = (0.0, 1.5)
"""Between two pulls, and while it is out: at random."""
EACH_S: Final = 12.0
"""Card time of one pull, at the most."""
SCRIPT: Final = Script([Answer.tone(0.3, first_delta_s=0.05)], turn_end_s=0.3)


@dataclass(frozen=True, slots=True)
class Pulled:
    """One pull of the plug: from it to the light, and from the replug to an idle device."""

    fault_s: float
    works_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a device did."""

    pulls: list[Pulled]
    idle: tuple[Usage, Usage]
    fds: int
    """More file descriptors after the last pull than after the first."""
    links: int
    """How often the link went up or down: once, at the start."""
    converses: bool


def unplugs(
    scratch: Path, *, count: int, seed: int, idle_s: float, told: Callable[[Pulled], None]
) -> Found:
    """Pull the plug so many times."""
    draw = random.Random(seed)
    with (
        VirtualCard(scratch / "card", seconds=idle_s + EACH_S * (count + 3)) as card,
        BackgroundSimulator(SCRIPT, key=KEY) as server,
    ):
        device = RunningDevice(card, server, scratch)
        device.configure()
        try:
            device.start()
            device.light("idle")
            time.sleep(1.0)
            before = usage_of(device.pid)
            time.sleep(idle_s)
            after = usage_of(device.pid)
            pulls = [_pull(device, draw, told)]
            fds = usage_of(device.pid).fds
            pulls += [_pull(device, draw, told) for _ in range(count - 1)]
            more = usage_of(device.pid).fds - fds
            device.tap()
            device.say(noise(0.4))
            converses = device.wait_for("turn")["heard_ms"] > 0
            return Found(pulls, (before, after), more, len(device.all("link")), converses)
        finally:
            device.kill()


def _pull(device: RunningDevice, draw: random.Random, told: Callable[[Pulled], None]) -> Pulled:
    time.sleep(draw.uniform(*PAUSE_S))
    pulled = time.monotonic()
    device.card.unplug()
    fault_s = device.light("fault")["t"] - pulled
    time.sleep(draw.uniform(*PAUSE_S))
    back = time.monotonic()
    device.card.plug()
    works_s = device.light("idle")["t"] - back
    eventually(lambda: device.do("status")["light"] == "idle" or None, "an idle device")
    told(one := Pulled(fault_s, works_s))
    return one


def rows(found: Found) -> list[Row]:
    """The table."""
    before, after = found.idle
    seconds = after.at - before.at
    percent = 100 * (after.cpu_s - before.cpu_s) / seconds
    switches = (after.switches - before.switches) / seconds
    return [
        Row("unplugs", len(found.pulls), digits=0),
        _slowest("unplug to light, s", [pull.fault_s for pull in found.pulls], FAULT_S),
        _slowest("replug to idle, s", [pull.works_s for pull in found.pulls], WORKS_S),
        Row("idle: CPU, %", percent, limit=f"<= {CPU_PERCENT}", kept=percent <= CPU_PERCENT,
            digits=3),
        Row("idle: context switches per s", switches, limit=f"< {SWITCHES:.0f}",
            kept=switches < SWITCHES, count=True, digits=2),
        Row("more file descriptors", found.fds, limit="0", kept=found.fds <= 0, count=True,
            digits=0),
        Row("link lost", found.links - 1, limit="0", kept=found.links == 1, count=True, digits=0),
        Row("does not converse", not found.converses, limit="0", kept=found.converses, count=True,
            digits=0),
    ]  # fmt: skip


def _slowest(name: str, seconds: Sequence[float], most: float) -> Row:
    worst = max(seconds)
    return Row(
        f"{name} (slowest)", worst, limit=f"<= {most:.0f}", kept=worst <= most, count=True, digits=2
    )
