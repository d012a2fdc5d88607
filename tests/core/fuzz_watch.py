"""A stage whose server is hostile: all that `Watched` checks, and that nothing grows or repeats."""

from __future__ import annotations

import gc
import sys
from collections import Counter, OrderedDict
from types import FunctionType, ModuleType
from typing import Any, Final

from msgspec import Struct

from core.watch import Watched
from device.core import events as ev
from device.core import wire
from device.core.audio import frames_in
from device.core.events import Effect, Event
from device.core.memory import BUDGET, REMEMBERED
from device.core.words import KEPT

CONVERSATION_BYTES: Final = 8_000_000
"""A conversation with all it holds: twice 30 s of words (2.9 MB), 2 s of a reply, the books."""
IGNORED_KINDS: Final = 40
"""The reasons why something was of no use are ours, not the server's."""
BLOCKS, ITEMS = 16_384, 1024
"""What the stage itself remembers, so that a long siege does not grow by its own books."""
LEFT_OUT = (type, ModuleType, FunctionType)


class _Latest(OrderedDict[Any, Any]):
    """The last `BLOCKS` entries."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > BLOCKS:
            self.popitem(last=False)


class Besieged(Watched):
    """Nothing is played twice, no turn is lost without a line, and everything is bounded."""

    def __init__(self, **habits: Any) -> None:
        self.life = 0
        """Which connection this is: a server's ids are its own."""
        self._offered: Counter[str] = Counter()
        self._played: Counter[str] = Counter()
        self._over: set[str] = set()
        super().__init__(**habits)
        self._captured = _Latest()

    def comes(self, text: bytes) -> str:
        """Bytes from the network, as the link takes them; returns what the decoder saw in them."""
        try:
            message = wire.decode(text)
        except wire.WireError as problem:
            what = str(problem)
        else:
            self.post(ev.Received(self.now, message))
            return type(message).__name__
        assert len(what) < 300, "an error as long as the message"
        self.post(ev.Garbled(self.now, what))
        return "garbage"

    def post(self, event: Event) -> list[Effect]:
        match event:
            case ev.LinkUp() | ev.LinkDown():
                self._new_life()
            case ev.Received(message=message):
                self._listen(message)
            case _:
                pass
        waits = self._waits
        effects = super().post(event)
        if waits and self.reply == "quiet":
            self._check_told(event, effects)
        if isinstance(event, ev.LinkUp):
            self._check_history(effects)
        self.cues.clear()
        return effects

    @property
    def _waits(self) -> bool:
        """Something was asked, and nothing of the answer has sounded."""
        asked = self.talk._answer.turn.asked_at is not None
        return asked and self.reply in ("awaited", "withheld")

    def check_size(self) -> int:
        """Everything the conversation holds; returns it in bytes."""
        words, talk = self.talk._question._words, self.talk
        for blocks, frames in (
            (words._waiting, words._waiting_frames),
            (words._sent, words._sent_frames),
        ):
            assert sum(word.frames for word in blocks) == frames <= KEPT
        assert len(talk._memory._sayings) <= REMEMBERED
        assert len(talk.ignored) <= IGNORED_KINDS, talk.ignored
        size = size_of(talk)
        assert size < CONVERSATION_BYTES, f"the conversation has grown to {size} bytes"
        return size

    def _perform(self, effect: Effect) -> None:
        super()._perform(effect)
        if isinstance(effect, ev.Play):
            self._played[effect.item] += frames_in(effect.pcm)
            assert self._played[effect.item] <= self._offered[effect.item], "it is played twice"

    def _new_life(self) -> None:
        self.life += 1
        self.dead.clear()
        self._over.clear()
        self._offered.clear()
        self._played.clear()
        for book in (self.speaker.audible, self.speaker.received):
            for item in list(book)[:-ITEMS]:
                del book[item]

    def _listen(self, message: wire.ServerEvent | wire.Unknown) -> None:
        """What may be played: the sound of a reply until it is done."""
        match message:
            case wire.AudioDelta(response_id=whose, item_id=item) if whose not in self._over:
                if self.announced.get(item) == whose:
                    self._offered[item] += frames_in(message.delta)
            case wire.ResponseDone() if message.response.id in self.begun:
                self._over.add(message.response.id)
            case _:
                pass

    def _check_told(self, event: Event, effects: list[Effect]) -> None:
        """A reply that was awaited will not come: the journal says so, unless it is asked again."""
        told = any(isinstance(it, ev.Report) and it.event in ("turn", "error") for it in effects)
        speaks = isinstance(event, ev.Received) and isinstance(
            event.message, wire.SpeechStarted | wire.ResponseDone
        )
        again = self.talk._question._words.waiting
        assert told or speaks or again, f"a turn is lost without a line by {event}"

    def _check_history(self, effects: list[Effect]) -> None:
        told = [it.message for it in effects if isinstance(it, ev.Send)]
        texts = [it.item.content[0].text for it in told if isinstance(it, wire.CreateItem)]
        assert sum(map(len, texts)) <= BUDGET
        assert len(texts) <= REMEMBERED


def size_of(whole: object) -> int:
    """Bytes of an object and all it leads to; classes, modules and functions are not its own."""
    seen: set[int] = set()
    waiting, total = [whole], 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, LEFT_OUT):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if isinstance(one, Struct):  # those without `gc` have no referents to tell
            waiting += [getattr(one, name) for name in one.__struct_fields__]
        else:
            waiting += gc.get_referents(one)
    return total
