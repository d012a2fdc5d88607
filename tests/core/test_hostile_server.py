"""Whatever a server says, in any order: silence where it belongs, one answer, no growth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.inspect import (
    AnyType,
    BytesType,
    DictType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from core.fuzz import Tally, fuzz
from core.fuzz_watch import CONVERSATION_BYTES, Besieged, size_of
from core.stage import Stage
from device.core import events as ev
from device.core import tables, wire
from device.core.events import Part
from device.core.habits import BENIGN
from device.core.ledger import ItemId
from device.core.reply import REMEMBERED

SOME = 5_000
"""`python -m core.fuzz 1000000` sends more."""
MANY = 10_000

Move = Callable[[Besieged], object]

IDS = {"response_id": "r", "id": "ra", "item_id": "au"}
"""Each id is one of few, so that they collide: of a reply, of one of its items, of an utterance."""
WORDS = ["completed", "failed", "cancelled", "message", "so it is", "", "\x00", *sorted(BENIGN)]
SOUND = [bytes(2 * frames) for frames in (0, 1, 480, 4800, 24_000, 60_000)]
NOTHING_KNOWN = [
    None, {}, {"reason": "turn_detected"}, {"error": {"code": "quota", "message": "no"}},
    {"error": ["x"]}, {"input_tokens": 5, "output_tokens": -1},
]  # fmt: skip


def values(kind: Type, *, name: str = "") -> st.SearchStrategy[Any]:
    """Anything that the decoder could make of this type."""
    match kind:
        case StructType():
            fields = {field.encode_name: field for field in kind.fields}
            inner = {known: values(field.type, name=known) for known, field in fields.items()}
            return st.builds(kind.cls, **inner)
        case UnionType():
            return st.one_of([values(one, name=name) for one in kind.types])
        case StrType() if name in IDS:
            return st.builds("{}{}".format, st.sampled_from(IDS[name]), st.integers(1, 3))
        case StrType():
            return st.sampled_from(WORDS) | st.text(max_size=300)
        case BytesType():
            return st.sampled_from(SOUND)
        case IntType():
            return st.sampled_from([0, 100, 900, -1, 1 << 40]) | st.integers()
        case NoneType():
            return st.none()
        case DictType() | AnyType():
            return st.sampled_from(NOTHING_KNOWN[1:])
        case _:
            raise NotImplementedError(f"say here how to make {kind}")


def server_events() -> st.SearchStrategy[ev.Received]:
    """Every message this version knows, of its own types: a new one is drawn as well."""
    kinds = [values(type_info(kind)) for kind in wire.ServerEvent.__args__]
    return st.builds(ev.Received, at=st.just(0.0), message=st.one_of(kinds))


def perform(stage: Besieged, one: str | ev.Received) -> None:
    """One move, or one event of the server if there is one."""
    if isinstance(one, str):
        MOVES[one](stage)
    elif stage.talk.link is tables.Link.UP:
        stage.says(one.message)


def _network(stage: Besieged) -> None:
    """The next thing that a network can do."""
    link = stage.talk.link
    if link is tables.Link.UP:
        stage.lose()
    elif link is tables.Link.OPENING:
        stage.post(ev.LinkUp(stage.now))
    else:
        stage.post(ev.Dialing(stage.now))


def _renew(stage: Besieged) -> None:
    if stage.talk.link is tables.Link.UP:
        stage.renew()
        stage.post(ev.RenewFailed(stage.now, "network", "it broke"))


def _toggle_voice(stage: Besieged) -> None:
    stage.voice = not stage.voice


MOVES: dict[str, Move] = {
    "press": Besieged.press,
    "release": Besieged.release,
    "tap": lambda stage: stage.post(ev.Tapped(stage.now)),
    "voice": _toggle_voice,
    "a moment": lambda stage: stage.wait(0.06),
    "a second": lambda stage: stage.wait(1.0),
    "a long while": lambda stage: stage.wait(15.0),
    "mute": lambda stage: stage.mute(on=True),
    "unmute": lambda stage: stage.mute(on=False),
    "network": _network,
    "renew": _renew,
    "no speaker": lambda stage: stage.fail(Part.SPEAKER),
    "no microphone": lambda stage: stage.fail(Part.MICROPHONE),
    "parts": lambda stage: [stage.post(ev.PartReady(stage.now, part)) for part in Part],
    "garbage": lambda stage: stage.comes(b"{"),
}


def moves() -> st.SearchStrategy[list[str | ev.Received]]:
    """A conversation: what people and networks do, between anything a server can say."""
    human = st.sampled_from(list(MOVES))
    return st.lists(st.one_of(server_events(), server_events(), human), min_size=15, max_size=60)


@given(
    duplex=st.sampled_from(["full", "half", "guarded"]),
    release=st.sampled_from(["commit", "server"]),
    siege=moves(),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_no_order_of_events_breaks_a_promise(
    siege: list[str | ev.Received], release: str, *, duplex: str
) -> None:
    stage = Besieged(duplex=duplex, release=release, linger_s=2.0)
    stage.connect()
    stage.tap()
    for one in siege:
        perform(stage, one)
    stage.check_size()
    stage.post(ev.Stopping(stage.now))
    assert stage.gate in ("closed", "muted")


@pytest.fixture(scope="module")
def tally() -> Tally:
    return fuzz(SOME, seed=7)


def test_nearly_right_messages_break_no_promise(tally: Tally) -> None:
    assert tally.sent >= SOME
    assert tally.largest < CONVERSATION_BYTES


def test_the_messages_reach_every_corner(tally: Tally) -> None:
    known = {kind.__name__ for kind in wire.ServerEvent.__args__}
    assert known | {"Unknown", "garbage"} <= set(tally.kinds)
    assert tally.kinds["garbage"] < SOME / 2
    reached = {state.split(", ")[1] for state in tally.states}
    # Held takes a proof of three seconds first: `core/test_duplex.py`.
    assert set(tables.Reply) - {tables.Reply.HELD} <= reached
    assert len(tally.states) > 12


# One server's ways to make a conversation grow: all of them at once, ten thousand times.

GROWTH: dict[str, Callable[[Stage, int], None]] = {
    "replies that never end": lambda stage, n: stage.begins(f"r{n}" + "x" * 200),
    "items without a reply": lambda stage, n: stage.says(
        wire.OutputItemAdded("r", wire.ItemInfo(f"a{n}" + "x" * 200))
    ),
    "items of one reply": lambda stage, n: stage.says(
        wire.OutputItemAdded("r0", wire.ItemInfo(f"a{n}" + "x" * 200))
    ),
    "a letter after the other": lambda stage, _: stage.words("a0", "ä" * 1000),
    "utterances": lambda stage, n: stage.takes(f"u{n}" + "x" * 200, until=n),
    "transcripts": lambda stage, n: stage.writes(f"u{n}" + "x" * 200, "ä" * 9000),
    "crumbs of sound": lambda stage, _: stage.says(wire.AudioDelta("r0", "a0", b"\x01\x00")),
    "errors": lambda stage, n: stage.says(
        wire.ServerError(wire.Fault("y" * 9000, f"code {n}" + "x" * 9000))
    ),
    "failures": lambda stage, n: stage.finishes(f"r{n}", "failed", error={"code": f"code {n}"}),
    "strangers": lambda stage, n: stage.says(wire.Unknown(f"kind {n}")),
    "garbage": lambda stage, n: stage.perform(
        stage.talk.handle(ev.Garbled(stage.now, f"garbage {n}"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", ["held", "latched"])
def test_ten_thousand_events_leave_a_conversation_small(way: str) -> None:
    stage = Besieged(duplex="full")
    stage.connect()
    stage.press() if way == "held" else stage.tap()
    stage.speak(0.6)
    stage.notices("u")
    stage.takes("u")
    stage.begins("r0")
    stage.says(wire.OutputItemAdded("r0", wire.ItemInfo("a0")))
    for number in range(MANY):
        for grow in GROWTH.values():
            if number % 20 == 0 or grow is GROWTH["replies that never end"]:
                grow(stage, number)
    assert stage.check_size() < 1_500_000
    assert len(stage.talk.ignored) < 15


@pytest.mark.parametrize("name", GROWTH)
def test_nothing_that_a_server_repeats_makes_a_conversation_grow(name: str) -> None:
    stage = Stage(duplex="full")
    stage.press()
    stage.begins("r0")
    stage.says(wire.OutputItemAdded("r0", wire.ItemInfo("a0")))
    sizes = []
    for number in range(MANY):
        GROWTH[name](stage, number)
        stage.reports.clear()
        stage.effects.clear()
        stage.lights.clear()
        if number in (MANY * 3 // 4, MANY - 1):
            sizes.append(size_of(stage.talk))
    assert sizes[1] <= sizes[0] + 5_000


# What was found, one by one.


def test_an_answer_that_a_server_repeats_is_played_once() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.asked_and_answered(1, 1.0)
    stage.wait(0.3)
    stage.answers("r1", "a1", 1.0)
    stage.wait(3.0)
    stage.answers("r1", "a1", 1.0)
    stage.sounds("r1", "a2", 1.0)
    stage.wait(3.0)
    assert stage.audible("a1") == 1.0
    assert stage.played("a2") == 0.0


def test_a_reply_that_was_cut_stays_cut_however_many_are_cut_after_it() -> None:
    stage = Stage(duplex="full")
    stage.tap()
    stage.asked_and_answered(0, 5.0)
    stage.notices("v")
    for number in range(2 * REMEMBERED):
        stage.takes(f"t{number}")
        stage.begins(f"x{number}")
        stage.notices(f"w{number}")
        before = stage.played("a0")
        stage.piece("r0", "a0", 0.02)
        assert stage.played("a0") == before


def test_an_end_in_the_far_future_takes_no_words_that_are_yet_to_be_said() -> None:
    stage = Stage(duplex="full")
    stage.press()
    stage.speak(0.6)
    stage.notices("u1")
    stage.says(wire.SpeechStopped("u1", 10**15))
    stage.says(wire.Committed("u1"))
    stage.answers("r1", "a1", 0.5)
    stage.release()
    stage.wait(3.0)
    stage.press()
    stage.speak(1.0)
    stage.release()
    stage.wait(3.0)
    assert stage.lines("nothing-heard") == []
    assert stage.messages(wire.Commit) == [wire.Commit()]


@pytest.mark.parametrize("code", sorted(BENIGN - {"conversation_already_has_active_response"}))
def test_a_lost_race_does_not_revive_the_question_that_was_interrupted(code: str) -> None:
    stage = Stage(duplex="full")
    stage.press()
    stage.speak(0.6)
    stage.notices("u1")
    stage.speak(0.3)
    stage.release()
    stage.wait(0.1)
    assert stage.reply == "awaited"
    stage.press()
    stage.says(wire.ServerError(wire.Fault("too late", code)))
    stage.answers("r1", "a1", 1.0)
    stage.release()
    stage.wait(3.0)
    assert stage.audible(ItemId("a1")) == 0.0


def test_crumbs_of_sound_count_for_more_than_they_last() -> None:
    stage = Stage(duplex="full")
    stage.press()
    stage.begins("r1")
    stage.says(wire.OutputItemAdded("r1", wire.ItemInfo("a1")))
    for _ in range(7000):
        stage.says(wire.AudioDelta("r1", "a1", b"\x01\x00"))
    stage.release()
    assert stage.talk.ignored["audio beyond the longest reply"] == 1000
