"""What of the device works: the microphone and the speaker, as states with a light and a retry.

A part that *fails* cannot be used; it is tried again, by name, until it can, and at once when the
machine's cards change. A part that is *poor* is in use and not as it should be: it delivers pure
zeros, or breaks off again and again. Each is written down once, when it begins and when it ends.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from device.core import events as ev
from device.core.events import Part, Timer
from device.core.habits import PART_RETRY_S, POINT_APART_S, STORM, STORM_OVER_S, STORM_S
from device.core.light import Light, LightState
from device.core.outlet import Outlet
from device.core.question import Question
from device.troubles import TROUBLES

RETRY: Final = {
    Part.MICROPHONE: Timer.RETRY_MICROPHONE,
    Part.SPEAKER: Timer.RETRY_SPEAKER,
}


class Parts:
    """The faults of the device's parts, each for as long as it lasts."""

    def __init__(self, outlet: Outlet, question: Question) -> None:
        self._outlet = outlet
        self._question = question
        self._failed: dict[Part, str] = {}
        self._poor: dict[tuple[Part, str], None] = {}
        self._settings = ""
        self._pointed = -math.inf
        self._xruns: dict[Part, deque[float]] = {part: deque(maxlen=STORM) for part in Part}

    @property
    def fault(self) -> str:
        """The code of a part that cannot be used; '' when all can."""
        return next(iter(self._failed.values()), "")

    @property
    def hears(self) -> bool:
        """The microphone can be used."""
        return Part.MICROPHONE not in self._failed

    @property
    def flaw(self) -> str:
        """The code of a part that is poor, or of settings that are not in use; '' for neither."""
        return next((code for _, code in self._poor), self._settings)

    def settle(self, code: str) -> None:
        """What is wrong with the settings that are meant; '' for nothing."""
        self._settings = code

    def pressed(self) -> None:
        """A person wants the microphone: try it now."""
        if Part.MICROPHONE in self._failed:
            self._outlet.do(ev.Probe(Part.MICROPHONE))

    def changed(self, _: ev.CardsChanged) -> None:
        """Something was plugged in or pulled out: see what works now."""
        self._outlet.do(*map(ev.Probe, Part))

    def failed(self, event: ev.PartFailed) -> None:
        """It cannot be used. A microphone that fails ends the turn; what was said is kept."""
        news = self._failed.get(event.part) != event.code
        self._failed[event.part] = event.code
        self._poor.pop((event.part, f"{event.part.value}-xruns"), None)
        self._xruns[event.part].clear()
        if event.part is Part.MICROPHONE:
            self._question.mic_failed()
        if news:
            self._outlet.complain(event.code, event.what, event.cure)
        self._outlet.do(ev.SetTimer(RETRY[event.part], PART_RETRY_S))

    def ready(self, event: ev.PartReady) -> None:
        """It can be used."""
        if self._failed.pop(event.part, None) is not None:
            self._outlet.do(ev.StopTimer(RETRY[event.part]))
            part = event.part.value
            self._outlet.report("recovered", {"part": part}, f"the {part} is back")
            if event.part is Part.MICROPHONE:
                self._question.listen_ahead()

    def poor(self, event: ev.PartPoor) -> None:
        """It works, and is of little use."""
        if (event.part, event.code) not in self._poor:
            self._poor[event.part, event.code] = None
            self._outlet.complain(event.code, event.what, TROUBLES[event.code].cure)

    def fine(self, event: ev.PartFine) -> None:
        """It is no longer poor in this way."""
        if (event.part, event.code) in self._poor:
            del self._poor[event.part, event.code]
            part = event.part.value
            fields: dict[str, object] = {"part": part, "code": event.code}
            self._outlet.report("recovered", fields, f"the {part} is as it should be again")

    def channel(self, event: ev.ChannelTurned) -> None:
        """One that is used, or would be. The light is silent: what there is is heard."""
        who = f"microphone channel {event.channel}"
        fields: dict[str, object] = {"channel": event.channel}
        kind = " ".join(event.ill.split()[:2])  # less its figures, which differ each time
        key = f"channel {event.channel} {kind}"
        if not event.ill:
            said = f"{who} is as it should be again"
            self._outlet.report("channel", fields, said, repeats=key)
            return
        what = f"{who} {event.ill}{' and is left out' if event.left_out else ''}"
        fields |= {"what": what, "cure": event.cure}
        said = f"{what}; {event.cure}"
        self._outlet.report("channel", fields, said, level="warning", repeats=key)

    def bearing(self, event: ev.Bearing, light: Light) -> None:
        """Somebody speaks from there. While the light says that it hears them, it points."""
        if light.state is LightState.HEARING and event.at - self._pointed >= POINT_APART_S:
            self._pointed = event.at
            self._outlet.do(ev.Point(event.degrees))
        fields: dict[str, object] = {"degrees": round(event.degrees)}
        said = f"somebody speaks at {event.degrees:.0f} degrees"
        self._outlet.report("bearing", fields, said, level="debug")

    def xrun(self, event: ev.Xrun) -> None:
        """One is a line in the journal; a storm of them is a trouble until it is over."""
        part = event.part.value
        said = f"the sound of the {part} was interrupted: the machine was late"
        self._outlet.report("xrun", {"part": part}, said, level="warning", repeats=f"xrun {part}")
        lately = self._xruns[event.part]
        lately.append(event.at)
        if len(lately) == STORM and event.at - lately[0] <= STORM_S:
            what = f"the sound of the {part} broke off {STORM} times in {STORM_S:.0f} s"
            self.poor(ev.PartPoor(event.at, event.part, f"{part}-xruns", what))
            self._outlet.do(ev.SetTimer(Timer.STORM, STORM_OVER_S))

    def calm(self, at: float) -> None:
        """Look which storms are over."""
        for part, lately in self._xruns.items():
            if lately and at - lately[-1] >= STORM_OVER_S - 0.001:  # a clock may be a hair early
                lately.clear()
                self.fine(ev.PartFine(at, part, f"{part.value}-xruns"))
        if any(code.endswith("-xruns") for _, code in self._poor):
            self._outlet.do(ev.SetTimer(Timer.STORM, STORM_OVER_S / 3))
