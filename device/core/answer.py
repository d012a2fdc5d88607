"""The assistant's side: which reply is wanted, what of it is played, what of it was heard.

Runs the Reply region. A reply may be cut while it is generated, after that (the most common case:
sound arrives faster than it plays), before anything of it came, or before it was even announced:
in all four the person must hear silence at once, and the server must learn what was heard.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from device.core import events as ev
from device.core import wire
from device.core.audio import PERIOD, frames_in
from device.core.duplex import Duplex
from device.core.events import Timer
from device.core.habits import (
    CUT_LATE_S,
    SENTENCE_S,
    SLOW_S,
    THINKING_S,
    USAGE_LATE_S,
    VOICE_S,
    Habits,
)
from device.core.ledger import CUE, ItemId
from device.core.outlet import Outlet
from device.core.reply import Replies
from device.core.tables import REPLY, Action, Reply, ReplySignal
from device.core.turn import Turn
from device.core.wire import ResponseId
from device.core.words import Words


class Answer:
    """The Reply region with what it owns. `now` is the time of the event being handled."""

    def __init__(
        self,
        habits: Habits,
        outlet: Outlet,
        ignored: Counter[str],
        *,
        words: Words,
        duplex: Duplex,
    ) -> None:
        self.state = Reply.QUIET
        self.turn = Turn()
        self.now = 0.0
        self.echo_until = self.deaf_until = -math.inf
        """Half duplex: what is captured before the first, even in part, may hold our own voice and
        is dropped. Nothing leaves before the second: the first words over a reply wait for it."""
        self.silenced_at = -math.inf
        """When a voice, as it seemed, has last silenced us in mid-reply."""
        self._habits = habits
        self._outlet = outlet
        self._ignored = ignored
        self._words = words
        self._duplex = duplex
        self._replies = Replies()
        self._awaited_since = 0.0
        self._tones = 0
        """Of the device's own, given to the speaker so far."""
        self._ending: Turn | None = None
        self._kept: list[ev.Play] = []
        self._arrived = ev.Play(ItemId(""), b"")
        self._length = 0
        self._orphans = 0

    @property
    def busy(self) -> bool:
        """A reply is awaited or being made."""
        return self.state is Reply.AWAITED or self._replies.active is not None

    @property
    def sounding(self) -> bool:
        """A reply is being played, or held for a moment."""
        return self.state in (Reply.SPEAKING, Reply.HELD)

    @property
    def aloud(self) -> bool:
        """The room sounds of ourselves, or is about to."""
        return self.state is not Reply.QUIET or self.now < max(self.echo_until, self.deaf_until)

    def signal(self, signal: ReplySignal) -> None:
        """Move the region by one signal."""
        row = REPLY.get((self.state, signal))
        if row is None:
            self._ignored[f"{signal.value}, while {self.state.value}"] += 1
            return
        if self.state is Reply.SPEAKING and signal in (ReplySignal.VOICE, ReplySignal.TALKED_OVER):
            self.silenced_at = self.now
        self.state = row.to
        if row.to is not Reply.AWAITED:
            self._outlet.do(ev.StopTimer(Timer.REPLY))
        if row.to is not Reply.HELD:
            self._outlet.do(ev.StopTimer(Timer.VOICE))
        for action in row.do:
            ACTIONS[action](self)

    def interrupted(self) -> None:
        """A press. A reply that is asked for and not yet announced will be cancelled on arrival."""
        if self.state is Reply.AWAITED and self._replies.active is None:
            self._orphans = 1
        self.turn.interrupted = self.state is not Reply.QUIET
        self.signal(ReplySignal.INTERRUPTED)

    def connection_changed(self) -> None:
        """The server is another one: nobody can be told of the old one's replies any more."""
        if self.sounding and self._replies.unfinished:
            what = "the link was lost in the middle of an answer"
            self.turn.trouble = "broken-answer"
            self._outlet.complain(self.turn.trouble, what, "ask again")
        self._replies = Replies()
        self._orphans = 0

    def refused(self) -> None:
        """The server refused a request: no reply to it will come."""
        self._orphans = 0

    # What the server sends.

    def created(self, message: wire.ResponseCreated) -> None:
        """A reply begins."""
        response = ResponseId(message.response.id)
        if not self._replies.created(response):
            self._ignored["response.created: repeated"] += 1
        elif self._orphans:
            self._orphans = 0
            self._cancel()
            self._replies.disown()
        else:
            self.turn.opened(response)
            if self.state is Reply.QUIET:
                self.signal(ReplySignal.ASKED)
            elif self.state is Reply.AWAITED:  # a sign of life: be patient once more
                self._awaited_since = self.now

    def announced(self, message: wire.OutputItemAdded) -> None:
        """A reply has a further item."""
        self._replies.announced(ResponseId(message.response_id), ItemId(message.item.id))

    def delta(self, message: wire.AudioDelta, *, held: bool) -> None:
        """Sound. `held`: the person still holds the button, so it must wait."""
        item = ItemId(message.item_id)
        if not self._replies.playable(ResponseId(message.response_id), item):
            self._ignored["audio of an unknown or cancelled item"] += 1
            return
        if not message.delta:
            self._ignored["audio without a sample"] += 1
            return
        length = max(PERIOD, frames_in(message.delta))  # crumbs cost more than their sound
        if self._length + length > self._habits.longest_reply:
            self._ignored["audio beyond the longest reply"] += 1
            self._replies.shorten(item)
            return
        if self.turn.first_delta_at is None:
            self.turn.first_delta_at = self.now
        self._length += length
        self._arrived = ev.Play(item, message.delta)
        self.signal(ReplySignal.AUDIO_HELD if held else ReplySignal.AUDIO)

    def sound_done(self, message: wire.AudioDone) -> None:
        """All sound of an item was sent."""
        self._replies.complete(ItemId(message.item_id))

    def done(self, message: wire.ResponseDone) -> None:
        """A reply is generated, cancelled or failed."""
        response = ResponseId(message.response.id)
        details = message.response.status_details or {}
        ours = self._replies.active == response
        given_up = self._replies.disowned(response)
        self._replies.done(response)
        for turn in (self.turn, self._ending):
            if turn is not None and response in turn.open_replies:
                turn.settled(message.response)
        if message.response.failure is not None and ours:
            fault = message.response.failure
            what = f"the reply failed: {fault.message[:200]}"
            self._outlet.complain(str(fault.code or "server")[:64], what, "ask again")
        if ours and not given_up:
            # Some servers say that the person speaks only by cancelling, and first.
            cancelled = details.get("reason") == "turn_detected"
            self.signal(ReplySignal.TALKED_OVER if cancelled else ReplySignal.OVER)
        self._write_ending()

    # What the speaker does.

    def sounded(self, event: ev.Sounded) -> None:
        """The first sound of an item is audible."""
        speaking = self.sounding and event.item != CUE
        if speaking and self.turn.sounded_at is None:
            self.turn.sounded_at = event.at

    def played(self, event: ev.PlayoutEnded) -> None:
        """The speaker is silent: tell the server what was not heard, in order."""
        if event.tones >= self._tones:  # else one is yet to sound: what ended was before it
            self.echo_until = self.now + self._habits.output_delay_s
            self.deaf_until = self.now + self._habits.fades_s
        accounts = tuple(one for one in event.account if one.item != CUE)
        for account in accounts:
            correction = self._replies.correction(account)
            if correction is not None:
                self._outlet.send(correction)
        if self._ending is not None and self._ending.sounding:
            self._ending.played(accounts)
            self._write_ending()
        elif self.sounding:
            self.turn.played(accounts)
            if any(account.heard < account.received for account in accounts):
                self._replies.disown()  # the speaker failed in mid-reply
            if self.turn.sounding:
                return  # more was on its way to the speaker while that fell silent
            if self._duplex.half:
                self.echo_until = self.deaf_until
                self._outlet.do(ev.SetTimer(Timer.ECHO, self._habits.fades_s))
            else:
                self.signal(ReplySignal.ENDED)

    def late(self, timer: Timer) -> None:
        """One of the reply's clocks ran out."""
        match timer:
            case Timer.REPLY:
                self._waits()
            case Timer.ECHO:
                self.signal(ReplySignal.ENDED)
            case _:
                self._write_ending(waiting=False)

    def tone(self, cue: ev.Cue) -> None:
        """Sound a tone, if the owner wants such tones."""
        hours = cue in (ev.Cue.LISTENING, ev.Cue.DONE)
        if self._habits.tells == "all" or (self._habits.tells == "failures" and not hours):
            self._outlet.do(ev.Sound(cue))
            self.deafen()

    def deafen(self) -> int:
        """The speaker is to sound of ourselves: half duplex is deaf until it is silent.

        Returns the number of this tone, or sentence, as `PlayoutEnded` counts them.
        """
        self.echo_until = self.now + SENTENCE_S
        self._tones += 1
        return self._tones

    def _waits(self) -> None:
        """Still no sound of the reply: say so, in steps, and do something about it at last."""
        waited = round(self.now - self._awaited_since, 3)  # a clock may be a hair early
        steps = (THINKING_S, SLOW_S, self._habits.patience_s)
        if waited >= self._habits.patience_s:
            self.signal(ReplySignal.LATE)
        elif waited >= SLOW_S:
            what = f"no sound of a reply for {waited:.0f} s: the connection is slow"
            self._outlet.report("slow", {"waited_s": round(waited, 1)}, what, level="warning")
        elif waited >= THINKING_S and not self._duplex.half:
            self.tone(ev.Cue.THINKING)
        left = min((step - waited for step in steps if step > waited), default=SLOW_S)
        self._outlet.do(ev.SetTimer(Timer.REPLY, left))

    # What the rows do.

    def _expect(self) -> None:
        self.turn.asked_at = self._awaited_since = self.now
        self.turn.first_delta_at = None
        self._outlet.do(ev.SetTimer(Timer.REPLY, THINKING_S))

    def _play(self) -> None:
        self._outlet.do(ev.StopTimer(Timer.ECHO), self._arrived)
        self.turn.sounding += frames_in(self._arrived.pcm)

    def _keep(self) -> None:
        self._kept.append(self._arrived)

    def _play_kept(self) -> None:
        self._outlet.do(*self._kept)
        self.turn.sounding += sum(frames_in(play.pcm) for play in self._kept)
        self._kept.clear()
        if self._replies.active is None:
            self._outlet.do(ev.EndPlay())

    def _drop_kept(self) -> None:
        for item in dict.fromkeys(play.item for play in self._kept):
            if self._replies.knows(item):
                self._outlet.send(wire.DeleteItem(item))
        self._kept.clear()
        self._length = 0

    def _end_play(self) -> None:
        self._outlet.do(ev.EndPlay())

    def _hold(self) -> None:
        self._outlet.do(ev.Hold(), ev.SetTimer(Timer.VOICE, VOICE_S))

    def _go_on(self) -> None:
        self._outlet.do(ev.GoOn())

    def _cut(self) -> None:
        self._write_ending(waiting=False)
        self._outlet.do(ev.Cut(), ev.StopTimer(Timer.ECHO), ev.SetTimer(Timer.TURN, USAGE_LATE_S))
        self._ending, self.turn = self.turn, Turn(self.turn.number + 1)
        self._ending.interrupted = True
        self._length = 0
        self.echo_until = self.deaf_until = self.now + CUT_LATE_S

    def _cancel(self) -> None:
        if self._replies.active is not None:
            self._outlet.send(wire.CancelResponse(self._replies.active))

    def _disown(self) -> None:
        self._replies.disown()

    def _close_turn(self) -> None:
        self._write(self.turn)
        self.turn = Turn(self.turn.number + 1)
        self._length = 0

    def _forget(self) -> None:
        self._words.answered()

    def _redial(self) -> None:
        what = f"no reply came within {self._habits.patience_s:.0f} s"
        self._outlet.do(ev.Redial("server", what))

    def _write_ending(self, *, waiting: bool = True) -> None:
        """Write down the turn that was cut, once its sound is over and its usage is in."""
        turn = self._ending
        if turn is not None and not (waiting and turn.unsettled):
            self._write(turn)
            self._ending = None
            self._outlet.do(ev.StopTimer(Timer.TURN))

    def _write(self, turn: Turn) -> None:
        if turn.asked_at is not None:
            self._outlet.report("turn", turn.fields(self._habits.price), turn.sentence())


ACTIONS: Final[Mapping[Action, Callable[[Answer], None]]] = {
    Action.EXPECT: Answer._expect,
    Action.PLAY: Answer._play,
    Action.KEEP: Answer._keep,
    Action.PLAY_KEPT: Answer._play_kept,
    Action.DROP_KEPT: Answer._drop_kept,
    Action.END_PLAY: Answer._end_play,
    Action.HOLD: Answer._hold,
    Action.GO_ON: Answer._go_on,
    Action.CUT: Answer._cut,
    Action.CANCEL: Answer._cancel,
    Action.DISOWN: Answer._disown,
    Action.CLOSE_TURN: Answer._close_turn,
    Action.FORGET: Answer._forget,
    Action.REDIAL: Answer._redial,
}
"""How each word of the Reply table is done."""
