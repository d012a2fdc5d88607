"""The person's side: the gate, what the microphone hears, and when a turn ends.

Runs the Gate region. In the hands-free way the server alone ends turns; a released button ends
them at once, or lets the server do it while silence keeps its clock going (`talk.release`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from device.core import events as ev
from device.core import wire
from device.core.ahead import Ahead
from device.core.answer import Answer
from device.core.audio import RATE, MicBlock, Ms, frames_of
from device.core.connection import Connection
from device.core.events import Timer
from device.core.gate import Closed, Closing, GateState, Held, Latched, Muted, Open, Tail, step
from device.core.habits import (
    CLOSING_LATE_S,
    KEPT_AWAITING,
    REPEATS,
    SPOKEN_MS,
    TAIL_HEARING_S,
    TAIL_TICK_MS,
    TURN_OLD_S,
    Habits,
)
from device.core.linger import Linger
from device.core.listener import Listener
from device.core.notices import Notices
from device.core.outlet import Outlet
from device.core.rest import Rest, rest_of
from device.core.tables import GATE, Action, GateSignal, Reply, ReplySignal
from device.core.uplinks import Utterances
from device.core.words import KEPT, Words


class Question:
    """The Gate region with what it owns. `now` is the time of the event being handled."""

    def __init__(
        self,
        habits: Habits,
        outlet: Outlet,
        ignored: Counter[str],
        *,
        connection: Connection,
        answer: Answer,
        words: Words,
        notices: Notices,
        listener: Listener,
        ahead: Ahead,
    ) -> None:
        self.gate: GateState = Closed()
        self.now = 0.0
        self._habits = habits
        self._outlet = outlet
        self._ignored = ignored
        self._connection = connection
        self._answer = answer
        self._utterances = Utterances()
        self._words = words
        self._notices = notices
        self._listener = listener
        self._ahead = ahead
        self._linger = Linger(habits, outlet)
        self._pressed_at = self._tail_until = 0.0
        self._left_at = -math.inf

    @property
    def hearing(self) -> bool:
        """Somebody speaks, says the local VAD."""
        return self._listener.hearing

    @property
    def goes_on(self) -> bool:
        """The person is not done: holds the button, or said more than the server has taken."""
        more = isinstance(self.gate, Tail) and self._words.untaken_spoken >= SPOKEN_MS
        return more or isinstance(self.gate, Held | Closing)

    @property
    def rest(self) -> Rest:
        """Whether the blocks of the open gate leave now."""
        return rest_of(
            self.gate,
            self._answer.state,
            up=self._connection.up,
            half_duplex=self._listener.half_duplex,
            deaf=self.now < self._answer.deaf_until,
            heard=self._listener.hearing or self._utterances.open is not None,
        )

    @property
    def leaving(self) -> bool:
        """Words that waited leave by this very event, after the gate has closed."""
        return self._left_at == self.now

    def signal(self, signal: GateSignal) -> None:
        """Move the region by one signal."""
        row = GATE.get((type(self.gate), signal))
        if row is not None:
            self.gate = step(self.gate, row.to)
            for action in row.do:
                ACTIONS[action](self)

    # The button.

    def pressed(self) -> None:
        """The button went down: over a reply it interrupts, else it opens or closes the gate."""
        busy = self._answer.state is not Reply.QUIET
        self._pressed_at = self.now
        if busy:
            self._answer.interrupted()
        self.signal(GateSignal.INTERRUPT if busy else GateSignal.PRESS)

    def released(self) -> None:
        """The button came up: it was a tap or a hold."""
        tapped = self._habits.is_tap(self.now - self._pressed_at)
        self.signal(GateSignal.TAP if tapped else GateSignal.LET_GO)
        self._let_out()

    def muted(self) -> None:
        """The mute switch is on: the microphone closes, and what it heard ahead is forgotten."""
        self.signal(GateSignal.MUTE)
        if self._habits.ahead:
            self._ahead.forget()
            self._outlet.do(ev.CloseMicrophone())

    def unmuted(self) -> None:
        """The mute switch is off."""
        self.signal(GateSignal.UNMUTE)
        self.listen_ahead()

    # The microphone.

    def listen_ahead(self) -> None:
        """The microphone may be open though the gate is closed; never while muted."""
        if self._habits.ahead and not isinstance(self.gate, Open | Muted):
            self._outlet.do(ev.OpenMicrophone())

    def heard(self, event: ev.MicHeard) -> None:
        """One block: listen to it, and let it out if it may leave."""
        block, gate = event.block, self.gate
        if not isinstance(gate, Open):
            self._hear_ahead(block)
            return
        spoken = self._listener.hear(event)
        if self._listener.hearing:
            self._linger.heard(self.now, confirmed=self._utterances.open is not None)
        if self._answer.turn.first_block_at is None:
            self._answer.turn.first_block_at = self.now
        rest = self.rest
        if rest is Rest.DROP or self._echoes(block):
            self._words.hold_back()
            return
        awaiting = self._connection.up and self._answer.state is Reply.AWAITED
        limit = KEPT_AWAITING if awaiting and rest is Rest.KEEP else KEPT
        self._words.keep(gate.mic.admit(block), spoken=spoken, limit=limit)
        if rest is Rest.SEND:
            self._send_words()

    def _hear_ahead(self, block: MicBlock) -> None:
        """Keep it in RAM; a voice may open the gate, if it is not our own."""
        if not self._habits.ahead or isinstance(self.gate, Muted):
            return
        if self._ahead.hear(block, at=self.now, ourselves=self._answer.aloud):
            self.signal(GateSignal.WAKE)

    def _echoes(self, block: MicBlock) -> bool:
        """Half duplex: it may hold our own voice."""
        return self._listener.half_duplex and block.began < self._answer.echo_until

    def _send_words(self) -> None:
        lost = self._words.take_loss()
        if lost:
            self._lost(f"{lost / RATE:.1f} s of speech were lost: the link was down")
        self._outlet.do(*map(ev.SendAudio, self._words.leave()))

    def _lost(self, what: str) -> None:
        quietly = self._listener.half_duplex and isinstance(self.gate, Open)
        self._notices.lost(what, aloud=not quietly)

    # The end of a turn.

    def mic_closed(self) -> None:
        """The capture PCM is closed, its last block is in: who takes the turn?"""
        if isinstance(self.gate, Closing):
            self._outlet.do(ev.StopTimer(Timer.CLOSING))
            self._end()
        self.listen_ahead()

    def mic_failed(self) -> None:
        """The microphone cannot be used: what was said is a turn, as after a release."""
        self._ahead.forget()
        self.signal(GateSignal.MIC_BROKE if self._said else GateSignal.MIC_FAILED)
        if isinstance(self.gate, Closing):
            self.mic_closed()
        self._let_out()

    def _end(self) -> None:
        spoken_to = self._utterances.open is not None
        if self._may_commit():
            self._commit()
        elif self._answer.state is not Reply.QUIET and not spoken_to:
            self._words.hold_back()
            self._taken()
        else:
            self.signal(GateSignal.PENDING)

    def _taken(self) -> None:
        self.signal(GateSignal.TAKEN)
        self._let_out()

    def _may_commit(self) -> bool:
        """The button ends the turn, the server hears it, and no word of it still waits here."""
        heard = self._utterances.open is not None and not self._words.waiting
        return heard and self.rest is Rest.SEND and self._habits.release == "commit"

    def _let_out(self) -> None:
        """Nobody holds the button any more: what was withheld may sound."""
        if self._answer.state is Reply.WITHHELD and not self.goes_on:
            self._answer.signal(ReplySignal.LET_OUT)

    def _commit(self) -> None:
        """End the turn ourselves and ask for the reply."""
        self._outlet.send(wire.Commit(), wire.CreateResponse())
        self._utterances.commit()
        self._words.took()
        self.signal(GateSignal.TAKEN)
        self._answer.signal(ReplySignal.ASKED)

    def tail_tick(self) -> None:
        """One step of the silence after a release: it keeps the server's clock going."""
        if not isinstance(self.gate, Tail):
            return
        waiting = self.now < self._tail_until
        self._outlet.do(ev.SetTimer(Timer.TAIL, TAIL_TICK_MS / 1000))
        if self.rest is not Rest.SEND:
            if not waiting and not self._connection.up:
                lost = f"a turn of {self._words.waiting_s:.1f} s is lost"
                self._lost(f"{lost}: the link did not come back in {TURN_OLD_S:.0f} s")
                self._give_up()
        elif self._words.waiting:
            self._send_words()
            self._left_at = self.now  # the light says so; the rest is for the next tick
        elif self._may_commit():
            self._commit()
        else:
            length = frames_of(TAIL_TICK_MS)
            self._words.silence(length)
            self._outlet.do(ev.SendAudio(self.gate.silence.frames(length)))
            if not waiting:
                self._settle()

    @property
    def _said(self) -> bool:
        """Somebody spoke, say the server or we, and no server has taken it yet."""
        return self._utterances.open is not None or self._words.untaken_spoken >= SPOKEN_MS

    def _settle(self) -> None:
        """The tail has lasted long enough: take the turn, or say that there was none."""
        if self._said:
            self._commit()
        else:
            self._outlet.report("nothing-heard", {}, "the button was held and nothing was said")
            self._give_up()

    def _give_up(self) -> None:
        self._clear()
        self._taken()

    def quiet_spell(self) -> None:
        """Close once nobody has said anything for `linger_s`; until then wait for the rest."""
        if not isinstance(self.gate, Latched):
            return
        spoken_to = self._utterances.open is not None
        hearing = self._listener.hearing and self._linger.heard(self.now, confirmed=spoken_to)
        busy = self._answer.state is not Reply.QUIET or hearing
        if self._linger.over(self.now, busy=busy, up=self._connection.up):
            kept = self._words.waiting_spoken >= SPOKEN_MS
            self.signal(GateSignal.WORDS_KEPT if kept else GateSignal.QUIET_SPELL)

    def reply_ended(self) -> None:
        """The assistant is quiet again: the spell begins anew."""
        self._linger.noticed(self.now)

    # What the server makes of it.

    def link_up(self) -> None:
        """A server listens, and has heard nothing yet."""
        if isinstance(self.gate, Tail):
            self._start_tail()

    def link_lost(self) -> bool:
        """The server is lost with all it heard. True: the turn it had taken is asked again."""
        self._utterances = Utterances()
        self._words.link_lost()
        awaited = self._answer.state in (Reply.AWAITED, Reply.WITHHELD)
        kept = self._words.waiting and not isinstance(self.gate, Muted)
        again = awaited and kept and self._words.repeats < REPEATS
        if again:
            self._words.repeats += 1
            self.signal(GateSignal.ASK_AGAIN)
        elif awaited:
            self._words.clear()
            what = "the link was lost before an answer came"
            self._answer.turn.trouble = "no-answer"
            self._outlet.complain(self._answer.turn.trouble, what, "ask again")
        if isinstance(self.gate, Tail):
            self._start_tail()
        elif isinstance(self.gate, Latched):
            self._linger.wait(up=self._connection.up)
        elif not isinstance(self.gate, Open):
            self._words.clear()
        return again

    def speech_started(self, message: wire.SpeechStarted) -> None:
        """The server hears the person."""
        if not isinstance(self.gate, Open | Tail) or not self._utterances.started(message.item_id):
            self._ignored["speech_started: no news"] += 1
            return
        self._linger.noticed(self.now)
        if self._answer.state is not Reply.QUIET:
            self._answer.signal(ReplySignal.TALKED_OVER)
        elif isinstance(self.gate, Tail) and self._may_commit():
            self._commit()

    def speech_stopped(self, message: wire.SpeechStopped) -> None:
        """The server says where an utterance ends; `committed` follows."""
        self._utterances.stopped(message.item_id, message.audio_end_ms)

    def committed(self, message: wire.Committed) -> None:
        """The server has taken an utterance."""
        until = self._utterances.end_of(message.item_id)
        if not self._utterances.taken(message.item_id):
            self._ignored["committed: no news"] += 1
            return
        self._linger.noticed(self.now)
        self._words.took(until)
        if isinstance(self.gate, Open | Tail):
            self._answer.signal(ReplySignal.ASKED)
        if isinstance(self.gate, Tail) and not self.goes_on:
            self._taken()

    def nothing_to_commit(self) -> None:
        """Our commit came too late: the server had taken the utterance already."""
        self._utterances.refused()

    # What the rows do.

    def _begin_turn(self) -> None:
        self._listener.begin()
        self._words.clear()
        self._answer.turn.pressed_at = self.now
        self._answer.turn.first_block_at = None

    def _open_mic(self) -> None:
        assert isinstance(self.gate, Held | Latched), "only a press, or a voice, opens it"
        for block in self._ahead.take():
            if not self._echoes(block):
                self._words.keep(self.gate.mic.admit(block), spoken=Ms(0))
        self._outlet.do(ev.OpenMicrophone())
        self._answer.tone(ev.Cue.LISTENING)

    def _close_mic(self) -> None:
        self._outlet.do(ev.CloseMicrophone())
        self._ahead.closed(self.now)
        self._answer.tone(ev.Cue.DONE)

    def _clear(self) -> None:
        """Forget a turn that will not be taken, here and at the server."""
        self._words.clear()
        self._utterances.open = None
        if self._connection.up:
            self._outlet.send(wire.Clear())

    def _start_tail(self) -> None:
        patience = TAIL_HEARING_S if self._habits.release == "commit" else self._habits.backstop_s
        self._tail_until = self.now + (patience if self._connection.up else TURN_OLD_S)
        self._outlet.do(ev.SetTimer(Timer.TAIL, 0.0))


ACTIONS: Final[Mapping[Action, Callable[[Question], None]]] = {
    Action.BEGIN_TURN: Question._begin_turn,
    Action.OPEN_MIC: Question._open_mic,
    Action.CLOSE_MIC: Question._close_mic,
    Action.AWAIT_LAST_BLOCK: lambda self: self._outlet.do(
        ev.SetTimer(Timer.CLOSING, CLOSING_LATE_S)
    ),
    Action.CLEAR: Question._clear,
    Action.START_TAIL: Question._start_tail,
    Action.STOP_TAIL: lambda self: self._outlet.do(ev.StopTimer(Timer.TAIL)),
    Action.LINGER: lambda self: self._linger.begin(self.now, up=self._connection.up),
}
"""How each word of the Gate table is done."""
