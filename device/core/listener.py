"""Is somebody speaking, and is it over our own reply?"""

from __future__ import annotations

from device.core import events as ev
from device.core.answer import Answer
from device.core.audio import Ms
from device.core.duplex import Duplex
from device.core.events import Timer
from device.core.habits import VOICE_S
from device.core.outlet import Outlet
from device.core.tables import Reply, ReplySignal
from device.core.vad import NORMAL, STRICT, Vad


class Listener:
    """The local VAD with what depends on it while we speak ourselves.

    Over a guarded reply it is stricter, and a voice holds the reply at once, ahead of the server;
    what turns out to be none lets it go on.
    """

    def __init__(self, answer: Answer, duplex: Duplex, outlet: Outlet) -> None:
        self._answer = answer
        self._duplex = duplex
        self._outlet = outlet
        self._vad = Vad()

    @property
    def hearing(self) -> bool:
        """Somebody speaks."""
        return self._vad.hearing

    @property
    def half_duplex(self) -> bool:
        """What the microphone hears while we speak may be ourselves."""
        return self._duplex.half

    def apart(self, at: float) -> bool | None:
        """Whether a person speaks; None while the room may sound of us and we cannot tell."""
        sounds = self._answer.sounding or at < max(self._answer.echo_until, self._answer.deaf_until)
        return None if sounds and self._duplex.half else self._vad.hearing

    def begin(self) -> None:
        """The gate opens anew: forget the last utterance."""
        self._vad.reset()

    def hear(self, event: ev.MicHeard) -> Ms:
        """One block of the open microphone; returns how much of it was speech."""
        before = self._vad.spoken
        if event.echo is not None:
            self._duplex.heard(event.echo)
        over = self._answer.sounding and self._duplex.guarded
        self._vad.terms = STRICT if over else NORMAL
        hearing = self._vad.feed(event.block)
        if over and hearing and not self._duplex.half and self._answer.state is Reply.SPEAKING:
            self._answer.signal(ReplySignal.VOICE)
        return Ms(self._vad.spoken - before)

    def unconfirmed(self, at: float) -> None:
        """The server has not heard the voice for which the reply is held: was it one?"""
        if self._answer.state is not Reply.HELD:
            return
        if self._vad.hearing:
            self._outlet.do(ev.SetTimer(Timer.VOICE, VOICE_S))
        else:
            self._duplex.false_alarm(at)
            self._answer.signal(ReplySignal.FALSE_ALARM)
