"""What the device tells by sound besides answers: a sentence for a failure, and tones.

A sentence is for a person who is there: the light went from talking straight to a trouble, and a
press or a conversation came to nothing. Nothing is ever told unasked, at night, to an empty room.
The same sentence is said once a minute; pressed again before, a tone stands for it. An answer or
another press ends it at once.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from device.core import events as ev
from device.core.events import Cue, Timer
from device.core.ledger import CUE
from device.core.light import Light, LightState
from device.core.outlet import Outlet
from device.troubles import TROUBLES

Tells = Literal["nothing", "failures", "all"]

TALKING: Final = frozenset(
    {LightState.LISTENING, LightState.HEARING, LightState.THINKING, LightState.SPEAKING}
)
TELL_AFTER_S: Final = 1.0
"""A press dials at once: a link that is back by then needs no sentence."""
TOLD_S: Final = 60.0


class Notices:
    """What is told, and what was lately. `tells`: what may be told at all."""

    def __init__(self, tells: Tells, outlet: Outlet) -> None:
        self._tells = tells
        self._outlet = outlet
        self._said: dict[str, float] = {}
        self._sounding = False

    def light(self, before: Light, after: Light) -> None:
        """The light has changed. Talk that ends in a trouble leaves a person without a word."""
        if before.state in TALKING and self._tellable(after):
            heals = after.state is LightState.OFFLINE
            self._outlet.do(ev.SetTimer(Timer.TELL, TELL_AFTER_S if heals else 0.0))

    def tell(self, light: Light, now: float) -> bool:
        """The moment has come. False: there is nothing to tell any more."""
        if not self._tellable(light):
            return False
        self._sounding = True
        recently = now - self._said.get(light.code, -math.inf) < TOLD_S
        if recently or not TROUBLES[light.code].clip:
            self._outlet.do(ev.Sound(Cue.ERROR))
        else:
            self._said[light.code] = now
            self._outlet.do(ev.Say(light.code))
        return True

    def hush(self) -> None:
        """A person presses, or an answer is there: whatever is being told ends, or never begins."""
        self._outlet.do(ev.StopTimer(Timer.TELL))
        if self._sounding:
            self._outlet.do(ev.Hush())

    def played(self, event: ev.PlayoutEnded) -> None:
        """The speaker is silent."""
        if any(one.item == CUE for one in event.account):
            self._sounding = False

    def _tellable(self, light: Light) -> bool:
        """It is a trouble, it may be told, and there is a speaker to tell it with."""
        trouble = light.state in (LightState.FAULT, LightState.OFFLINE) and light.code in TROUBLES
        speaks = not light.code.startswith("speaker-") or light.code == "speaker-xruns"
        return trouble and speaks and self._tells != "nothing"
