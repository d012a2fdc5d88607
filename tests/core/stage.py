"""A stage for the core: one conversation, a virtual clock, and everybody it talks to.

The microphone, the loudspeaker and the timers act by themselves as time passes; the person, the
server and the network do what the test says. Nothing sleeps.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import numpy as np

from core.speaker import Speaker
from device.core import events as ev
from device.core import wire
from device.core.ahead import VoiceWaker, Waker
from device.core.audio import FRAME_BYTES, RATE, Frames, MicBlock, frames_in, silence
from device.core.conversation import Conversation
from device.core.events import Effect, Event, Part, Timer
from device.core.habits import Habits
from device.core.ledger import CUE, ItemId
from device.core.light import Light, LightState

BLOCK_S = 0.040
CUT_S = 0.005
TONE_S = 0.1
SENTENCE_S = 1.5
CLOSE_S = 0.010
REDIAL_S = 0.010
Message = TypeVar("Message", bound=wire.ClientEvent)
Wakes = Callable[[], Waker]

_rng = np.random.default_rng(7)


def _blocks(amplitude: float) -> list[np.ndarray[Any, Any]]:
    noise = _rng.normal(0, amplitude, (16, round(BLOCK_S * RATE)))
    return [block.astype("<i2") for block in noise]


VOICE, ROOM = _blocks(4000.0), _blocks(3.0)


@dataclass(frozen=True)
class Sent:
    """Audio that left: its samples, when, under which light, and when it was captured."""

    pcm: bytes
    at: float
    light: LightState
    captured: tuple[float, float] | None
    """None: silence of ours."""

    @property
    def seconds(self) -> float:
        return frames_in(self.pcm) / RATE


class Stage:
    """The conversation with its surroundings. Online and idle unless told otherwise."""

    def __init__(self, *, online: bool = True, waker: Wakes = VoiceWaker, **habits: Any) -> None:
        self.now = 1000.0
        self.talk = Conversation(Habits(**habits), waker=waker)
        self.speaker = Speaker()
        self.effects: list[Effect] = []
        self.lights: list[Light] = []
        self.audio: list[Sent] = []
        self.sent: list[wire.ClientEvent] = []
        self.reports: list[ev.Report] = []
        self.cues: list[ev.Cue] = []
        self.said: list[str] = []
        self.microphone_open = False
        self.timers: dict[Timer, float] = {}
        self.voice = False
        self.echo_db: float | None = None
        """What a canceller takes of our own voice; None: there is no canceller."""
        self._captured: dict[int, tuple[float, float]] = {}
        self._numbers = count(1)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._opened_at = 0.0
        self._cutting = False
        self._after_cut: list[Effect] = []
        self.perform(self.talk.start())
        for part in Part:
            self.post(ev.PartReady(self.now, part))
        if online:
            self.connect()

    # The person.

    def press(self) -> None:
        self.post(ev.Pressed(self.now))

    def release(self) -> None:
        self.post(ev.Released(self.now))

    def tap(self) -> None:
        self.press()
        self.wait(0.1)
        self.release()

    def hold(self, seconds: float) -> None:
        """Press, speak for so long, release."""
        self.press()
        self.speak(seconds)
        self.release()

    def speak(self, seconds: float) -> None:
        self.voice = True
        self.wait(seconds)
        self.voice = False

    def wait(self, seconds: float) -> None:
        """Let time pass: timers, microphone and loudspeaker do what is due, in order."""
        until = self.now + seconds
        while (due := self._next()) is not None and due[0] <= until:
            self.now = max(self.now, due[0])
            due[1]()
        self.now = until

    def mute(self, *, on: bool = True) -> None:
        self.post(ev.MuteChanged(self.now, muted=on))

    # The network and the parts.

    def connect(self, *differences: str) -> None:
        self.post(ev.Dialing(self.now))
        self.post(ev.LinkUp(self.now, differences))

    def renew(self) -> None:
        """A second session takes the place of the first."""
        self.post(ev.LinkUp(self.now, renewed=True))

    def lose(self, code: str = "network") -> None:
        self.post(ev.LinkDown(self.now, code, "it broke", "it is dialled again"))

    def fail(self, part: Part, code: str = "busy") -> None:
        """A part goes away. What the driver does then: the microphone's is closed."""
        if part is Part.MICROPHONE:
            self.microphone_open = False
        elif self.speaker.sounding:
            self._ended(self.speaker.stop(self.now, unsure=True))
        self.post(ev.PartFailed(self.now, part, code, "it is gone", "plug it in"))

    def jam(self) -> None:
        """Whatever a driver was about to answer, it does not."""
        self._due.clear()

    # The server.

    def says(self, message: wire.ServerEvent | wire.Unknown) -> None:
        self.post(ev.Received(self.now, message))

    def notices(self, item: str) -> None:
        """The server's VAD hears the person."""
        self.says(wire.SpeechStarted(item))

    def takes(self, item: str, *, until: float | None = None) -> None:
        """The server takes an utterance; `until` is its end on the server's audio clock."""
        if until is not None:
            self.says(wire.SpeechStopped(item, round(until * 1000)))
        self.says(wire.Committed(item))

    def writes(self, item: str, text: str) -> None:
        """The server writes down what the person said."""
        self.says(wire.Transcribed(item, text))

    def words(self, item: str, text: str) -> None:
        """The server writes down what it says."""
        self.says(wire.TranscriptDelta(item, text))

    @property
    def told(self) -> list[tuple[str, str]]:
        """What the server was told of earlier turns."""
        return [(it.item.role, it.item.content[0].text) for it in self.messages(wire.CreateItem)]

    def begins(self, response: str) -> None:
        self.says(wire.ResponseCreated(wire.ResponseInfo(response)))

    def sounds(self, response: str, item: str, seconds: float) -> None:
        """One item of a reply, in pieces, faster than it plays."""
        self.says(wire.OutputItemAdded(response, wire.ItemInfo(item)))
        self.piece(response, item, seconds)
        self.says(wire.AudioDone(response, item))

    def piece(self, response: str, item: str, seconds: float) -> None:
        pcm = bytes(round(seconds * RATE) * FRAME_BYTES)
        for start in range(0, len(pcm), 9600):
            self.says(wire.AudioDelta(response, item, pcm[start : start + 9600]))

    def finishes(self, response: str, status: str = "completed", **details: Any) -> None:
        usage = {"input_tokens": 100, "output_tokens": 50}
        info = wire.ResponseInfo(response, status, details or None, usage)
        self.says(wire.ResponseDone(info))

    def answers(self, response: str, item: str, seconds: float) -> None:
        """A whole reply, generated at once."""
        self.begins(response)
        self.sounds(response, item, seconds)
        self.finishes(response)

    def asked_and_answered(self, number: int, seconds: float) -> None:
        """A hands-free turn whose reply has just begun to sound. The gate must be open."""
        self.speak(0.6)
        self.notices(f"u{number}")
        self.speak(0.4)
        self.takes(f"u{number}")
        self.answers(f"r{number}", f"a{number}", seconds)

    # What came of it.

    @property
    def light(self) -> LightState:
        return self.lights[-1].state

    @property
    def gate(self) -> str:
        return type(self.talk.gate).__name__.lower()

    @property
    def reply(self) -> str:
        return self.talk.reply.value

    def messages(self, kind: type[Message]) -> list[Message]:
        return [message for message in self.sent if isinstance(message, kind)]

    @property
    def spoken_out(self) -> float:
        """Seconds of microphone audio that left."""
        return sum(sent.seconds for sent in self.audio if sent.captured)

    @property
    def silence_out(self) -> float:
        return sum(sent.seconds for sent in self.audio if not sent.captured)

    def played(self, item: str) -> float:
        """Seconds of it that were queued for the loudspeaker."""
        return self.speaker.received[ItemId(item)] / RATE

    def audible(self, item: str) -> float:
        self.speaker.run(self.now)
        return self.speaker.audible[ItemId(item)] / RATE

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The fields of the journal's lines of this kind."""
        return [dict(report.fields) for report in self.reports if report.event == event]

    def codes(self) -> list[str]:
        return [line["code"] for line in self.lines("error")]

    # The machinery.

    def post(self, event: Event) -> list[Effect]:
        effects = self.talk.handle(event)
        self.perform(effects)
        return effects

    def perform(self, effects: list[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case ev.ShowLight():
                self.lights.append(effect.light)
            case ev.OpenMicrophone() if not self.microphone_open:
                self._opened_at, self.microphone_open = self.now, True
            case ev.CloseMicrophone() if self.microphone_open:
                self.microphone_open = False
                self._at(CLOSE_S, self._closed(self._opened_at))
            case ev.SendAudio():
                self.audio.append(self._left(effect.uplink.pcm))
            case ev.Send():
                self.sent.append(effect.message)
            case ev.Play() | ev.EndPlay() | ev.Hold() | ev.GoOn() | ev.Cut() | ev.Hush():
                self._order(effect)
            case ev.Redial():
                self._at(REDIAL_S, lambda: self.lose(effect.code))
            case ev.Rest():
                self._at(REDIAL_S, lambda: self.lose("resting"))
            case _:
                self._note(effect)

    def _note(self, effect: Effect) -> None:
        match effect:
            case ev.Sound():
                self.cues.append(effect.cue)
                self._tell(TONE_S)
            case ev.Say():
                self.said.append(effect.code)
                self._tell(SENTENCE_S)
            case ev.Report():
                self.reports.append(effect)
            case ev.SetTimer():
                self.timers[effect.timer] = self.now + effect.after_s
            case ev.StopTimer():
                self.timers.pop(effect.timer, None)
            case _:
                pass

    def _left(self, pcm: bytes) -> Sent:
        if not any(pcm):
            return Sent(pcm, self.now, self.light, None)
        number = int((np.frombuffer(pcm, "<i2", 3).astype(int) - 1) @ [1, 64, 4096])
        return Sent(pcm, self.now, self.light, self._captured[number])

    def _at(self, after: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now + after, next(self._numbers), act))

    def _next(self) -> tuple[float, Callable[[], None]] | None:
        return min(self._candidates(), key=lambda due: due[0], default=None)

    def _candidates(self) -> Iterator[tuple[float, Callable[[], None]]]:
        if self._due:
            yield self._due[0][0], lambda: heapq.heappop(self._due)[2]()
        if self.timers:
            timer = min(self.timers, key=self.timers.__getitem__)
            yield self.timers[timer], lambda: self._fire(timer)
        if self.microphone_open:
            yield self._opened_at + BLOCK_S, self._capture
        silent = self.speaker.silent_at()
        if silent is not None:
            yield max(silent, self.now), self._played_out

    def _fire(self, timer: Timer) -> None:
        del self.timers[timer]
        self.post(ev.TimerFired(self.now, timer))

    def _capture(self) -> None:
        self._block(self._opened_at, self._opened_at + BLOCK_S)
        self._opened_at += BLOCK_S

    def _block(self, began: float, ended: float) -> None:
        number = next(self._numbers)
        samples = (VOICE if self.voice else ROOM)[number % 16][: round((ended - began) * RATE)]
        if len(samples) < 3:
            return
        marked = samples.copy()
        marked[:3] = number % 64 + 1, number // 64 % 64 + 1, number // 4096 + 1
        self._captured[number] = (began, ended)
        block = MicBlock(marked.tobytes(), ended)
        self.post(ev.MicHeard(block, self.speaker.echo(began, block, taken_db=self.echo_db)))

    def _closed(self, since: float) -> Callable[[], None]:
        ended = self.now

        def close() -> None:
            if ended - since > 1e-6:
                self._block(since, ended)
            self.post(ev.MicClosed(self.now))

        return close

    def _order(self, effect: Effect) -> None:
        """For the speaker, which takes one after the other."""
        match effect:
            case _ if self._cutting:
                self._after_cut.append(effect)
            case ev.Play():
                if not self.speaker.received[effect.item]:
                    self._at(0.0, lambda: self._sounded(effect.item))
                self.speaker.play(self.now, effect.item, frames_in(effect.pcm))
            case ev.Hold():
                self.speaker.hold(self.now)
            case ev.GoOn():
                self.speaker.go_on(self.now)
            case ev.EndPlay() if self.speaker.sounding:
                self.speaker.end()
            case ev.EndPlay():
                self._at(0.0, lambda: self._ended(()))
            case _:
                self._cutting = True
                self._at(CUT_S, self._cut)

    def _tell(self, seconds: float) -> None:
        self._order(ev.Play(CUE, silence(Frames(round(seconds * RATE)))))
        self._order(ev.EndPlay())

    def _sounded(self, item: ItemId) -> None:
        self.post(ev.Sounded(self.now, item))

    def _ended(self, account: tuple[Any, ...]) -> None:
        self.post(ev.PlayoutEnded(self.now, account, self.speaker.tones))

    def _played_out(self) -> None:
        self._ended(self.speaker.stop(self.now))

    def _cut(self) -> None:
        self._cutting = False
        ended = ev.PlayoutEnded(self.now, self.speaker.stop(self.now), self.speaker.tones)
        waiting, self._after_cut = self._after_cut, []
        for effect in waiting:
            self._order(effect)
        self.post(ended)
