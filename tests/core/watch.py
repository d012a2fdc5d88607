"""A stage that does whatever comes to its mind, under the eyes of a watchman.

`Watched` checks every promise of the core after every single event; `Walk` makes the events: an
impatient person, a server that is mostly sane, a bad network, and parts that come and go.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Literal

from core.stage import Sent, Stage
from device.core import events as ev
from device.core import tables, wire
from device.core.audio import RATE, Frames, frames_in
from device.core.events import Effect, Event, Part
from device.core.habits import BENIGN, ECHO_S
from device.core.ledger import ItemId
from device.core.light import LightState
from device.core.words import KEPT

AUDIBLE_TO_OTHERS = {LightState.LISTENING, LightState.HEARING}
LONGEST_S = 2.0
AT_REST = {
    LightState.IDLE,
    LightState.AWAKE,
    LightState.OFFLINE,
    LightState.FAULT,
    LightState.MUTED,
}


class Watched(Stage):
    """Every promise is checked after every event."""

    def __init__(self, *, preroll: Frames = Frames(0), **habits: Any) -> None:
        self.up = False
        self.preroll = preroll
        self.ordered_open = False
        self.corrected: set[str] = set()
        self.announced: dict[str, str] = {}
        self.begun: set[str] = set()
        self.dead: set[str] = set()
        super().__init__(
            online=False,
            preroll=preroll,
            longest_reply=Frames(int(LONGEST_S * RATE)),
            **habits,
        )

    def post(self, event: Event) -> list[Effect]:
        match event:
            case ev.LinkUp() | ev.LinkDown():
                self.up = isinstance(event, ev.LinkUp)
                self.corrected.clear()
                self.announced.clear()
                self.begun.clear()
                self.dead.clear()  # ids are those of one connection
            case ev.PartFailed(part=Part.MICROPHONE):
                self.ordered_open = False
            case ev.Received(message=wire.ResponseCreated() as message):
                self.begun.add(message.response.id)
            case ev.Received(message=wire.OutputItemAdded() as message):
                if message.response_id in self.begun:
                    self.announced.setdefault(message.item.id, message.response_id)
            case _:
                pass
        effects = super().post(event)
        self._check_light(effects)
        self._check_memory(effects)
        self._check_microphone()
        return effects

    def _perform(self, effect: Effect) -> None:
        match effect:
            case ev.Send() | ev.SendAudio():
                assert self.up, f"sent while the link was not up: {effect}"
            case ev.OpenMicrophone():
                assert self.preroll or not self.ordered_open, "opened twice"
                self.ordered_open = True
            case ev.CloseMicrophone():
                assert self.preroll or self.ordered_open, "closed twice"
                self.ordered_open = False
            case ev.Cut():
                self.dead |= set(self.announced)
            case ev.Say():
                assert self.reply == "quiet", "told over an answer"
                assert self.gate not in ("held", "latched"), "told into an open microphone"
            case ev.Play():
                assert effect.item in self.announced, "an unknown item is played"
                assert effect.item not in self.dead, "an item that was cut is played"
            case ev.Point():
                assert self.light is LightState.HEARING, "it points while nobody is heard"
            case ev.Hush():
                assert self.reply not in ("speaking", "held") or not self.speaker.answering, (
                    "an answer is hushed"
                )
            case _:
                pass
        super()._perform(effect)
        match effect:
            case ev.SendAudio():
                self._check_audio(self.audio.pop())
            case ev.Send(message=wire.TruncateItem() | wire.DeleteItem() as message):
                self._check_correction(message)
            case _:
                pass
        self.effects.clear()
        self.sent.clear()
        self.reports.clear()

    def _check_audio(self, sent: Sent) -> None:
        if sent.captured is None:
            return
        assert sent.light in AUDIBLE_TO_OTHERS, f"audio left while the light said {sent.light}"
        if self.talk.half_duplex:
            began, ended = sent.captured
            assert not self.speaker.sounded_between(began, ended), "our own voice was sent"
            since = self.now - ECHO_S + 1e-6
            echoes = self.speaker.sounded_between(since, self.now, begun_by=ended)
            assert not echoes, "sent into the echo"

    def _check_correction(self, message: wire.TruncateItem | wire.DeleteItem) -> None:
        assert message.item_id not in self.corrected, "corrected twice"
        self.corrected.add(message.item_id)
        if isinstance(message, wire.TruncateItem):
            item = ItemId(message.item_id)
            assert message.audio_end_ms > 0
            assert message.audio_end_ms * RATE <= self.speaker.audible[item] * 1000
            assert self.speaker.audible[item] <= self.speaker.received[item]

    def _check_light(self, effects: list[Effect]) -> None:
        shown = [place for place, it in enumerate(effects) if isinstance(it, ev.ShowLight)]
        assert shown in ([], [0]), "the light is the first effect, and only one"
        assert self.lights[-1] == self.talk.light, "the light says what was so before"
        del self.lights[:-1]

    def _check_memory(self, effects: list[Effect]) -> None:
        sent = [it.uplink.pcm for it in effects if isinstance(it, ev.SendAudio)]
        played = [it.pcm for it in effects if isinstance(it, ev.Play)]
        assert sum(map(frames_in, sent)) <= KEPT + RATE, "more was kept than 30 s"
        assert sum(map(frames_in, played)) <= LONGEST_S * RATE, "more was kept than a reply"

    def _check_microphone(self) -> None:
        if not self.preroll:
            assert self.ordered_open == (self.gate in ("held", "latched")), self.gate
        if self.gate == "muted":
            assert not self.ordered_open, "the microphone is open while muted"


Link = Literal["down", "opening", "up"]


class Walk:
    """Random events for one stage; `rest` lets everything come to an end."""

    def __init__(self, stage: Watched, seed: int) -> None:
        self.stage = stage
        self.random = random.Random(seed)
        self._number = 0
        self._responses: list[str] = ["none"]
        self._items: list[tuple[str, str]] = [("none", "none")]
        self._moves: list[tuple[Callable[[], None], int]] = [
            (self._button, 20), (self._bounce, 1), (self._wait, 34), (self._mute, 1),
            (self._voice, 6), (self._network, 3), (self._part, 2), (self._odd, 2),
            (self._reply, 8), (self._pieces, 12), (self._utterance, 10),
        ]  # fmt: skip

    @property
    def link(self) -> Link:
        """What the network does; a link that rests is down until it is dialled."""
        match self.stage.talk.link:
            case tables.Link.UP:
                return "up"
            case tables.Link.OPENING:
                return "opening"
            case _:
                return "down"

    def go(self, steps: int) -> None:
        self.random.choice([self._network, self._wait])()
        moves, weights = zip(*self._moves, strict=True)
        for move in self.random.choices(moves, weights, k=steps):
            move()

    def rest(self) -> None:
        """Nobody does anything any more: the device must come to rest."""
        stage = self.stage
        stage.voice = False
        stage.echo_db = 40.0
        stage.release()
        stage.wait(30.0)
        stage.wait(120.0)
        assert stage.gate in ("closed", "muted"), stage.gate
        assert stage.reply == "quiet", stage.reply
        assert stage.light in AT_REST, stage.light

    def _button(self) -> None:
        move = self.random.choice(["press", "press", "release", "release", "tap"])
        if move == "tap":
            self.stage.post(ev.Tapped(self.stage.now))
        elif move == "press":
            self.stage.press()
        else:
            self.stage.release()

    def _bounce(self) -> None:
        """Twenty presses a second, or contacts that bounce."""
        pause = self.random.choice([0.0005, 0.003, 0.025])
        for _ in range(self.random.randrange(2, 12)):
            self.stage.press()
            self.stage.wait(pause)
            self.stage.release()
            self.stage.wait(pause)

    def _wait(self) -> None:
        self.stage.wait(self.random.choice([0.0, 0.01, 0.04, 0.1, 0.25, self.random.random()]))

    def _mute(self) -> None:
        self.stage.mute(on=self.random.random() < 0.4)

    def _voice(self) -> None:
        self.stage.voice = not self.stage.voice
        if self.random.random() < 0.2:
            self.stage.echo_db = self.random.choice([None, 0.0, 20.0, 40.0, 40.0])

    def _network(self) -> None:
        stage = self.stage
        if self.link == "down":
            stage.post(ev.Dialing(stage.now))
        elif self.link == "opening" and self.random.random() < 0.8:
            self._responses, self._items = ["none"], [("none", "none")]
            stage.post(ev.LinkUp(stage.now))
        elif self.link == "up" and self.random.random() < 0.2:
            self._responses, self._items = ["none"], [("none", "none")]
            stage.renew()
        elif self.link == "opening" or self.random.random() < 0.15:
            stage.lose(self.random.choice(["network", "dns"]))

    def _part(self) -> None:
        part = self.random.choice(list(Part))
        if self.random.random() < 0.3:
            self.stage.fail(part, f"{part.value}-lost")
        else:
            self.stage.post(ev.PartReady(self.stage.now, part))

    def _odd(self) -> None:
        stage = self.stage
        if self.random.random() < 0.2:
            stage.post(ev.PartLate(stage.now, "playout", 5.0))
            stage.post(ev.PartAnswers(stage.now, "playout", 5.1))
        code = self.random.choice([*sorted(BENIGN), "server_error", "invalid_value"])
        ill = self.random.choice(["clips", "is weak (23 dB below the others)", ""])
        odd: list[Event] = [
            ev.Xrun(stage.now, Part.SPEAKER),
            ev.CardsChanged(stage.now),
            ev.PartPoor(stage.now, Part.MICROPHONE, "microphone-silent", "zeros"),
            ev.PartFine(stage.now, Part.MICROPHONE, "microphone-silent"),
            ev.ChannelTurned(stage.now, 2, ill, "see its wiring" if ill else "", left_out=True),
            ev.Bearing(stage.now, self.random.uniform(-180.0, 180.0)),
            ev.SettingsWrong(stage.now),
            ev.SettingsRight(stage.now),
        ]
        heard: list[Event] = [
            ev.Garbled(stage.now, "not JSON"),
            ev.Received(stage.now, wire.Unknown("rate_limits.updated")),
            ev.Received(stage.now, wire.SpeechStopped("u")),
            ev.Received(stage.now, wire.ServerError(wire.Fault("no", code))),
        ]
        stage.post(self.random.choice(odd + heard if self.link == "up" else odd))

    def _new(self, letter: str) -> str:
        self._number += 1
        return f"{letter}{self._number}"

    def _reply(self) -> None:
        """A whole reply in order, as most are."""
        if self.link != "up":
            return
        response, item = self._new("r"), self._new("a")
        self._responses.append(response)
        self._items.append((response, item))
        self.stage.begins(response)
        if self.random.random() < 0.7:
            self.stage.sounds(response, item, self.random.choice([0.0001, 0.1, 0.7, 1.5, 3.0]))
        if self.random.random() < 0.8:
            self.stage.finishes(response)

    def _pieces(self) -> None:
        """Parts of replies, in any order, of any age, sane or not."""
        if self.link != "up":
            return
        response, item = self.random.choice(self._items[-4:])
        other = self.random.choice(self._responses[-3:])
        match self.random.randrange(6):
            case 0:
                self.stage.begins(other)
            case 1:
                self.stage.says(wire.OutputItemAdded(other, wire.ItemInfo(item)))
            case 2 | 3:
                seconds = self.random.choice([0.0, 0.02, 0.3])
                self.stage.piece(self.random.choice([response, response, other]), item, seconds)
            case 4:
                self.stage.says(wire.AudioDone(response, item))
            case _:
                self._finish(other)

    def _finish(self, response: str) -> None:
        match self.random.randrange(4):
            case 0:
                self.stage.finishes(response, "cancelled", reason="turn_detected")
            case 1:
                self.stage.finishes(response, "cancelled", reason="client_cancelled")
            case 2:
                self.stage.finishes(response, "failed", error={"code": "server_error"})
            case _:
                self.stage.finishes(response)

    def _utterance(self) -> None:
        if self.link != "up":
            return
        item = f"u{self._number + self.random.randrange(2)}"
        if self.random.random() < 0.5:
            self.stage.notices(item)
        else:
            self.stage.takes(item)
            if self.random.random() < 0.5:
                self._reply()
