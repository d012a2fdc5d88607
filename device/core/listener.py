"""Is somebody speaking, and is it over our own reply?"""

from __future__ import annotations

import math

from device.core import events as ev
from device.core.answer import Answer
from device.core.audio import Ms
from device.core.duplex import LOUD_DBFS, Duplex
from device.core.events import Timer
from device.core.habits import HELD_MOST_S, LOOK_S, RINGS_S, STILL_S, VOICE_S, Habits
from device.core.outlet import Outlet
from device.core.tables import Reply, ReplySignal
from device.core.vad import NORMAL, STRICT, Vad


class Listener:
    """The local VAD with what depends on it while we speak ourselves.

    Where it is known what the loudspeaker plays, it is stricter over a reply, and a voice holds the
    reply at once, ahead of the server; what turns out to be none lets it go on.
    """

    def __init__(self, habits: Habits, answer: Answer, duplex: Duplex, outlet: Outlet) -> None:
        self._ahead = habits.interrupt == "voice"
        self._answer = answer
        self._duplex = duplex
        self._outlet = outlet
        self._vad = Vad()
        self._spoke_at = self._judged = -math.inf

    @property
    def hearing(self) -> bool:
        """Somebody speaks."""
        return self._vad.hearing

    @property
    def half_duplex(self) -> bool:
        """What the microphone hears while we speak may be ourselves."""
        return self._duplex.half

    def apart(self, at: float) -> bool | None:
        """Whether a person speaks; None while the room may sound of us.

        What is asked is the room, before a canceller: that our own voice is taken away later on
        does not make it quiet there.
        """
        sounds = self._answer.sounding or at < max(self._answer.echo_until, self._answer.deaf_until)
        return None if sounds else self._vad.hearing

    def begin(self) -> None:
        """The gate opens anew: forget the last utterance."""
        self._vad.reset()

    def hear(self, event: ev.MicHeard) -> Ms:
        """One block of the open microphone; returns how much of it was speech."""
        spoken, heard = self._vad.spoken, self._vad.hearing
        over = self._answer.sounding and event.echo is not None
        self._vad.terms = STRICT if over else NORMAL
        if event.echo is None:
            self._vad.feed(event.block)
        else:
            self._duplex.heard(event.echo)
            self._vad.hear(event.echo.after)
        said = Ms(self._vad.spoken - spoken)
        ours = event.echo is not None and max(event.echo.played, default=-math.inf) > LOUD_DBFS
        if said and not ours:
            self._spoke_at = event.at
        if over and self._vad.hearing and not heard:
            self._begins()
        if event.echo is not None:
            self._judge(event.at, ours=ours)
        return said

    def _begins(self) -> None:
        """A voice begins over a reply: hold it, if a voice may interrupt."""
        free = self._ahead and not self._duplex.half
        if free and self._answer.state is Reply.SPEAKING:
            self._answer.signal(ReplySignal.VOICE)

    def unconfirmed(self, at: float) -> None:
        """The server has not heard the voice for which the reply is held: go on, if it is over."""
        if self._answer.state is not Reply.HELD:
            return
        still = at - self._spoke_at < STILL_S
        if still and at - self._answer.silenced_at < HELD_MOST_S:
            self._outlet.do(ev.SetTimer(Timer.VOICE, LOOK_S))
        else:
            self._answer.signal(ReplySignal.FALSE_ALARM)

    def _judge(self, at: float, *, ours: bool) -> None:
        """Was it a person who silenced us? A person is still heard then, our own voice is not.

        What the server says does not count: it hears of our own voice what we hear. It may even
        have answered it already: what is heard over that says nothing.
        """
        since = self._answer.silenced_at
        if since == self._judged or at < since + (RINGS_S if ours else VOICE_S):
            return
        self._judged = since
        if self._spoke_at < since + RINGS_S:
            self._duplex.false_alarm(at)
