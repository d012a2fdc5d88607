"""Whether a voice may interrupt: the judgement of what the microphone hears of our own.

A device that hears itself interrupts itself. Where a canceller is meant to prevent that, it has to
prove it: the device starts half duplex, and while it speaks a second, stricter detector listens to
what the canceller leaves over. Only when that stays silent for long enough, with a margin, may a
voice interrupt; and when that turns out wrong, or the canceller loses its way, it may not any more.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from device.core.events import Echo, EchoMissing, EchoReady
from device.core.outlet import Outlet
from device.core.vad import STRICT, Terms, Vad

LOUD_DBFS: Final = -45.0
"""The loudspeaker sounds: what is softer proves nothing."""
PROOF: Final = 1000
"""So many loud frames of 20 ms without a false start prove it: 20 s of our own speech. With these
two numbers none of 97 false starts of the echo lab came through (tests/bench/README.md)."""
MARGIN_DB: Final = 14.0
"""The proof is held with an ear that is this much sharper than the one that is used later."""
HARDER: Final = 4
"""After it was wrong once, the next proof takes so many times as long."""
MOST_DBFS: Final = -40.0
"""What is left over and louder is our own voice, even where a detector takes it for noise."""
LOST: Final = 100
"""So many loud frames in a row (2 s) in which hardly anything is taken away: it lost its way."""
LEAST_DB: Final = 6.0
FALSE_ALARMS: Final = 2
"""So many within `ALARMS_S`: it is not safe here."""
ALARMS_S: Final = 60.0

_PROOF_TERMS: Final = Terms(
    gate_dbfs=STRICT.gate_dbfs - MARGIN_DB,
    on_db=STRICT.on_db,
    hold_db=STRICT.hold_db,
    onset=STRICT.onset,
    window=STRICT.window,
)


class Duplex:
    """Full, half, or guarded: then `half` is what was found, and `outlet` is told of changes."""

    def __init__(self, wish: Literal["full", "half", "guarded"], outlet: Outlet) -> None:
        self.half = wish != "full"
        """A voice cannot interrupt: while we speak nothing of the microphone is sent."""
        self.guarded = wish == "guarded"
        self._outlet = outlet
        self._ear = Vad(_PROOF_TERMS)
        self._proof = PROOF
        self._quiet = 0
        self._taken: deque[float] = deque(maxlen=LOST)
        self._alarms: deque[float] = deque(maxlen=FALSE_ALARMS)

    @property
    def taken_db(self) -> float:
        """What the canceller takes of our own voice, in the mean of the last loud frames."""
        return sum(self._taken) / len(self._taken) if self._taken else 0.0

    def ready(self, event: EchoReady) -> None:
        """There is a canceller; what it is worth has to be seen."""
        what = f"the canceller {event.name} listens along; only the button interrupts so far"
        self._outlet.report("duplex", {"state": "half", "canceller": event.name}, what)

    def missing(self, event: EchoMissing) -> None:
        """There is none: it stays half duplex."""
        what = f"{event.what}; {event.cure}"
        self._outlet.report("duplex", {"state": "half", "canceller": "none"}, what)

    def heard(self, echo: Echo) -> None:
        """One block, whose sound is known before and after the canceller."""
        if not self.guarded:
            return
        for played, before, after in zip(echo.played, echo.before, echo.after, strict=True):
            if played > LOUD_DBFS:
                self._listen(before, after)

    def false_alarm(self, at: float) -> None:
        """A voice that was none has interrupted."""
        self._alarms.append(at)
        if len(self._alarms) == FALSE_ALARMS and at - self._alarms[0] < ALARMS_S:
            self._close(f"{FALSE_ALARMS} false alarms within {ALARMS_S:.0f} s")

    def _listen(self, before: float, after: float) -> None:
        self._taken.append(before - after)
        if not self.half:
            if len(self._taken) == LOST and self.taken_db < LEAST_DB:
                self._close(f"only {self.taken_db:.0f} dB of our own voice are taken away")
            return
        loud = self._ear.hear((after,)) or after > MOST_DBFS
        self._quiet = 0 if loud else self._quiet + 1
        if self._quiet >= self._proof and self.taken_db >= LEAST_DB:
            self.half = False
            what = f"a voice may interrupt now: {self.taken_db:.0f} dB of our own are taken away"
            fields: dict[str, object] = {"state": "full", "taken_db": round(self.taken_db, 1)}
            self._outlet.report("duplex", fields, what)

    def _close(self, why: str) -> None:
        self.half = True
        self._proof *= HARDER
        self._quiet = 0
        self._taken.clear()
        self._alarms.clear()
        self._ear = Vad(_PROOF_TERMS)
        what = f"only the button interrupts now: {why}"
        self._outlet.report("duplex", {"state": "half", "why": why}, what, level="warning")
