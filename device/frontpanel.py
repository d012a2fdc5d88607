"""The panel as events: what a person does to it goes to the conversation."""

from __future__ import annotations

import time
from collections.abc import Callable

from device.core import events as ev
from device.core.events import Event
from device.drivers.memo import Memo
from device.drivers.panel import Panel, Pins, open_panel
from device.errors import PanelError


def opened(
    pins: Pins,
    memo: Memo,
    *,
    post: Callable[[Event], None],
    complain: Callable[[str, str, str], None],
) -> Panel:
    """The panel, or what of it can be had: the button must answer though the light is broken.

    With nothing of it the device runs on under remote control. A mute switch that cannot be read
    counts as closed: nobody knows that it is open. `complain` takes code, what and cure.
    """
    report = {
        "pressed": lambda at: post(ev.Pressed(at)),
        "released": lambda at: post(ev.Released(at)),
        "muted": lambda at: post(ev.MuteChanged(at, muted=True)),
        "unmuted": lambda at: post(ev.MuteChanged(at, muted=False)),
        "toggled": lambda at: post(ev.MuteToggled(at)),
    }
    if pins.toggle and memo.muted:
        post(ev.MuteChanged(time.monotonic(), muted=True))
    for wanted in dict.fromkeys((pins, pins.dark)):
        try:
            return open_panel(wanted, **report)
        except PanelError as problem:
            complain(problem.code, problem.what, problem.cure)
    if pins.mute is not None:
        post(ev.MuteChanged(time.monotonic(), muted=True))
    return open_panel(Pins(), **report)
