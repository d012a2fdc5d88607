"""Messages that are nearly right, from one seed, and a server that has to answer each of them.

`PYTHONPATH=tests python -m simulator.fuzz 100000` sends so many and prints what came of it.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.simulator import Answer, Script, Simulator
from rubbish import memory_mb, places_in
from simulator.caller import Caller, silence, speech
from simulator.judge import check_server

Json = dict[str, Any]

TOGETHER: Final = 4
"""Sessions at the same time."""
LIFE: Final = 1000
"""Messages of a session; then a text frame that is no UTF-8 ends it."""
BATCH: Final = 50
PATIENCE_S: Final = 30.0
LONGEST_MESSAGE: Final = 1500
"""Characters of an error's `message`: a client's own words are quoted, not repeated."""
SCRIPT: Final = Script(
    [Answer.tone(0.1, first_delta_s=0, speed=float("inf"), transcript="yes")], heard=["so"]
)

_SOUND: Final = base64.b64encode(speech(0.05)).decode()
_VALID: Final[list[Json]] = [
    {"type": "session.update", "session": {
        "type": "realtime", "instructions": "Be brief.", "output_modalities": ["audio"],
        "max_output_tokens": 100, "tool_choice": "auto", "tools": [
            {"type": "function", "name": "look", "parameters": {"type": "object"}},
            {"type": "mcp", "server_label": "home", "server_url": "https://home/mcp"}],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
                "transcription": {"model": "gpt-transcribe", "language": "en"}},
            "output": {"format": {"type": "audio/pcm"}, "voice": "marin", "speed": 1.0}}}},
    {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {
        "turn_detection": {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": 5000}}}}},
    {"type": "input_audio_buffer.append", "audio": _SOUND},
    {"type": "input_audio_buffer.append", "audio": base64.b64encode(silence(0.3)).decode()},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "previous_item_id": None, "item": {
        "id": "mine", "type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "hi"}, {"type": "input_audio", "audio": _SOUND}]}},
    {"type": "conversation.item.create", "item": {
        "type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "yes"}]}},
    {"type": "conversation.item.create", "item": {
        "type": "function_call", "name": "look", "arguments": "{}", "call_id": "call_1"}},
    {"type": "conversation.item.create", "item": {
        "type": "function_call_output", "call_id": "call_1", "output": "nothing"}},
    {"type": "conversation.item.truncate", "item_id": "mine", "content_index": 0,
     "audio_end_ms": 10},
    {"type": "conversation.item.retrieve", "item_id": "mine"},
    {"type": "conversation.item.delete", "item_id": "mine"},
    {"type": "response.create"},
    {"type": "response.create", "response": {
        "conversation": "none", "instructions": "A title.", "metadata": {"purpose": "title"},
        "output_modalities": ["text"], "input": [{"type": "item_reference", "id": "mine"}]}},
    {"type": "response.cancel", "response_id": "resp_1"},
]  # fmt: skip


@dataclass
class Tally:
    """What came of the messages."""

    sent: int = 0
    sessions: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """Events by type."""
    codes: Counter[str] = field(default_factory=Counter)
    """Errors by code."""
    wrong: list[str] = field(default_factory=list)
    """What the server should not have done."""
    seconds: float = 0.0
    grown_mb: float = 0.0
    """More memory than after the first tenth."""

    def blame(self, what: str) -> None:
        if len(self.wrong) < 20:
            self.wrong.append(what[:1000])


class Fuzz:
    """Frames from one seed. `doomed` is one that no server may take."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._doomed: list[Callable[[Json], str | bytes]] = [
            lambda event: self._cut(json.dumps(event)),
            lambda _: self._chance.randbytes(self._chance.randrange(40)),
            lambda _: "\ufeff" + self._chance.choice(["", " ", "{}"]),
            lambda _: self._chance.choice(
                ["[" * 100_000, '{"a":' * 5000, "null", "[]", "9" * 5000]
            ),
            lambda event: json.dumps({**event, "audio_end_ms": float("nan")}),
            lambda event: json.dumps({**event, "event_id": self._chance.choice([7, None, []])}),
            lambda event: json.dumps({**event, "item": _nested(self._chance.choice([64, 300]))}),
            lambda event: json.dumps({**event, "item": "\ud800"}),
        ]

    def nearly(self, event_id: str) -> str:
        """A valid event after up to three accidents; its `event_id` stays."""
        event = copy.deepcopy(self._chance.choice(_VALID))
        for _ in range(self._chance.choice([0, 0, 1, 1, 1, 2, 3])):
            self._harm(event)
        return json.dumps({**event, "event_id": event_id})

    def doomed(self) -> str | bytes:
        """No event at all, or one with an `event_id` that cannot be told back."""
        return self._chance.choice(self._doomed)(copy.deepcopy(self._chance.choice(_VALID)))

    def _cut(self, text: str) -> str:
        return text[: self._chance.randrange(len(text))]

    def _harm(self, event: Json) -> None:
        places = list(places_in(event))
        if len(places) > 1 and self._chance.random() < 0.9:
            places = places[1:]  # all but the type: without it nothing else is looked at
        if not places:
            return
        holder, name = self._chance.choice(places)
        match self._chance.randrange(5):
            case 0:
                del holder[name]
            case 1 if isinstance(holder, dict):
                holder[self._word()] = holder.pop(name)
            case 2:
                other, place = self._chance.choice(places)
                holder[name] = copy.deepcopy(other[place])
            case 3 if isinstance(holder, dict):
                holder[self._word()] = self._value()
            case _:
                holder[name] = self._value()

    def _word(self) -> str:
        return self._chance.choice(_WORDS)

    def _value(self) -> Any:
        chance = self._chance
        makers: list[Callable[[], Any]] = [
            lambda: chance.choice([None, True, False, 0, -1, 1.5, 2**80, -(10**400), 1e308]),
            lambda: chance.choice(["", "root", "mine", "audio/pcmu", "server_vad", "\x00", "é"]),
            lambda: "x" * chance.choice([100, 100, 5000, 300_000]),
            lambda: base64.b64encode(chance.randbytes(chance.randrange(400))).decode(),
            lambda: base64.b64encode(chance.randbytes(40)).decode()[: chance.randrange(50)],
            lambda: [copy.deepcopy(chance.choice(_VALID))],
            lambda: {self._word(): chance.choice([None, 1, "a", [], {}])},
            lambda: _nested(10),
            lambda: [0] * chance.choice([1, 5000]),
        ]
        return chance.choice(makers)()


def _nested(levels: int) -> Any:
    value: Any = "deep"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


_WORDS: Final = [
    *(name for _, name in places_in(_VALID) if isinstance(name, str)),
    *("", "bogus", "__class__", "\x00", "x" * 5000),
]


class _Session:
    """One connection: sends in batches, reads meanwhile, and knows what must have come."""

    def __init__(self, ws: ClientConnection, tally: Tally) -> None:
        self._ws = ws
        self._tally = tally

    async def play(self, fuzz: Fuzz, chance: Random, *, count: int) -> None:
        for first in range(0, count, BATCH):
            names: list[str] = []
            doomed = 0
            reading = asyncio.create_task(self._read_until(f"mark {first}"))
            for number in range(first, min(count, first + BATCH)):
                if chance.random() < 0.25:
                    doomed += 1
                    await self._ws.send(fuzz.doomed())
                else:
                    names.append(f"n{number}")
                    await self._ws.send(fuzz.nearly(names[-1]))
            self._tally.sent += doomed + len(names)
            await self._ws.send(json.dumps({"type": "nonsense", "event_id": f"mark {first}"}))
            errors = await asyncio.wait_for(reading, PATIENCE_S)
            self._judge(errors, names=names, doomed=doomed)
        await self._ws.send(b"\xff\xfe{}", text=True)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._read_until("never")
        except ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code != 1007:
                self._tally.blame(f"a text that is no UTF-8 ended with {closed.rcvd}")

    async def _read_until(self, mark: str) -> list[Json]:
        errors: list[Json] = []
        while True:
            event: Json = json.loads(await self._ws.recv())
            self._tally.answers[event["type"]] += 1
            if event["type"] != "error":
                continue
            if event["error"]["event_id"] == mark:
                return errors
            errors.append(event)

    def _judge(self, errors: list[Json], *, names: list[str], doomed: int) -> None:
        """Each doomed frame has one nameless error; no other frame has two of its own."""
        told = Counter(event["error"]["event_id"] for event in errors)
        nameless = told.pop(None, 0)
        if nameless != doomed:
            self._tally.blame(f"{doomed} frames could not be taken, {nameless} errors tell of them")
        for name, times in told.items():
            if times != 1 or name not in names:
                self._tally.blame(f"{times} errors for {name}")
        for event in errors:
            error = event["error"]
            self._tally.codes[str(error["code"])] += 1
            shape = check_server(event)
            if shape or error["type"] != "invalid_request_error":
                self._tally.blame(f"{shape}: {event}")
            if not 0 < len(error["message"]) <= LONGEST_MESSAGE:
                self._tally.blame(f"an error of {len(error['message'])} characters")


class _Complaints(logging.Handler):
    """Whatever the server, its library or the event loop had to say is wrong."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(logging.WARNING)
        self._tally = tally

    def emit(self, record: logging.LogRecord) -> None:
        self._tally.blame(f"{record.name}: {logging.Formatter().format(record)}")


async def fuzz(count: int, *, seed: int = 1) -> Tally:
    """Send so many messages to a simulator in this process, then hold a spoken turn with it."""
    tally = Tally()
    complaints = _Complaints(tally)
    logging.getLogger().addHandler(complaints)
    began = time.monotonic()
    try:
        async with Simulator(SCRIPT) as simulator:
            lives = [min(LIFE, count - first) for first in range(0, count, LIFE)]
            warm_mb = 0.0
            waiting = list(enumerate(lives))

            async def visit() -> None:
                nonlocal warm_mb
                while waiting:
                    number, life = waiting.pop(0)
                    chance = Random(seed * 1_000_003 + number)
                    url = f"{simulator.url}?model=gpt-realtime-2.1"
                    async with connect(url, compression=None, proxy=None, max_size=None) as ws:
                        await _Session(ws, tally).play(Fuzz(chance), chance, count=life)
                    tally.sessions += 1
                    if not warm_mb and tally.sent * 10 >= count:
                        warm_mb = memory_mb()

            await asyncio.gather(*(visit() for _ in range(TOGETHER)))
            tally.grown_mb = memory_mb() - warm_mb
            await _spoken_turn(simulator, tally)
    finally:
        logging.getLogger().removeHandler(complaints)
    tally.seconds = time.monotonic() - began
    return tally


async def _spoken_turn(simulator: Simulator, tally: Tally) -> None:
    async with asyncio.timeout(PATIENCE_S), Caller(simulator.url) as caller:
        await caller.ask()
        done = await caller.last("response.done")
        if done["response"]["status"] != "completed":
            tally.blame(f"afterwards a turn ended {done}")


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tally = asyncio.run(fuzz(count, seed=seed))
    errors = sum(tally.codes.values())
    sys.stdout.write(
        f"{tally.sent} messages in {tally.sessions} sessions, {tally.seconds:.0f} s; "
        f"{errors} refused, {sum(tally.answers.values())} events came, "
        f"{tally.grown_mb:+.0f} MB\n"
    )
    for code, times in tally.codes.most_common():
        sys.stdout.write(f"{times:8} {code}\n")
    for what in tally.wrong:
        sys.stdout.write(f"WRONG: {what}\n")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
