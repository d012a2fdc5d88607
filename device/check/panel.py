"""The panel, and what only a person can tell of it: whether it shines, whether it is pressed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Final

from device import wishes
from device.check.finding import Finding
from device.config import Config
from device.core.light import Light, LightState
from device.drivers.panel import Panel, Pins, open_panel
from device.errors import PanelError

PRESS_S: Final = 10.0
BOUNCE_S: Final = 0.3
"""Nobody presses twice within this: a second edge is the contact's own."""
STATE_S: Final = 1.0

Say = Callable[[str], None]


def try_panel(config: Config, *, say: Say | None) -> Iterator[Finding]:
    """The pins; with somebody to `say` things to, also a walk through the lights and a press."""
    pins = wishes.pins(config)
    named = name_pins(pins)
    if not named:
        yield Finding("panel", "skip", "none")
        return
    edges: SimpleQueue[float] = SimpleQueue()
    try:
        opened = open_panel(
            pins, pressed=edges.put, released=_ignore, muted=_ignore, unmuted=_ignore
        )  # fmt: skip
    except PanelError as problem:
        yield Finding("panel", "FAIL", problem.what, problem.cure)
        return
    try:
        yield Finding("panel", "ok", named)
        if pins.led is not None or pins.rgb is not None:
            yield _walk(opened, say)
        if pins.button is not None:
            yield _press(edges, say)
    finally:
        opened.close()


def name_pins(pins: Pins) -> str:
    """What is connected where; '' when nothing is."""
    parts = (("button", pins.button), ("light", pins.rgb or pins.led), ("mute", pins.mute))
    ring = [] if pins.ring is None else [f"light {pins.ring.bus}"]
    return ", ".join([*(f"{name} GPIO {pin}" for name, pin in parts if pin is not None), *ring])


def _walk(opened: Panel, say: Say | None) -> Finding:
    """Every state of the light in turn; that it shines is for the person to see."""
    if say is None:
        return Finding("light", "skip", "nobody looks; --interactive shows every state")
    for state in LightState:
        say(f"the light shows: {state.value}")
        opened.show(Light(state))
        time.sleep(STATE_S)
    opened.show(Light(LightState.IDLE))
    return Finding(
        "light", "ok", f"showed {len(LightState)} states; hardware.md says how each looks"
    )


def _press(edges: SimpleQueue[float], say: Say | None) -> Finding:
    """Wait for one press, and see whether the contact chatters longer than it is let."""
    if say is None:
        return Finding("button", "skip", "nobody presses it; --interactive waits for a press")
    while not edges.empty():
        edges.get()
    say(f"press the button now (within {PRESS_S:.0f} s)")
    asked = time.monotonic()
    try:
        first = edges.get(timeout=PRESS_S)
    except Empty:
        return Finding(
            "button", "FAIL", f"no press came within {PRESS_S:.0f} s",
            "see its wire, and panel.button: gpio and pull",
        )  # fmt: skip
    time.sleep(BOUNCE_S)
    after = f"pressed after {first - asked:.1f} s"
    if bounces := edges.qsize():
        facts = f"{after}; it bounced {bounces} times within {BOUNCE_S * 1000:.0f} ms"
        return Finding("button", "FAIL", facts, "replace the button, or put 100 nF across it")
    return Finding("button", "ok", f"{after}, no bounce")


def _ignore(_: float) -> None:
    """An edge that means nothing here."""
