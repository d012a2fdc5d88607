"""A server gone mad, from one seed, and a conversation that has to live with it.

`PYTHONPATH=tests python -m core.fuzz 1000000 [SEED]` sends so many messages, as bytes through the
decoder, and prints what came of it.
"""

from __future__ import annotations

import base64
import copy
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from random import Random
from typing import Any, Final

import msgspec

from core.fuzz_watch import Besieged
from core.watch import Walk
from device.core import wire
from rubbish import memory_mb, places_in

Json = dict[str, Any]

WAYS: Final = [
    {"style": style, "release": release, "duplex": duplex}
    for style, release, duplex in product(
        ["auto", "tap", "hold"], ["commit", "server"], ["full", "half"]
    )
]
LOOK: Final = 5_000
"""Messages from one measurement of a conversation's memory to the next."""
BURST: Final = 40
CROWD: Final = 200
"""Items of one connection; no server makes so many between two drops, and 256 are remembered."""

_SOUND: Final = base64.b64encode(b"\x01\x02" * 480).decode()
_R, _A, _U = {"response_id": "r1"}, {"item_id": "a1"}, {"item_id": "u1"}
VALID: Final[list[Json]] = [
    {"type": "session.created", "session": {"id": "s", "model": None, "voice": None}},
    {"type": "session.updated", "session": {"audio": {"input": {"turn_detection": None}}}},
    {"type": "error", "error": {"type": "invalid_request_error", "code": "x", "message": "no"}},
    {"type": "error", "error": {"code": "input_audio_buffer_commit_empty", "message": "empty"}},
    {"type": "error", "error": {"code": "conversation_already_has_active_response"}},
    {"type": "input_audio_buffer.speech_started", **_U, "audio_start_ms": 100},
    {"type": "input_audio_buffer.speech_stopped", **_U, "audio_end_ms": 900},
    {"type": "input_audio_buffer.committed", **_U, "previous_item_id": None},
    {"type": "conversation.item.created", "item": {"id": "u1", "type": "message"}},
    {"type": "conversation.item.input_audio_transcription.completed", **_U, "transcript": "so"},
    {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}},
    {"type": "response.output_item.added", **_R, "item": {"id": "a1", "type": "message"}},
    {"type": "response.output_audio.delta", **_R, **_A, "delta": _SOUND, "content_index": 0},
    {"type": "response.output_audio.delta", **_R, **_A, "delta": "AAA="},
    {"type": "response.audio.delta", **_R, **_A, "delta": _SOUND},
    {"type": "response.output_audio_transcript.delta", **_R, **_A, "delta": "It is "},
    {"type": "response.audio_transcript.delta", **_R, **_A, "delta": "half past nine."},
    {"type": "response.output_audio.done", **_R, **_A},
    {"type": "response.audio.done", **_R, **_A},
    {"type": "response.done", "response": {"id": "r1", "status": "completed", "usage": {
        "input_tokens": 10, "output_tokens": 20, "input_token_details": {"text_tokens": 1}}}},
    {"type": "response.done", "response": {"id": "r1", "status": "cancelled",
        "status_details": {"type": "cancelled", "reason": "turn_detected"}}},
    {"type": "response.done", "response": {"id": "r1", "status": "failed", "status_details": {
        "error": {"code": "insufficient_quota", "message": "no money"}}}},
    {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "remaining": 1}]},
    {"type": "conversation.item.truncated", **_A, "audio_end_ms": 5, "content_index": 0},
    {"type": "ping", "timestamp": 1.5},
]  # fmt: skip


@dataclass
class Tally:
    """What came of the messages."""

    sent: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """What the decoder made of them."""
    states: Counter[str] = field(default_factory=Counter)
    """Where the conversation was when they came: gate and reply."""
    largest: int = 0
    """Bytes of the largest conversation seen, with all it holds."""
    seconds: float = 0.0
    grown_mb: float = 0.0
    """More resident memory than after the first tenth."""


class Madness:
    """Frames from one seed; `life` tells the ids of one connection from those of another."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._doomed: list[Callable[[bytes], bytes]] = [
            lambda text: text[: chance.randrange(len(text))],
            lambda text: self._flipped(text),
            lambda _: chance.randbytes(chance.randrange(60)),
            lambda text: text.replace(b'"', b"\xff", 1),
            lambda text: text + text,
            lambda text: b"\xef\xbb\xbf" + text,
            lambda text: text[:-1] + b',"deep":' + b"[" * 1200 + b"]" * 1200 + b"}",
            lambda text: text[:-1] + b',"response":' + b'{"a":' * 990 + b"1" + b"}" * 991,
            lambda text: text[:-1] + b',"audio_end_ms":%b}' % (b"9" * chance.choice([9, 40, 5000])),
            lambda text: text[:-1] + b',"type":"error"}',
            lambda text: text.replace(b"1", chance.choice([b"NaN", b"-1", b"1e999"])),
            lambda text: text.replace(b"a1", b"\\ud800"),
        ]  # fmt: skip

    def frame(self, life: int) -> bytes:
        """One message: mostly an event after up to three accidents, at times no event at all."""
        event = self._chance.choice(VALID)
        accidents = self._chance.choice([0, 0, 0, 0, 1, 1, 2, 3])
        if accidents:
            event = copy.deepcopy(event)
            for _ in range(accidents):
                self._harm(event)
        text = json.dumps(event).encode()
        for letter in (b"r", b"a", b"u"):
            number = self._chance.choice([1, 1, 2, 3])
            text = text.replace(b'"%b1"' % letter, b'"%b%d.%d"' % (letter, number, life))
        return text if self._chance.random() < 0.9 else self._chance.choice(self._doomed)(text)

    def _flipped(self, text: bytes) -> bytes:
        at = self._chance.randrange(len(text))
        return text[:at] + self._chance.randbytes(1) + text[at + 1 :]

    def _harm(self, event: Json) -> None:
        places = list(places_in(event))
        if len(places) > 1 and self._chance.random() < 0.9:
            places = places[1:]  # all but the type: without it nothing else is looked at
        if not places:
            return
        holder, name = self._chance.choice(places)
        match self._chance.randrange(4):
            case 0:
                del holder[name]
            case 1:
                other, place = self._chance.choice(places)
                holder[name] = copy.deepcopy(other[place])
            case 2 if isinstance(holder, dict):
                holder[self._chance.choice(_WORDS)] = self._value()
            case _:
                holder[name] = self._value()

    def _value(self) -> Any:
        chance = self._chance
        makers: list[Callable[[], Any]] = [
            lambda: chance.choice([None, True, False, 0, -1, 1.5, 2**80, -(2**70), 1e308]),
            lambda: chance.choice(["", "r1", "a1", "u1", "failed", "turn_detected", "\x00\n\x1b["]),
            lambda: "x" * chance.choice([100, 257, 5000, 100_000]),
            lambda: base64.b64encode(chance.randbytes(chance.randrange(4000))).decode(),
            lambda: base64.b64encode(bytes(96_000)).decode(),
            lambda: base64.b64encode(chance.randbytes(40)).decode()[: chance.randrange(50)],
            lambda: [copy.deepcopy(chance.choice(VALID))],
            lambda: {chance.choice(_WORDS): chance.choice([None, 1, "a", [], {}])},
            lambda: [0] * chance.choice([1, 5000]),
        ]
        return chance.choice(makers)()


_WORDS: Final = [
    *(name for _, name in places_in(VALID) if isinstance(name, str)),
    *("", "bogus", "__class__", "\x00", "x" * 5000),
]


class Bytewise(Besieged):
    """Whatever this stage's server says is bytes first: a sane walk goes through the decoder."""

    def __init__(self, tally: Tally, **habits: Any) -> None:
        self._tally = tally
        super().__init__(**habits)

    def says(self, message: wire.ServerEvent | wire.Unknown) -> None:
        if not isinstance(message, wire.Unknown):
            self.frame(msgspec.json.encode(message))

    def frame(self, text: bytes) -> None:
        """One message as it comes from the network."""
        self._tally.sent += 1
        self._tally.kinds[self.comes(text)] += 1
        self._tally.states[f"{self.gate}, {self.reply}"] += 1


def fuzz(count: int, *, seed: int = 1) -> Tally:
    """Send so many messages to twelve conversations, a twelfth of them to each.

    Raises `AssertionError`, or whatever the core raised, with the message that did it.
    """
    tally = Tally()
    began = time.monotonic()
    warm_mb = 0.0
    for number, way in enumerate(WAYS):
        stage = Bytewise(tally, linger_s=2.0, **way)
        chance = Random(seed * 1_000_003 + number)
        walk, madness = Walk(stage, seed * 31 + number), Madness(chance)
        share, looked = (number + 1) * count // len(WAYS), tally.sent
        while tally.sent < share:
            walk.go(16)
            if len(stage.announced) > CROWD:
                stage.lose()
            for _ in range(min(BURST, share - tally.sent) if walk.link == "up" else 0):
                stage.frame(madness.frame(stage.life))
            if tally.sent - looked >= LOOK:
                looked = tally.sent
                tally.largest = max(tally.largest, stage.check_size())
            if not warm_mb and tally.sent * 10 >= count:
                warm_mb = memory_mb()
        tally.largest = max(tally.largest, stage.check_size())
        walk.rest()
    tally.grown_mb = memory_mb() - warm_mb
    tally.seconds = time.monotonic() - began
    return tally


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tally = fuzz(count, seed=seed)
    sys.stdout.write(
        f"{tally.sent} messages, {tally.seconds:.0f} s, {tally.sent / tally.seconds:.0f} a second; "
        f"the largest conversation {tally.largest / 1e6:.1f} MB, "
        f"the process {memory_mb():.0f} MB ({tally.grown_mb:+.0f} MB since the first tenth)\n"
    )
    for what, times in [*tally.kinds.most_common(), *tally.states.most_common()]:
        sys.stdout.write(f"{times:8} {what}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
