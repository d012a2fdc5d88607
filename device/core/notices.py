"""What the device tells by sound besides answers: a sentence for a failure, and tones.

A sentence is for a person who is there: the light went from talking straight to a trouble, and a
press or a conversation came to nothing. Nothing is ever told unasked, at night, to an empty room.
The same sentence is said once a minute; pressed again before, a tone stands for it. An answer or
another press ends it at once.
"""

from __future__ import annotations

import math
from typing import Final

from device.core import events as ev
from device.core.answer import Answer
from device.core.events import Cue, Timer
from device.core.habits import NOTICE_S, Habits
from device.core.light import Light, LightState
from device.core.outlet import Outlet
from device.troubles import TROUBLES

TALKING: Final = frozenset(
    {LightState.LISTENING, LightState.HEARING, LightState.THINKING, LightState.SPEAKING}
)
TELL_AFTER_S: Final = 1.0
"""A press dials at once: a link that is back by then needs no sentence."""
TOLD_S: Final = 60.0


class Notices:
    """What is told, and what was lately."""

    def __init__(self, habits: Habits, outlet: Outlet, *, answer: Answer) -> None:
        self.loss = ""
        """The code of a loss that the light tells of for a moment; '' when there is none."""
        self._tells = habits.tells
        self._outlet = outlet
        self._answer = answer
        self._said: dict[str, float] = {}
        self._sounding = 0
        """The number of the tone, or sentence, that tells; 0 while nothing does."""

    def light(self, before: Light, after: Light) -> None:
        """The light has changed. Talk that ends in a trouble leaves a person without a word."""
        if before.state is LightState.OFFLINE and not self._tellable(after):
            self.hush()  # the link is back: what is being told is no longer so
        if before.state in TALKING and self._tellable(after):
            heals = after.state is LightState.OFFLINE
            self._outlet.do(ev.SetTimer(Timer.TELL, TELL_AFTER_S if heals else 0.0))

    def lost(self, what: str, *, aloud: bool) -> None:
        """Words were lost. `aloud`: no microphone is open that would take the tone for speech."""
        self.loss = "lost-words"
        self._outlet.complain(self.loss, what, TROUBLES[self.loss].cure)
        self._outlet.do(ev.SetTimer(Timer.NOTICE, NOTICE_S))
        if aloud:
            self._answer.tone(Cue.LOST_WORDS)

    def over(self) -> None:
        """The light has told of it for long enough."""
        self.loss = ""

    def tell(self, light: Light, now: float) -> None:
        """The moment has come, if there still is something to tell."""
        if not self._tellable(light):
            return
        self._sounding = self._answer.deafen()
        recently = now - self._said.get(light.code, -math.inf) < TOLD_S
        if recently or not TROUBLES[light.code].clip:
            self._outlet.do(ev.Sound(Cue.ERROR))
        else:
            self._said[light.code] = now
            self._outlet.do(ev.Say(light.code))

    def hush(self) -> None:
        """A person presses, or an answer is there: whatever is being told ends, or never begins."""
        self._outlet.do(ev.StopTimer(Timer.TELL))
        if self._sounding:
            self._outlet.do(ev.Hush())

    def played(self, event: ev.PlayoutEnded) -> None:
        """The speaker is silent."""
        if event.tones >= self._sounding:
            self._sounding = 0

    def _tellable(self, light: Light) -> bool:
        """It is a trouble, it may be told, and there is a speaker to tell it with."""
        trouble = light.state in (LightState.FAULT, LightState.OFFLINE) and light.code in TROUBLES
        speaks = not light.code.startswith("speaker-") or light.code == "speaker-xruns"
        return trouble and speaks and self._tells != "nothing"
