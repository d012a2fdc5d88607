"""The conversation: events in, effects out. Read `tables` first, then this.

`handle` gives one event to the side it concerns, which turns it into signals of its region, does
what the row of the table says, and leaves effects; a new light always comes first. Nothing here
waits, reads a clock, or fails because of what a server sends: what cannot be used is counted.

    Conversation ── Connection   the Link region
                 ├─ Question     the Gate region: the person's side
                 └─ Answer       the Reply region: the assistant's side
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from device.core import events as ev
from device.core import wire
from device.core.ahead import Ahead, VoiceWaker, Waker
from device.core.answer import Answer
from device.core.connection import Connection
from device.core.duplex import Duplex
from device.core.events import Effect, Event, Part, Report, Timer
from device.core.gate import Closed, GateState, Muted, Open, opened_by
from device.core.habits import BENIGN, RENEW_LOOK_S, WAITING_APART_S, Habits
from device.core.light import Light, light_of
from device.core.listener import Listener
from device.core.memory import Memory
from device.core.notices import Notices
from device.core.outlet import Outlet
from device.core.parts import Parts
from device.core.question import Question
from device.core.rest import Rest
from device.core.tables import GateSignal, Link, LinkSignal, Reply, ReplySignal
from device.core.vigil import Healing
from device.core.words import Words


class Conversation:
    """All that the device decides. One owner, no lock; the times of events never go back.

    `waker` makes what may wake it, where `habits.wake` wants that: a wake word's engine comes here.
    """

    def __init__(self, habits: Habits, *, waker: Callable[[], Waker] = VoiceWaker) -> None:
        self.ignored: Counter[str] = Counter()
        """What came and was of no use, by kind: garbage, strangers, lost races."""
        self._habits = habits
        self._outlet = Outlet()
        self._healing = Healing(self._outlet)
        self._memory = Memory()
        self._connection = Connection()
        words = Words()
        self._duplex = duplex = Duplex(habits.duplex, self._outlet)
        self._answer = Answer(habits, self._outlet, self.ignored, words=words, duplex=duplex)
        self._notices = Notices(habits, self._outlet, answer=self._answer)
        self._listener = Listener(habits, self._answer, duplex, self._outlet)
        self._question = Question(
            habits,
            self._outlet,
            self.ignored,
            connection=self._connection,
            answer=self._answer,
            words=words,
            notices=self._notices,
            listener=self._listener,
            ahead=Ahead(habits, waker),
        )
        self._parts = Parts(self._outlet, self._question)
        self._how = ""
        self._shown = self.light

    @property
    def link(self) -> Link:
        """The Link region's state."""
        return self._connection.state

    @property
    def gate(self) -> GateState:
        """The Gate region's state."""
        return self._question.gate

    @property
    def reply(self) -> Reply:
        """The Reply region's state."""
        return self._answer.state

    @property
    def half_duplex(self) -> bool:
        """While it speaks, nothing of the microphone is sent."""
        return self._duplex.half

    @property
    def idle(self) -> bool:
        """The link is up and nobody talks."""
        quiet = isinstance(self.gate, Closed) and self.reply is Reply.QUIET
        return quiet and self._connection.up

    @property
    def busy(self) -> bool:
        """A reply is awaited or being made: not the moment to change the server."""
        return self._answer.busy

    @property
    def hearing(self) -> bool | None:
        """Whether somebody speaks; None while the room may sound of us, or nobody listens."""
        return self._listener.apart(self._question.now) if isinstance(self.gate, Open) else None

    @property
    def turn(self) -> int:
        """The number of the turn that is under way; 0 between turns."""
        turn = self._answer.turn
        return turn.number if turn.under_way else 0

    @property
    def light(self) -> Light:
        """What the light says now."""
        rest = self._question.rest
        resting = self.reply is not Reply.QUIET and (
            rest is Rest.DROP or (rest is Rest.KEEP and self._connection.up)
        )
        return light_of(
            self.link,
            self.gate,
            self.reply,
            hearing=self._question.hearing,
            resting=resting,
            leaving=self._question.leaving,
            ahead=self._habits.ahead and self._parts.hears,
            offline=self._connection.trouble,
            fault=self._parts.fault
            or self._notices.loss
            or self._healing.fault
            or self._parts.flaw,
        )

    def start(self) -> list[Effect]:
        """The first effects: say that we are starting, and find out what works."""
        self._outlet.do(*self._lit(), *(ev.Probe(part) for part in Part))
        self._question.listen_ahead()
        return self._outlet.take()

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; returns what is to be done, in order."""
        self._question.now = self._answer.now = event.at
        how, reply, idle = self._how, self.reply, self.idle
        HANDLERS[type(event)](self, event)
        if self.reply is Reply.QUIET and reply is not Reply.QUIET:
            self._question.reply_ended()
        if idle != self.idle:
            self._idleness_changed(event.at)
        heard = isinstance(event, ev.MicHeard)
        self._how = opened_by(self.gate, before=how, style=self._habits.style, heard=heard)
        seen: list[Effect] = []
        if self.light != self._shown:  # also when mere time has changed it
            seen += self._lit()
        if self._how != how:
            state = "open" if self._how else "closed"
            seen.append(Report("gate", {"state": state, "how": self._how or how}, f"gate {state}"))
        return seen + self._outlet.take()

    def _lit(self) -> list[Effect]:
        before, light = self._shown, self.light
        self._notices.light(before, light)
        self._shown = light
        fields = {"state": light.state.value, "code": light.code}
        return [ev.ShowLight(light), Report("light", fields, f"light: {light.state.value}")]

    # The button.

    def _pressed(self, _: ev.Pressed | ev.Tapped) -> None:
        self._parts.pressed()
        if not self._connection.up:
            self._outlet.do(ev.DialNow())
        self._notices.hush()
        self._question.pressed()

    def _tapped(self, event: ev.Tapped) -> None:
        self._pressed(event)
        self._question.released()

    def _mute(self, event: ev.MuteChanged) -> None:
        if event.muted and self.reply is not Reply.QUIET:
            self._answer.interrupted()
        self._question.muted() if event.muted else self._question.unmuted()

    def _mute_toggled(self, event: ev.MuteToggled) -> None:
        muted = not isinstance(self.gate, Muted)
        self._outlet.do(ev.KeepMuted(muted))
        self._mute(ev.MuteChanged(event.at, muted))

    # The link and the parts.

    def _link_up(self, event: ev.LinkUp) -> None:
        if event.renewed:
            self._server_lost()
        self._connection.signal(LinkSignal.CONFIRMED)
        left = self._connection.lasts(event.at, event.lasts_s)
        self._outlet.do(ev.SetTimer(Timer.RENEW, left))
        self._outlet.send(*self._memory.untold())
        self._question.link_up()
        reason = "renewed before its hour was over" if event.renewed else "configured"
        facts: dict[str, object] = {"state": "up", "reason": reason, "session": event.session}
        self._outlet.report("link", facts, f"link up: {reason}")
        for difference in event.differences:
            self._outlet.complain(
                "settings",
                f"the server does otherwise than asked: {difference}",
                "check that it knows this setting",
            )

    def _server_lost(self) -> None:
        """A server is gone, and with it all it knew: what was not answered will be asked again."""
        self._answer.connection_changed()
        self._memory.link_lost()
        again = self._question.link_lost()
        if again:
            self._memory.unanswered()
        if self.reply is not Reply.QUIET:
            self._answer.signal(ReplySignal.REPEATED if again else ReplySignal.LOST)

    def _link_down(self, event: ev.LinkDown) -> None:
        was_up, resting = self._connection.up, event.code == "resting"
        news = was_up or self._connection.trouble != event.code
        self._connection.signal(LinkSignal.RESTED if resting else LinkSignal.LOST)
        if not resting:
            self._connection.trouble = event.code
        if was_up:
            self._server_lost()
            self._outlet.do(ev.StopTimer(Timer.RENEW))
        if not isinstance(self.gate, Closed | Muted):
            self._outlet.do(ev.DialNow(WAITING_APART_S))  # somebody's words wait
        if news:
            cure = f"; {event.cure}" if event.cure else ""
            self._outlet.report(
                "link",
                {"state": "down", "reason": event.reason, "code": event.code},
                f"link down: {event.reason}{cure}",
                level="info" if resting else "warning",
            )

    def _renew_failed(self, event: ev.RenewFailed) -> None:
        again_s = self._connection.renewal_failed(event.at)
        self._outlet.do(ev.SetTimer(Timer.RENEW, again_s))
        what = f"no further session yet: {event.reason}"
        self._outlet.report("renew", {"code": event.code}, what, level="warning", repeats="renew")

    def _idleness_changed(self, at: float) -> None:
        """Quiet moments are for a new session, and after a while for closing the link."""
        if self._habits.keep_warm_s is not None:
            warm = ev.SetTimer(Timer.WARM, self._habits.keep_warm_s)
            self._outlet.do(warm if self.idle else ev.StopTimer(Timer.WARM))
        if self.idle:
            self._renew(at)

    def _renew(self, at: float) -> None:
        """Take a new session if this one is old and nobody would notice."""
        if not self._answer.busy and self._connection.renewal_due(at, idle=self.idle):
            self._outlet.do(ev.Renew())

    def _renewal_timer(self, at: float) -> None:
        self._renew(at)
        self._outlet.do(ev.SetTimer(Timer.RENEW, RENEW_LOOK_S))

    def _rest(self, _: float) -> None:
        if self.idle:
            self._outlet.do(ev.Rest())

    # What the server says.

    def _received(self, event: ev.Received) -> None:
        handler = MESSAGES.get(type(event.message))
        if handler is None:
            self.ignored["event of no use"] += 1
        else:
            handler(self, event.message)

    def _garbled(self, event: ev.Garbled) -> None:
        self.ignored["garbage"] += 1
        what = event.what[:200]
        said = f"the server sent garbage: {what}"
        self._outlet.report("garbage", {"what": what}, said, level="warning", repeats="garbage")

    def _refused(self, message: wire.ServerError) -> None:
        fault = message.error
        code = (fault.code or fault.type or "server")[:64]
        if code not in BENIGN or code == "conversation_already_has_active_response":
            self._answer.refused()
        if code == "input_audio_buffer_commit_empty":
            self._question.nothing_to_commit()
        if code in BENIGN:
            self.ignored[f"race: {code}"] += 1
        else:
            self._outlet.complain(
                code, f"the server refused a request: {fault.message[:200]}", "it goes on without"
            )

    def _delta(self, message: wire.AudioDelta) -> None:
        if not self._answer.sounding:
            self._notices.hush()
        self._answer.delta(message, held=self._question.goes_on)

    def _committed(self, message: wire.Committed) -> None:
        self._memory.asked(message.item_id)
        self._question.committed(message)

    def _announced(self, message: wire.OutputItemAdded) -> None:
        self._memory.announced(message.item.id)
        self._answer.announced(message)

    def _written(self, message: wire.Transcribed | wire.TranscriptDelta) -> None:
        text = message.delta if isinstance(message, wire.TranscriptDelta) else message.transcript
        self._memory.wrote(message.item_id, text)
        if isinstance(message, wire.Transcribed):
            self._write_down("person", message.item_id)

    def _write_down(self, who: str, item: str) -> None:
        """What was said, where the owner has asked for that."""
        said = self._memory.words(item) if self._habits.transcripts else ""
        if said:
            self._outlet.report("said", {"who": who, "item": item}, f"{who}: {said}")

    def _played(self, event: ev.PlayoutEnded) -> None:
        for account in event.account:
            self._memory.heard(account)
            self._write_down("assistant", account.item)
        self._notices.played(event)
        self._answer.played(event)
        if self._connection.up:
            self._outlet.send(*self._memory.untold())


HANDLERS: Final[Mapping[type[Event], Callable[[Conversation, Any], None]]] = {
    ev.Pressed: Conversation._pressed,
    ev.Released: lambda self, _: self._question.released(),
    ev.Tapped: Conversation._tapped,
    ev.MuteChanged: Conversation._mute,
    ev.MuteToggled: Conversation._mute_toggled,
    ev.MicHeard: lambda self, event: self._question.heard(event),
    ev.MicClosed: lambda self, _: self._question.mic_closed(),
    ev.EchoReady: lambda self, event: self._duplex.ready(event),
    ev.EchoMissing: lambda self, event: self._duplex.missing(event),
    ev.Dialing: lambda self, _: self._connection.signal(LinkSignal.DIALING),
    ev.LinkUp: Conversation._link_up,
    ev.LinkDown: Conversation._link_down,
    ev.Received: Conversation._received,
    ev.Garbled: Conversation._garbled,
    ev.Sounded: lambda self, event: self._answer.sounded(event),
    ev.RenewFailed: Conversation._renew_failed,
    ev.PlayoutEnded: Conversation._played,
    ev.Xrun: lambda self, event: self._parts.xrun(event),
    ev.PartFailed: lambda self, event: self._parts.failed(event),
    ev.PartReady: lambda self, event: self._parts.ready(event),
    ev.PartPoor: lambda self, event: self._parts.poor(event),
    ev.PartFine: lambda self, event: self._parts.fine(event),
    ev.ChannelTurned: lambda self, event: self._parts.channel(event),
    ev.Bearing: lambda self, event: self._parts.bearing(event, self.light),
    ev.CardsChanged: lambda self, event: self._parts.changed(event),
    ev.SettingsWrong: lambda self, _: self._parts.settle("config"),
    ev.SettingsRight: lambda self, _: self._parts.settle(""),
    ev.PartLate: lambda self, event: self._healing.late(event),
    ev.PartAnswers: lambda self, event: self._healing.answers(event),
    ev.TimerFired: lambda self, event: TIMERS[event.timer](self, event.at),
    ev.Stopping: lambda self, _: self._question.signal(GateSignal.STOP),
}

TIMERS: Final[Mapping[Timer, Callable[[Conversation, float], None]]] = {
    Timer.LINGER: lambda self, _: self._question.quiet_spell(),
    Timer.TAIL: lambda self, _: self._question.tail_tick(),
    Timer.VOICE: lambda self, at: self._listener.unconfirmed(at),
    Timer.CLOSING: lambda self, _: self._question.mic_closed(),
    Timer.RETRY_MICROPHONE: lambda self, _: self._outlet.do(ev.Probe(Part.MICROPHONE)),
    Timer.RETRY_SPEAKER: lambda self, _: self._outlet.do(ev.Probe(Part.SPEAKER)),
    Timer.STORM: lambda self, at: self._parts.calm(at),
    Timer.NOTICE: lambda self, _: self._notices.over(),
    Timer.TELL: lambda self, at: self._notices.tell(self.light, at),
    Timer.WARM: Conversation._rest,
    Timer.RENEW: Conversation._renewal_timer,
    Timer.REPLY: lambda self, _: self._answer.late(Timer.REPLY),
    Timer.ECHO: lambda self, _: self._answer.late(Timer.ECHO),
    Timer.TURN: lambda self, _: self._answer.late(Timer.TURN),
}

MESSAGES: Final[Mapping[type, Callable[[Conversation, Any], None]]] = {
    wire.ServerError: Conversation._refused,
    wire.SpeechStarted: lambda self, message: self._question.speech_started(message),
    wire.SpeechStopped: lambda self, message: self._question.speech_stopped(message),
    wire.Committed: Conversation._committed,
    wire.Transcribed: Conversation._written,
    wire.TranscriptDelta: Conversation._written,
    wire.BetaTranscriptDelta: Conversation._written,
    wire.ResponseCreated: lambda self, message: self._answer.created(message),
    wire.ResponseDone: lambda self, message: self._answer.done(message),
    wire.OutputItemAdded: Conversation._announced,
    wire.AudioDelta: Conversation._delta,
    wire.BetaAudioDelta: Conversation._delta,
    wire.AudioDone: lambda self, message: self._answer.sound_done(message),
    wire.BetaAudioDone: lambda self, message: self._answer.sound_done(message),
}
