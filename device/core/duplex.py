"""Whether a voice may interrupt: the judgement of what the microphone hears of our own.

A device that hears itself interrupts itself. Where a canceller of ours is meant to prevent that, it
has to prove it: the device starts half duplex, and while it speaks a second, sharper detector
listens to what the canceller leaves over. Only when that stays silent for long enough, with a
margin, may a voice interrupt; and when that turns out wrong, or the canceller loses its way, it may
not any more. A board that cancels by itself is believed: its sound is not looked at here.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, Literal

from msgspec.structs import replace

from device.core.events import Echo, EchoMissing, EchoReady
from device.core.outlet import Outlet
from device.core.vad import STRICT, Terms, Vad

LOUD_DBFS: Final = -45.0
"""The loudspeaker sounds: what is softer proves nothing."""
PROOF: Final = 3000
"""So many loud frames of 20 ms without a false start prove it: a minute of our own speech. In six
hours of echo on which these numbers were not chosen 3 of 315 false starts came through
(tests/bench/README.md)."""
MARGIN_DB: Final = 20.0
"""The proof is held with an ear that is this much sharper than the one that is used later."""
KEPT_DB: Final = 9.0
"""As long as a voice may interrupt, one that is this much sharper must hear nothing either: a
loudspeaker that is turned up until it distorts, or a canceller that lost its way, is noticed before
it interrupts."""
DOUBT: Final = 75
"""Loud frames for which the reply goes on after that ear has heard something: it was no person."""
PAUSE: Final = 15
"""So many frames in which the loudspeaker is silent: what was heard before them stays unknown."""
HARDER: Final = 2
"""After it was wrong once, the next proof takes so many times as long."""
MOST_PROOF: Final = 4 * PROOF
"""But no longer than this, four minutes of our own speech: what was wrong may be mended since."""
MOST_DBFS: Final = -40.0
"""What is left over and louder is our own voice, even where a detector takes it for noise."""
LAST: Final = 100
"""Loud frames (2 s) over which is told what is taken away."""
FALSE_ALARMS: Final = 2
"""So many within `ALARMS_S`: it is not safe here."""
ALARMS_S: Final = 60.0


def _sharper(by_db: float) -> Terms:
    return replace(STRICT, gate_dbfs=STRICT.gate_dbfs - by_db)


PROVING: Final = _sharper(MARGIN_DB)
KEEPING: Final = _sharper(KEPT_DB)


class Duplex:
    """Begins full, or half until proven (`guarded`), or stays half; `outlet` is told of changes."""

    def __init__(self, wish: Literal["full", "half", "guarded"], outlet: Outlet) -> None:
        self.half = wish != "full"
        """A voice cannot interrupt: while we speak nothing of the microphone is sent."""
        self._outlet = outlet
        self._ear = Vad(PROVING)
        self._proof = math.inf if wish == "half" else PROOF
        self._quiet = self._doubt = self._silent = 0
        self._taken: deque[float] = deque(maxlen=LAST)
        self._alarms: deque[float] = deque(maxlen=FALSE_ALARMS)

    @property
    def taken_db(self) -> float:
        """What the canceller takes of our own voice, in the mean of the last loud frames."""
        return sum(self._taken) / len(self._taken) if self._taken else 0.0

    def ready(self, event: EchoReady) -> None:
        """There is a canceller; what it is worth will be seen."""
        what = f"the canceller {event.name} is listened to; only the button interrupts so far"
        self._outlet.report("duplex", {"state": "half", "canceller": event.name}, what)

    def missing(self, event: EchoMissing) -> None:
        """There is none: it stays half duplex."""
        what = f"{event.what}; {event.cure}"
        self._outlet.report("duplex", {"state": "half", "canceller": "none"}, what)

    def heard(self, echo: Echo) -> None:
        """One block, whose sound is known before and after the canceller."""
        for played, before, after in zip(echo.played, echo.before, echo.after, strict=True):
            if played <= LOUD_DBFS:
                self._pause()
                continue
            self._silent = 0
            self._taken.append(before - after)
            heard = self._ear.hear((after,)) or after > MOST_DBFS
            if self.half:
                self._prove(heard)
            else:
                self._keep(heard)

    def false_alarm(self, at: float) -> None:
        """A voice that was none has interrupted."""
        if self.half:
            return
        self._alarms.append(at)
        if len(self._alarms) == FALSE_ALARMS and at - self._alarms[0] < ALARMS_S:
            self._close(f"{FALSE_ALARMS} false alarms within {ALARMS_S:.0f} s")

    def _pause(self) -> None:
        """We are silent: interrupted by a person, perhaps."""
        self._silent += 1
        if self._silent == PAUSE:
            self._doubt = 0
            self._ear.reset()

    def _prove(self, heard: bool) -> None:
        self._quiet = 0 if heard else self._quiet + 1
        if self._quiet >= self._proof:
            self.half = False
            self._ear.terms = KEEPING
            what = f"a voice may interrupt now; {self.taken_db:.0f} dB of our own are taken away"
            fields: dict[str, object] = {"state": "full", "taken_db": round(self.taken_db, 1)}
            self._outlet.report("duplex", fields, what)

    def _keep(self, heard: bool) -> None:
        self._doubt += bool(self._doubt or heard)
        if self._doubt > DOUBT:
            self._close("what is left of our own voice has nearly interrupted")

    def _close(self, why: str) -> None:
        self.half = True
        self._proof = min(HARDER * self._proof, MOST_PROOF)
        self._quiet = self._doubt = 0
        self._taken.clear()
        self._alarms.clear()
        self._ear = Vad(PROVING)
        what = f"only the button interrupts now: {why}"
        self._outlet.report("duplex", {"state": "half", "why": why}, what, level="warning")
